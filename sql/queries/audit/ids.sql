-- Where some event ids are stored: a message whose id lies at another offset of its partition is a duplicate.
-- Parameters: epoch, topic, partition, ids.
-- Result: event_id, kafka_offset.
SELECT event_id, kafka_offset
FROM recent_event_ids
WHERE kafka_topic = {topic:String}
    AND kafka_partition = {partition:UInt32}
    AND kafka_epoch = {epoch:String}
    AND event_id IN ({ids:Array(UUID)})
SETTINGS max_threads = 1
