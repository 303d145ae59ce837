-- How many rows and how many different offsets events_raw holds, by windows of offsets of each partition.
-- groupBitmap counts as exactly as uniqExact, in about a bit an offset.
-- Parameters: window, offsets of a window; topics, partitions, lows, ends: parallel, the offsets of each
-- topic-partition that are to be accounted for (`ends` are not included).
-- Result: epoch, topic, partition, window (its number), rows, offsets, within (offsets that are to be accounted for).
SELECT
    stored.kafka_epoch AS epoch,
    stored.kafka_topic AS topic,
    stored.kafka_partition AS partition,
    intDiv(stored.kafka_offset, {window:UInt64}) AS window,
    count() AS rows,
    groupBitmap(stored.kafka_offset) AS offsets,
    groupBitmapIf(stored.kafka_offset, stored.kafka_offset >= bounds.low AND stored.kafka_offset < bounds.end) AS within
FROM events_raw AS stored
ANY LEFT JOIN
(
    SELECT topic AS kafka_topic, partition AS kafka_partition, low, end
    FROM (SELECT 1)
    ARRAY JOIN
        {topics:Array(String)} AS topic,
        {partitions:Array(UInt32)} AS partition,
        {lows:Array(UInt64)} AS low,
        {ends:Array(UInt64)} AS end
) AS bounds USING (kafka_topic, kafka_partition)
GROUP BY epoch, topic, partition, window
ORDER BY epoch, topic, partition, window
SETTINGS max_threads = 1
