-- Payments that succeeded, in the order of the bookings that they are for: where revenue comes from is found by merging
-- them with where bookings began (agg_geographic_metrics), which lie in that order, too. To look each of them up took
-- two fifths of such a question's time.

CREATE TABLE IF NOT EXISTS {{local:agg_booking_payments}} {{on_cluster}}
(
    booking_id      UUID,
    event_id        UUID,
    event_timestamp DateTime64(3, 'UTC') CODEC(T64),
    payment_id      UUID,
    amount          Decimal(14, 2) CODEC(T64),
    currency        LowCardinality(String),
    id_hash         UInt32 MATERIALIZED toUInt32(cityHash64(payment_id)) CODEC(NONE)
)
ENGINE = {{engine:ReplacingMergeTree}}
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (booking_id, event_id)
TTL toDateTime(event_timestamp) + {{ttl:aggregates}}
SETTINGS min_age_to_force_merge_seconds = 300, min_age_to_force_merge_on_partition_only = 1, {{dedup}};

{{distributed:agg_booking_payments}};
ALTER TABLE {{database}}.agg_booking_payments {{on_cluster}} ADD COLUMN IF NOT EXISTS id_hash UInt32;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_agg_booking_payments {{on_cluster}} TO {{local:agg_booking_payments}} AS
SELECT booking_id, event_id, event_timestamp, payment_id, ifNull(amount, 0) AS amount, currency
FROM {{local:landing_payment}}
WHERE event_type = 'payment.success';

-- What was stored before. In a cluster each shard does it of its own.
INSERT INTO {{database}}.agg_booking_payments (booking_id, event_id, event_timestamp, payment_id, amount, currency)
SELECT booking_id, event_id, event_timestamp, payment_id, amount, currency
FROM {{database}}.daily_payment_metrics FINAL
WHERE event_type = 'payment.success'
SETTINGS parallel_distributed_insert_select = 2;
