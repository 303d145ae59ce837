-- Where in each partition the messages end that may have begun to expire: they arrived in the order of their offsets.
-- Parameters: arrivals, from which on none has.
-- Result: place (epoch topic/partition, as in ingest/catalog.py), first (the first offset that is kept).
SELECT concat(kafka_epoch, ' ', kafka_topic, '/', toString(kafka_partition)) AS place, max(kafka_offset) + 1 AS first
FROM events_raw
WHERE ingested_at < {arrivals:DateTime64(3, 'UTC')}
GROUP BY place
SETTINGS max_threads = 1
