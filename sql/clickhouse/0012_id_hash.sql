-- Which entities have an event several times is told by 32 bits of a hash of their ids (sql/README.md), three times a
-- question: kept, a quarter of the bytes is read, and nothing is hashed.
--
-- Of parts that were stored before it is computed as they are read, until they are merged.

ALTER TABLE {{local:daily_booking_metrics}} {{on_cluster}} ADD COLUMN IF NOT EXISTS id_hash SimpleAggregateFunction(any, UInt32)
    MATERIALIZED toUInt32(cityHash64(booking_id)) CODEC(NONE);
ALTER TABLE {{database}}.daily_booking_metrics {{on_cluster}} ADD COLUMN IF NOT EXISTS id_hash SimpleAggregateFunction(any, UInt32);
ALTER TABLE {{local:daily_payment_metrics}} {{on_cluster}} ADD COLUMN IF NOT EXISTS id_hash SimpleAggregateFunction(any, UInt32)
    MATERIALIZED toUInt32(cityHash64(payment_id)) CODEC(NONE);
ALTER TABLE {{database}}.daily_payment_metrics {{on_cluster}} ADD COLUMN IF NOT EXISTS id_hash SimpleAggregateFunction(any, UInt32);
ALTER TABLE {{local:daily_trip_metrics}} {{on_cluster}} ADD COLUMN IF NOT EXISTS id_hash SimpleAggregateFunction(any, UInt32)
    MATERIALIZED toUInt32(cityHash64(trip_id)) CODEC(NONE);
ALTER TABLE {{database}}.daily_trip_metrics {{on_cluster}} ADD COLUMN IF NOT EXISTS id_hash SimpleAggregateFunction(any, UInt32);
