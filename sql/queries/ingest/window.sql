-- The duplicate window of one partition, read back when it is taken over: folds of the ids stored last.
-- A fold is 64 bits of a UUID (ingest/duplicates.py computes the same, and says why so), 8 bytes on the wire.
-- Parameters: epoch, topic, partition; before: only offsets below it; most: how many.
-- Result: fold, oldest first.
SELECT fold
FROM
(
    SELECT
        kafka_offset,
        reinterpretAsUInt64(reverse(substring(UUIDToNum(event_id), 1, 8))) AS high,
        reinterpretAsUInt64(reverse(substring(UUIDToNum(event_id), 9, 8))) AS low,
        high * 0x9E3779B97F4A7C15 AS spread,
        bitXor(spread, bitShiftRight(spread, 32)) * 0x9E3779B97F4A7C15 + low AS fold
    FROM recent_event_ids
    WHERE kafka_topic = {topic:String}
        AND kafka_partition = {partition:UInt32}
        AND kafka_epoch = {epoch:String}
        AND kafka_offset < {before:UInt64}
    ORDER BY kafka_offset DESC
    LIMIT {most:UInt64}
)
ORDER BY kafka_offset
