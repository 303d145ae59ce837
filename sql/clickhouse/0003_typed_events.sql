-- One table a topic kind with every field in its proper type: what exports read, and what a question may be
-- asked of that no aggregate answers. METRICS_RETENTION_DAYS; positions of drivers LOCATION_RETENTION_DAYS.
-- The days count from arrival, as in 0002.

CREATE TABLE IF NOT EXISTS {{local:user_events}} {{on_cluster}}
(
    event_id           UUID,
    event_type         LowCardinality(String),
    event_timestamp    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    user_id            UUID,
    phone              Nullable(String),
    role               LowCardinality(Nullable(String)),
    full_name          Nullable(String),
    email              Nullable(String),
    city               LowCardinality(Nullable(String)),
    state              LowCardinality(Nullable(String)),
    referral_code      Nullable(String),
    kyc_status         LowCardinality(Nullable(String)),
    verification_notes Nullable(String),
    verified_by        Nullable(String),
    previous_role      LowCardinality(Nullable(String)),
    new_role           LowCardinality(Nullable(String)),
    kafka_epoch        LowCardinality(String),
    kafka_topic        LowCardinality(String),
    kafka_partition    UInt32,
    kafka_offset       UInt64 CODEC(Delta, ZSTD(1)),
    ingested_at        DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = {{engine:MergeTree}}
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, event_timestamp, user_id)
TTL toDateTime(ingested_at) + {{ttl:metrics}}
SETTINGS {{dedup}};

{{distributed:user_events}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_user_events {{on_cluster}} TO {{local:user_events}} AS
SELECT event_id, event_type, event_timestamp, user_id, phone, role, full_name, email, city, state,
    referral_code, kyc_status, verification_notes, verified_by, previous_role, new_role, kafka_epoch,
    kafka_topic, kafka_partition, kafka_offset
FROM {{local:landing_user}};

CREATE TABLE IF NOT EXISTS {{local:booking_events}} {{on_cluster}}
(
    event_id            UUID,
    event_type          LowCardinality(String),
    event_timestamp     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    booking_id          UUID,
    rider_id            UUID,
    driver_id           UUID,
    route_id            UUID,
    seats_booked        Nullable(UInt8),
    total_price         Nullable(Decimal(14, 2)),
    booking_status      LowCardinality(Nullable(String)),
    pickup_stop_id      Nullable(UUID),
    dropoff_stop_id     Nullable(UUID),
    pickup_lat          Nullable(Float64),
    pickup_lon          Nullable(Float64),
    dropoff_lat         Nullable(Float64),
    dropoff_lon         Nullable(Float64),
    scheduled_departure Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    payment_id          Nullable(UUID),
    confirmation_code   Nullable(String),
    cancellation_reason Nullable(String),
    cancelled_by        LowCardinality(Nullable(String)),
    refund_initiated    Nullable(Bool),
    trip_id             Nullable(UUID),
    actual_departure    Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    actual_arrival      Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    duration_minutes    Nullable(UInt32),
    kafka_epoch         LowCardinality(String),
    kafka_topic         LowCardinality(String),
    kafka_partition     UInt32,
    kafka_offset        UInt64 CODEC(Delta, ZSTD(1)),
    ingested_at         DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = {{engine:MergeTree}}
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, event_timestamp, booking_id)
TTL toDateTime(ingested_at) + {{ttl:metrics}}
SETTINGS {{dedup}};

{{distributed:booking_events}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_booking_events {{on_cluster}} TO {{local:booking_events}} AS
SELECT event_id, event_type, event_timestamp, booking_id, rider_id, driver_id, route_id, seats_booked,
    total_price, booking_status, pickup_stop_id, dropoff_stop_id, pickup_lat, pickup_lon, dropoff_lat,
    dropoff_lon, scheduled_departure, payment_id, confirmation_code, cancellation_reason, cancelled_by,
    refund_initiated, trip_id, actual_departure, actual_arrival, duration_minutes, kafka_epoch, kafka_topic,
    kafka_partition, kafka_offset
FROM {{local:landing_booking}};

CREATE TABLE IF NOT EXISTS {{local:payment_events}} {{on_cluster}}
(
    event_id                UUID,
    event_type              LowCardinality(String),
    event_timestamp         DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    payment_id              UUID,
    booking_id              UUID,
    rider_id                UUID,
    amount                  Nullable(Decimal(14, 2)),
    currency                LowCardinality(String),
    payment_method          LowCardinality(Nullable(String)),
    provider                LowCardinality(Nullable(String)),
    provider_transaction_id Nullable(String),
    processing_time_ms      Nullable(UInt64),
    card_last4              Nullable(String),
    error_code              LowCardinality(Nullable(String)),
    error_message           Nullable(String),
    refund_amount           Nullable(Decimal(14, 2)),
    original_amount         Nullable(Decimal(14, 2)),
    refund_reason           Nullable(String),
    refunded_by             Nullable(String),
    provider_refund_id      Nullable(String),
    kafka_epoch             LowCardinality(String),
    kafka_topic             LowCardinality(String),
    kafka_partition         UInt32,
    kafka_offset            UInt64 CODEC(Delta, ZSTD(1)),
    ingested_at             DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = {{engine:MergeTree}}
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, event_timestamp, payment_id)
TTL toDateTime(ingested_at) + {{ttl:metrics}}
SETTINGS {{dedup}};

{{distributed:payment_events}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_payment_events {{on_cluster}} TO {{local:payment_events}} AS
SELECT event_id, event_type, event_timestamp, payment_id, booking_id, rider_id, amount, currency,
    payment_method, provider, provider_transaction_id, processing_time_ms, card_last4, error_code,
    error_message, refund_amount, original_amount, refund_reason, refunded_by, provider_refund_id,
    kafka_epoch, kafka_topic, kafka_partition, kafka_offset
FROM {{local:landing_payment}};

CREATE TABLE IF NOT EXISTS {{local:trip_events}} {{on_cluster}}
(
    event_id            UUID,
    event_type          LowCardinality(String),
    event_timestamp     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    trip_id             UUID,
    booking_id          UUID,
    driver_id           UUID,
    rider_id            UUID,
    route_id            UUID,
    scheduled_departure Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    actual_departure    Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    start_lat           Nullable(Float64),
    start_lon           Nullable(Float64),
    passengers_count    Nullable(UInt8),
    actual_arrival      Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    duration_minutes    Nullable(UInt32),
    distance_km         Nullable(Float64),
    end_lat             Nullable(Float64),
    end_lon             Nullable(Float64),
    driver_earnings     Nullable(Decimal(14, 2)),
    platform_commission Nullable(Decimal(14, 2)),
    on_time             Nullable(Bool),
    cancellation_reason Nullable(String),
    cancelled_by        LowCardinality(Nullable(String)),
    was_started         Nullable(Bool),
    partial_distance_km Nullable(Float64),
    kafka_epoch         LowCardinality(String),
    kafka_topic         LowCardinality(String),
    kafka_partition     UInt32,
    kafka_offset        UInt64 CODEC(Delta, ZSTD(1)),
    ingested_at         DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = {{engine:MergeTree}}
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, event_timestamp, trip_id)
TTL toDateTime(ingested_at) + {{ttl:metrics}}
SETTINGS {{dedup}};

{{distributed:trip_events}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_trip_events {{on_cluster}} TO {{local:trip_events}} AS
SELECT event_id, event_type, event_timestamp, trip_id, booking_id, driver_id, rider_id, route_id,
    scheduled_departure, actual_departure, start_lat, start_lon, passengers_count, actual_arrival,
    duration_minutes, distance_km, end_lat, end_lon, driver_earnings, platform_commission, on_time,
    cancellation_reason, cancelled_by, was_started, partial_distance_km, kafka_epoch, kafka_topic,
    kafka_partition, kafka_offset
FROM {{local:landing_trip}};

CREATE TABLE IF NOT EXISTS {{local:route_events}} {{on_cluster}}
(
    event_id              UUID,
    event_type            LowCardinality(String),
    event_timestamp       DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    route_id              UUID,
    driver_id             UUID,
    route_name            String,
    origin_city           LowCardinality(Nullable(String)),
    destination_city      LowCardinality(Nullable(String)),
    origin_state          LowCardinality(Nullable(String)),
    destination_state     LowCardinality(Nullable(String)),
    stops_count           Nullable(UInt32),
    seats_total           Nullable(UInt8),
    base_price            Nullable(Decimal(14, 2)),
    departure_time        LowCardinality(Nullable(String)),
    active_days           Array(LowCardinality(String)),
    previous_status       LowCardinality(Nullable(String)),
    new_status            LowCardinality(Nullable(String)),
    cancellation_reason   Nullable(String),
    active_bookings_count Nullable(UInt32),
    updated_fields        Array(LowCardinality(String)),
    kafka_epoch           LowCardinality(String),
    kafka_topic           LowCardinality(String),
    kafka_partition       UInt32,
    kafka_offset          UInt64 CODEC(Delta, ZSTD(1)),
    ingested_at           DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = {{engine:MergeTree}}
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, event_timestamp, route_id)
TTL toDateTime(ingested_at) + {{ttl:metrics}}
SETTINGS {{dedup}};

{{distributed:route_events}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_route_events {{on_cluster}} TO {{local:route_events}} AS
SELECT event_id, event_type, event_timestamp, route_id, driver_id, route_name, origin_city, destination_city,
    origin_state, destination_state, stops_count, seats_total, base_price, departure_time, active_days,
    previous_status, new_status, cancellation_reason, active_bookings_count, updated_fields, kafka_epoch,
    kafka_topic, kafka_partition, kafka_offset
FROM {{local:landing_route}};

CREATE TABLE IF NOT EXISTS {{local:location_events}} {{on_cluster}}
(
    event_id        UUID,
    event_type      LowCardinality(String),
    event_timestamp DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    driver_id       UUID,
    trip_id         Nullable(UUID),
    lat             Float64,
    lon             Float64,
    speed_kmh       Nullable(Float64),
    bearing         Nullable(Float64),
    accuracy_meters Nullable(Float64),
    city            LowCardinality(Nullable(String)),
    state           LowCardinality(Nullable(String)),
    kafka_epoch     LowCardinality(String),
    kafka_topic     LowCardinality(String),
    kafka_partition UInt32,
    kafka_offset    UInt64 CODEC(Delta, ZSTD(1)),
    ingested_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = {{engine:MergeTree}}
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, event_timestamp, driver_id)
TTL toDateTime(ingested_at) + {{ttl:location}}
SETTINGS {{dedup}};

{{distributed:location_events}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_location_events {{on_cluster}} TO {{local:location_events}} AS
SELECT event_id, event_type, event_timestamp, driver_id, trip_id, lat, lon, speed_kmh, bearing,
    accuracy_meters, city, state, kafka_epoch, kafka_topic, kafka_partition, kafka_offset
FROM {{local:landing_location}};
