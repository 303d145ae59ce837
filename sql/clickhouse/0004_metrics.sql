-- What the metrics are computed from: one row per event that any of them counts, with the values they use.
--
-- The grain is (event type, time, entity, event), so that every answer is exact: for any edge of a range and any
-- time zone; 'the first within the range' is the least (event_timestamp, UUIDToNum(event_id)) of an entity
-- (UUIDToNum sorts like the id as lower-case text; UUID itself does not); whether a booking was ever cancelled is
-- whether there is such a row. A row is a function of its event, so an event stored twice, however far apart, is
-- one row after merging and changes no answer before: readers count distinct ids, take the least, or (refunds)
-- group by event_id. A value that the row's event type does not have is '' or 0.

-- Registrations, KYC decisions and upgrades. Users do not expire.
CREATE TABLE IF NOT EXISTS {{local:daily_user_metrics}} {{on_cluster}}
(
    event_type      LowCardinality(String),
    event_timestamp DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    user_id         UUID,
    event_id        UUID,
    role            SimpleAggregateFunction(any, LowCardinality(String)), -- user.registered: the role registered as
    city            SimpleAggregateFunction(any, LowCardinality(String)),
    state           SimpleAggregateFunction(any, LowCardinality(String)),
    kyc_status      SimpleAggregateFunction(any, LowCardinality(String)) -- user.kyc_verified
)
ENGINE = {{engine:AggregatingMergeTree}}
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, event_timestamp, user_id, event_id)
SETTINGS {{dedup}};

{{distributed:daily_user_metrics}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_daily_user_metrics {{on_cluster}} TO {{local:daily_user_metrics}} AS
SELECT event_type, event_timestamp, user_id, event_id,
    ifNull(role, '') AS role,
    ifNull(city, '') AS city,
    ifNull(state, '') AS state,
    ifNull(kyc_status, '') AS kyc_status
FROM {{local:landing_user}};

-- Bookings.
CREATE TABLE IF NOT EXISTS {{local:daily_booking_metrics}} {{on_cluster}}
(
    event_type          LowCardinality(String),
    event_timestamp     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    booking_id          UUID,
    event_id            UUID,
    rider_id            SimpleAggregateFunction(any, UUID),
    driver_id           SimpleAggregateFunction(any, UUID),
    route_id            SimpleAggregateFunction(any, UUID),
    seats_booked        SimpleAggregateFunction(any, UInt8),
    total_price         SimpleAggregateFunction(any, Decimal(14, 2)),
    cancelled_by        SimpleAggregateFunction(any, LowCardinality(String)), -- booking.cancelled
    scheduled_departure SimpleAggregateFunction(any, DateTime64(3, 'UTC')), -- booking.created, like the next two
    pickup_lat          SimpleAggregateFunction(any, Float64),
    pickup_lon          SimpleAggregateFunction(any, Float64)
)
ENGINE = {{engine:AggregatingMergeTree}}
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, event_timestamp, booking_id, event_id)
TTL toDateTime(event_timestamp) + {{ttl:aggregates}}
SETTINGS {{dedup}};

{{distributed:daily_booking_metrics}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_daily_booking_metrics {{on_cluster}} TO {{local:daily_booking_metrics}} AS
SELECT event_type, event_timestamp, booking_id, event_id,
    rider_id,
    driver_id,
    route_id,
    ifNull(seats_booked, 0) AS seats_booked,
    ifNull(total_price, 0) AS total_price,
    ifNull(cancelled_by, '') AS cancelled_by,
    ifNull(scheduled_departure, toDateTime64(0, 3, 'UTC')) AS scheduled_departure,
    ifNull(pickup_lat, 0) AS pickup_lat,
    ifNull(pickup_lon, 0) AS pickup_lon
FROM {{local:landing_booking}};

-- Payments.
CREATE TABLE IF NOT EXISTS {{local:daily_payment_metrics}} {{on_cluster}}
(
    event_type         LowCardinality(String),
    event_timestamp    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    payment_id         UUID,
    event_id           UUID,
    booking_id         SimpleAggregateFunction(any, UUID),
    rider_id           SimpleAggregateFunction(any, UUID),
    currency           SimpleAggregateFunction(any, LowCardinality(String)),
    payment_method     SimpleAggregateFunction(any, LowCardinality(String)),
    amount             SimpleAggregateFunction(any, Decimal(14, 2)), -- 0 for payment.refunded
    refund_amount      SimpleAggregateFunction(any, Decimal(14, 2)), -- payment.refunded: every event counts, not only the first
    processing_time_ms SimpleAggregateFunction(any, UInt64), -- payment.success
    error_code         SimpleAggregateFunction(any, LowCardinality(String)) -- payment.failed
)
ENGINE = {{engine:AggregatingMergeTree}}
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, event_timestamp, payment_id, event_id)
TTL toDateTime(event_timestamp) + {{ttl:aggregates}}
SETTINGS {{dedup}};

{{distributed:daily_payment_metrics}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_daily_payment_metrics {{on_cluster}} TO {{local:daily_payment_metrics}} AS
SELECT event_type, event_timestamp, payment_id, event_id,
    booking_id,
    rider_id,
    currency,
    ifNull(payment_method, '') AS payment_method,
    ifNull(amount, 0) AS amount,
    ifNull(refund_amount, 0) AS refund_amount,
    ifNull(processing_time_ms, 0) AS processing_time_ms,
    ifNull(error_code, '') AS error_code
FROM {{local:landing_payment}};

-- Trips.
CREATE TABLE IF NOT EXISTS {{local:daily_trip_metrics}} {{on_cluster}}
(
    event_type          LowCardinality(String),
    event_timestamp     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    trip_id             UUID,
    event_id            UUID,
    booking_id          SimpleAggregateFunction(any, UUID),
    driver_id           SimpleAggregateFunction(any, UUID),
    rider_id            SimpleAggregateFunction(any, UUID),
    route_id            SimpleAggregateFunction(any, UUID),
    scheduled_departure SimpleAggregateFunction(any, DateTime64(3, 'UTC')), -- trip.started
    actual_departure    SimpleAggregateFunction(any, DateTime64(3, 'UTC')), -- trip.started, trip.completed
    duration_minutes    SimpleAggregateFunction(any, UInt32), -- trip.completed, like the next four
    distance_km         SimpleAggregateFunction(any, Float64),
    driver_earnings     SimpleAggregateFunction(any, Decimal(14, 2)),
    platform_commission SimpleAggregateFunction(any, Decimal(14, 2)),
    on_time             SimpleAggregateFunction(any, Bool),
    cancelled_by        SimpleAggregateFunction(any, LowCardinality(String)) -- trip.cancelled
)
ENGINE = {{engine:AggregatingMergeTree}}
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, event_timestamp, trip_id, event_id)
TTL toDateTime(event_timestamp) + {{ttl:aggregates}}
SETTINGS {{dedup}};

{{distributed:daily_trip_metrics}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_daily_trip_metrics {{on_cluster}} TO {{local:daily_trip_metrics}} AS
SELECT event_type, event_timestamp, trip_id, event_id,
    booking_id,
    driver_id,
    rider_id,
    route_id,
    ifNull(scheduled_departure, toDateTime64(0, 3, 'UTC')) AS scheduled_departure,
    ifNull(actual_departure, toDateTime64(0, 3, 'UTC')) AS actual_departure,
    ifNull(duration_minutes, 0) AS duration_minutes,
    ifNull(distance_km, 0) AS distance_km,
    ifNull(driver_earnings, 0) AS driver_earnings,
    ifNull(platform_commission, 0) AS platform_commission,
    ifNull(on_time, false) AS on_time,
    ifNull(cancelled_by, '') AS cancelled_by
FROM {{local:landing_trip}};

-- What became of each route and when, its seats among it. Routes do not expire.
CREATE TABLE IF NOT EXISTS {{local:route_history}} {{on_cluster}}
(
    event_type        LowCardinality(String),
    event_timestamp   DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    route_id          UUID,
    event_id          UUID,
    driver_id         SimpleAggregateFunction(any, UUID),
    route_name        SimpleAggregateFunction(any, String),
    origin_city       SimpleAggregateFunction(any, LowCardinality(String)), -- route.created, like the next three
    origin_state      SimpleAggregateFunction(any, LowCardinality(String)),
    destination_city  SimpleAggregateFunction(any, LowCardinality(String)),
    destination_state SimpleAggregateFunction(any, LowCardinality(String)),
    seats_total       SimpleAggregateFunction(any, UInt8), -- route.created, and route.updated where it changed; else 0
    base_price        SimpleAggregateFunction(any, Nullable(Decimal(14, 2))) -- likewise; else NULL
)
ENGINE = {{engine:AggregatingMergeTree}}
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, event_timestamp, route_id, event_id)
SETTINGS {{dedup}};

{{distributed:route_history}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_route_history {{on_cluster}} TO {{local:route_history}} AS
SELECT event_type, event_timestamp, route_id, event_id,
    driver_id,
    route_name,
    ifNull(origin_city, '') AS origin_city,
    ifNull(origin_state, '') AS origin_state,
    ifNull(destination_city, '') AS destination_city,
    ifNull(destination_state, '') AS destination_state,
    ifNull(seats_total, 0) AS seats_total,
    base_price
FROM {{local:landing_route}};
