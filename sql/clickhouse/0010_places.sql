-- Where each booking began, in columns that are read one by one: of the tuple that was here before (0008) all parts
-- were read for any of them, twice to three times as many bytes as a payment's or a trip's place needs.
--
-- Of several booking.created of one booking the first is kept: the least (event_timestamp, event id as text) has the
-- greatest `precedence`. Readers say FINAL. The H3 cell is computed when asked, so that no setting of whoever inserts
-- (geotoh3_argument_order) decides what is stored.

DROP VIEW IF EXISTS {{database}}.mv_agg_geographic_metrics {{on_cluster}};
DROP TABLE IF EXISTS {{database}}.agg_geographic_metrics {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{local:agg_geographic_metrics}} {{on_cluster}} SYNC;

CREATE TABLE IF NOT EXISTS {{local:agg_geographic_metrics}} {{on_cluster}}
(
    booking_id UUID,
    precedence UInt256,
    created    DateTime64(3, 'UTC'),
    route_id   UUID, -- whose origin names state and city
    lat        Float64, -- of the pickup
    lon        Float64
)
ENGINE = {{engine:ReplacingMergeTree:precedence}}
ORDER BY booking_id
TTL toDateTime(created) + {{ttl:aggregates}}
SETTINGS min_age_to_force_merge_seconds = 300, {{dedup}};

{{distributed:agg_geographic_metrics}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_agg_geographic_metrics {{on_cluster}} TO {{local:agg_geographic_metrics}} AS
SELECT booking_id,
    bitNot(bitShiftLeft(toUInt256(toUnixTimestamp64Milli(event_timestamp)), 128) + toUInt128(event_id)) AS precedence,
    event_timestamp AS created,
    route_id,
    ifNull(pickup_lat, 0) AS lat,
    ifNull(pickup_lon, 0) AS lon
FROM {{local:landing_booking}}
WHERE event_type = 'booking.created';

-- What was stored before. In a cluster each shard does it of its own.
INSERT INTO {{database}}.agg_geographic_metrics
SELECT booking_id,
    bitNot(bitShiftLeft(toUInt256(toUnixTimestamp64Milli(event_timestamp)), 128) + toUInt128(event_id)),
    event_timestamp,
    route_id,
    pickup_lat,
    pickup_lon
FROM {{database}}.daily_booking_metrics FINAL
WHERE event_type = 'booking.created'
SETTINGS parallel_distributed_insert_select = 2;
