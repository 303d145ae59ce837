-- How far a partition is stored, whatever its group says: asked when it is taken over.
-- Parameters: epoch, topic, partition.
-- Result: one row, the highest offset; -1 where nothing is stored.
SELECT if(count() = 0, -1, toInt64(max(kafka_offset))) AS newest
FROM recent_event_ids
WHERE kafka_topic = {topic:String} AND kafka_partition = {partition:UInt32} AND kafka_epoch = {epoch:String}
