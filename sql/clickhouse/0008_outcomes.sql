-- One row per booking, payment and trip with what became of it, and one per booking with where it began, in columns that
-- are read as they are: the states that were here before had to be unpacked one by one, half a second of a million.
--
-- `events` (stored) are more than `seen` has bits where a type of event came more than once: there `created` and its
-- like are the last, not the first, and a range may hold either; readers ask the events of these (daily_*_metrics). Such
-- a time is 1970 where there was no such event. `first` is what the first of several booking.created has: the least
-- (event_timestamp, event id as text), or the end of time where only later events are known.
--
-- Readers say FINAL, which is quick where most rows are in one part: so parts are merged after five minutes, whatever
-- their size. In a cluster that finds all rows of an entity, too: they come from one topic
-- under one key, and so lie on one shard.

DROP VIEW IF EXISTS {{database}}.mv_agg_popular_routes {{on_cluster}};
DROP VIEW IF EXISTS {{database}}.mv_agg_geographic_metrics {{on_cluster}};
DROP TABLE IF EXISTS {{database}}.agg_popular_routes {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{database}}.agg_geographic_metrics {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{local:agg_popular_routes}} {{on_cluster}} SYNC;
DROP TABLE IF EXISTS {{local:agg_geographic_metrics}} {{on_cluster}} SYNC;

-- What became of each booking, and the departure that it was made for: rates, and how full routes are.
CREATE TABLE IF NOT EXISTS {{local:agg_popular_routes}} {{on_cluster}}
(
    booking_id    UUID,
    events        SimpleAggregateFunction(sum, UInt64),
    seen          SimpleAggregateFunction(groupBitOr, UInt8), -- 1 created, 2 confirmed, 4 cancelled, 8 completed
    created       SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    first         SimpleAggregateFunction(min, Tuple(
                      at DateTime64(3, 'UTC'),
                      id FixedString(16),
                      route_id UUID,
                      scheduled_departure DateTime64(3, 'UTC'),
                      seats_booked UInt8)),
    last_event_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = {{engine:AggregatingMergeTree}}
ORDER BY booking_id
TTL toDateTime(last_event_at) + {{ttl:aggregates}}
SETTINGS min_age_to_force_merge_seconds = 300, {{dedup}};

{{distributed:agg_popular_routes}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_agg_popular_routes {{on_cluster}} TO {{local:agg_popular_routes}} AS
WITH event_type = 'booking.created' AS is_first, toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC') AS end_of_time
SELECT booking_id,
    toUInt64(1) AS events,
    toUInt8(multiIf(is_first, 1, event_type = 'booking.confirmed', 2, event_type = 'booking.cancelled', 4, 8)) AS seen,
    if(is_first, event_timestamp, toDateTime64(0, 3, 'UTC')) AS created,
    (
        if(is_first, event_timestamp, end_of_time),
        UUIDToNum(event_id),
        route_id,
        ifNull(scheduled_departure, end_of_time),
        ifNull(seats_booked, 0)
    ) AS first,
    event_timestamp AS last_event_at
FROM {{local:landing_booking}};

-- What became of each payment. Refunds, of which there may be many, are a bit only.
CREATE TABLE IF NOT EXISTS {{local:agg_payments}} {{on_cluster}}
(
    payment_id    UUID,
    events        SimpleAggregateFunction(sum, UInt64), -- without refunds
    seen          SimpleAggregateFunction(groupBitOr, UInt8), -- 1 initiated, 2 success, 4 failed; and 8 refunded
    initiated     SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    succeeded     SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    last_event_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = {{engine:AggregatingMergeTree}}
ORDER BY payment_id
TTL toDateTime(last_event_at) + {{ttl:aggregates}}
SETTINGS min_age_to_force_merge_seconds = 300, {{dedup}};

{{distributed:agg_payments}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_agg_payments {{on_cluster}} TO {{local:agg_payments}} AS
WITH toDateTime64(0, 3, 'UTC') AS never
SELECT payment_id,
    toUInt64(event_type != 'payment.refunded') AS events,
    toUInt8(multiIf(
        event_type = 'payment.initiated', 1, event_type = 'payment.success', 2, event_type = 'payment.failed', 4, 8))
        AS seen,
    if(event_type = 'payment.initiated', event_timestamp, never) AS initiated,
    if(event_type = 'payment.success', event_timestamp, never) AS succeeded,
    event_timestamp AS last_event_at
FROM {{local:landing_payment}};

-- What became of each trip.
CREATE TABLE IF NOT EXISTS {{local:agg_trips}} {{on_cluster}}
(
    trip_id       UUID,
    events        SimpleAggregateFunction(sum, UInt64),
    seen          SimpleAggregateFunction(groupBitOr, UInt8), -- 1 started, 2 completed, 4 cancelled
    started       SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    last_event_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = {{engine:AggregatingMergeTree}}
ORDER BY trip_id
TTL toDateTime(last_event_at) + {{ttl:aggregates}}
SETTINGS min_age_to_force_merge_seconds = 300, {{dedup}};

{{distributed:agg_trips}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_agg_trips {{on_cluster}} TO {{local:agg_trips}} AS
SELECT trip_id,
    toUInt64(1) AS events,
    toUInt8(multiIf(event_type = 'trip.started', 1, event_type = 'trip.completed', 2, 4)) AS seen,
    if(event_type = 'trip.started', event_timestamp, toDateTime64(0, 3, 'UTC')) AS started,
    event_timestamp AS last_event_at
FROM {{local:landing_trip}};

-- The route (whose origin names state and city) and the point of pickup of each booking. Payments and trips find their
-- place through it. The H3 cell is computed when asked, so that no setting of whoever inserts (geotoh3_argument_order)
-- decides what is stored.
CREATE TABLE IF NOT EXISTS {{local:agg_geographic_metrics}} {{on_cluster}}
(
    booking_id    UUID,
    first         SimpleAggregateFunction(min, Tuple(
                      at DateTime64(3, 'UTC'),
                      id FixedString(16),
                      route_id UUID,
                      lat Float64,
                      lon Float64)),
    last_event_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = {{engine:AggregatingMergeTree}}
ORDER BY booking_id
TTL toDateTime(last_event_at) + {{ttl:aggregates}}
SETTINGS min_age_to_force_merge_seconds = 300, {{dedup}};

{{distributed:agg_geographic_metrics}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_agg_geographic_metrics {{on_cluster}} TO {{local:agg_geographic_metrics}} AS
SELECT booking_id,
    (event_timestamp, UUIDToNum(event_id), route_id, ifNull(pickup_lat, 0), ifNull(pickup_lon, 0)) AS first,
    event_timestamp AS last_event_at
FROM {{local:landing_booking}}
WHERE event_type = 'booking.created';

-- What payments are told apart by, as one value: to group by it takes half as long as by its four parts.
ALTER TABLE {{local:daily_payment_metrics}} {{on_cluster}} ADD COLUMN IF NOT EXISTS terms LowCardinality(String)
    MATERIALIZED concat(event_type, ' ', payment_method, ' ', currency, ' ', error_code);
ALTER TABLE {{database}}.daily_payment_metrics {{on_cluster}} ADD COLUMN IF NOT EXISTS terms LowCardinality(String);

-- What was stored before. An event that is stored meanwhile may be counted twice in `events`, which makes no answer wrong.
-- In a cluster each shard does it of its own.
INSERT INTO {{database}}.agg_popular_routes
WITH event_type = 'booking.created' AS is_first, toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC') AS end_of_time
SELECT booking_id,
    1,
    multiIf(is_first, 1, event_type = 'booking.confirmed', 2, event_type = 'booking.cancelled', 4, 8),
    if(is_first, event_timestamp, toDateTime64(0, 3, 'UTC')),
    (
        if(is_first, event_timestamp, end_of_time),
        UUIDToNum(event_id),
        route_id,
        if(is_first, scheduled_departure, end_of_time),
        seats_booked
    ),
    event_timestamp
FROM {{database}}.daily_booking_metrics FINAL
SETTINGS parallel_distributed_insert_select = 2;

INSERT INTO {{database}}.agg_geographic_metrics
SELECT booking_id, (event_timestamp, UUIDToNum(event_id), route_id, pickup_lat, pickup_lon), event_timestamp
FROM {{database}}.daily_booking_metrics FINAL
WHERE event_type = 'booking.created'
SETTINGS parallel_distributed_insert_select = 2;

INSERT INTO {{database}}.agg_payments
WITH toDateTime64(0, 3, 'UTC') AS never
SELECT payment_id,
    event_type != 'payment.refunded',
    multiIf(
        event_type = 'payment.initiated', 1, event_type = 'payment.success', 2, event_type = 'payment.failed', 4, 8),
    if(event_type = 'payment.initiated', event_timestamp, never),
    if(event_type = 'payment.success', event_timestamp, never),
    event_timestamp
FROM {{database}}.daily_payment_metrics FINAL
SETTINGS parallel_distributed_insert_select = 2;

INSERT INTO {{database}}.agg_trips
SELECT trip_id,
    1,
    multiIf(event_type = 'trip.started', 1, event_type = 'trip.completed', 2, 4),
    if(event_type = 'trip.started', event_timestamp, toDateTime64(0, 3, 'UTC')),
    event_timestamp
FROM {{database}}.daily_trip_metrics FINAL
SETTINGS parallel_distributed_insert_select = 2;
