-- The offsets first..last of one partition that events_raw lacks, as ranges: asked only of windows that are not full.
-- Parameters: epoch, topic, partition, first, last (both inclusive).
-- Result: begin, end (both inclusive), in order.
SELECT begin, kafka_offset - 1 AS end
FROM
(
    SELECT
        kafka_offset,
        lagInFrame(kafka_offset + 1, 1, {first:UInt64}) OVER (
            ORDER BY kafka_offset ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        ) AS begin
    FROM
    (
        SELECT DISTINCT kafka_offset
        FROM events_raw
        WHERE kafka_epoch = {epoch:String}
            AND kafka_topic = {topic:String}
            AND kafka_partition = {partition:UInt32}
            AND kafka_offset BETWEEN {first:UInt64} AND {last:UInt64}
        UNION ALL
        SELECT {last:UInt64} + 1
    )
)
WHERE kafka_offset > begin
ORDER BY begin
SETTINGS max_threads = 1
