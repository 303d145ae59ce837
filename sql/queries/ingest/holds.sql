-- Whether anything of a range of offsets is stored: asked only when ClickHouse refused its rows.
-- Parameters: epoch, topic, partition, first, last (both inclusive).
-- Result: one row, one number.
SELECT
    (SELECT count() FROM recent_event_ids
     WHERE kafka_topic = {topic:String} AND kafka_partition = {partition:UInt32} AND kafka_epoch = {epoch:String}
        AND kafka_offset BETWEEN {first:UInt64} AND {last:UInt64})
    +
    (SELECT count() FROM events_raw
     WHERE kafka_topic = {topic:String} AND kafka_partition = {partition:UInt32} AND kafka_epoch = {epoch:String}
        AND kafka_offset BETWEEN {first:UInt64} AND {last:UInt64})
