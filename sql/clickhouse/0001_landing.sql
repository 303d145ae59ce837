-- Where ingestion inserts: one table a topic kind, one INSERT a batch. Null tables keep nothing; the materialized
-- views on them fill every other table, each within the same INSERT. The columns are those of
-- openride_analytics/schema/columns.py: a column is Nullable where some event type of the kind may lack it.
-- In a cluster every row of one topic-partition lands on one shard, whoever inserts it: else a repeated batch
-- would meet another shard's de-duplication log, which does not know its token.

CREATE TABLE IF NOT EXISTS {{local:landing_user}} {{on_cluster}}
(
    event_id           UUID,
    event_type         String,
    event_timestamp    DateTime64(3, 'UTC'),
    entity_id          String,
    actor_id           Nullable(String),
    metadata           String,
    kafka_epoch        String,
    kafka_topic        String,
    kafka_partition    UInt32,
    kafka_offset       UInt64,
    user_id            UUID,
    phone              Nullable(String),
    role               Nullable(String),
    full_name          Nullable(String),
    email              Nullable(String),
    city               Nullable(String),
    state              Nullable(String),
    referral_code      Nullable(String),
    kyc_status         Nullable(String),
    verification_notes Nullable(String),
    verified_by        Nullable(String),
    previous_role      Nullable(String),
    new_role           Nullable(String)
)
ENGINE = Null;

{{distributed:landing_user:cityHash64(kafka_topic, kafka_partition)}};

CREATE TABLE IF NOT EXISTS {{local:landing_booking}} {{on_cluster}}
(
    event_id            UUID,
    event_type          String,
    event_timestamp     DateTime64(3, 'UTC'),
    entity_id           String,
    actor_id            Nullable(String),
    metadata            String,
    kafka_epoch         String,
    kafka_topic         String,
    kafka_partition     UInt32,
    kafka_offset        UInt64,
    booking_id          UUID,
    rider_id            UUID,
    driver_id           UUID,
    route_id            UUID,
    seats_booked        Nullable(UInt8),
    total_price         Nullable(Decimal(14, 2)),
    booking_status      Nullable(String),
    pickup_stop_id      Nullable(UUID),
    dropoff_stop_id     Nullable(UUID),
    pickup_lat          Nullable(Float64),
    pickup_lon          Nullable(Float64),
    dropoff_lat         Nullable(Float64),
    dropoff_lon         Nullable(Float64),
    scheduled_departure Nullable(DateTime64(3, 'UTC')),
    payment_id          Nullable(UUID),
    confirmation_code   Nullable(String),
    cancellation_reason Nullable(String),
    cancelled_by        Nullable(String),
    refund_initiated    Nullable(Bool),
    trip_id             Nullable(UUID),
    actual_departure    Nullable(DateTime64(3, 'UTC')),
    actual_arrival      Nullable(DateTime64(3, 'UTC')),
    duration_minutes    Nullable(UInt32)
)
ENGINE = Null;

{{distributed:landing_booking:cityHash64(kafka_topic, kafka_partition)}};

CREATE TABLE IF NOT EXISTS {{local:landing_payment}} {{on_cluster}}
(
    event_id                UUID,
    event_type              String,
    event_timestamp         DateTime64(3, 'UTC'),
    entity_id               String,
    actor_id                Nullable(String),
    metadata                String,
    kafka_epoch             String,
    kafka_topic             String,
    kafka_partition         UInt32,
    kafka_offset            UInt64,
    payment_id              UUID,
    booking_id              UUID,
    rider_id                UUID,
    amount                  Nullable(Decimal(14, 2)),
    currency                String,
    payment_method          Nullable(String),
    provider                Nullable(String),
    provider_transaction_id Nullable(String),
    processing_time_ms      Nullable(UInt64),
    card_last4              Nullable(String),
    error_code              Nullable(String),
    error_message           Nullable(String),
    refund_amount           Nullable(Decimal(14, 2)),
    original_amount         Nullable(Decimal(14, 2)),
    refund_reason           Nullable(String),
    refunded_by             Nullable(String),
    provider_refund_id      Nullable(String)
)
ENGINE = Null;

{{distributed:landing_payment:cityHash64(kafka_topic, kafka_partition)}};

CREATE TABLE IF NOT EXISTS {{local:landing_trip}} {{on_cluster}}
(
    event_id            UUID,
    event_type          String,
    event_timestamp     DateTime64(3, 'UTC'),
    entity_id           String,
    actor_id            Nullable(String),
    metadata            String,
    kafka_epoch         String,
    kafka_topic         String,
    kafka_partition     UInt32,
    kafka_offset        UInt64,
    trip_id             UUID,
    booking_id          UUID,
    driver_id           UUID,
    rider_id            UUID,
    route_id            UUID,
    scheduled_departure Nullable(DateTime64(3, 'UTC')),
    actual_departure    Nullable(DateTime64(3, 'UTC')),
    start_lat           Nullable(Float64),
    start_lon           Nullable(Float64),
    passengers_count    Nullable(UInt8),
    actual_arrival      Nullable(DateTime64(3, 'UTC')),
    duration_minutes    Nullable(UInt32),
    distance_km         Nullable(Float64),
    end_lat             Nullable(Float64),
    end_lon             Nullable(Float64),
    driver_earnings     Nullable(Decimal(14, 2)),
    platform_commission Nullable(Decimal(14, 2)),
    on_time             Nullable(Bool),
    cancellation_reason Nullable(String),
    cancelled_by        Nullable(String),
    was_started         Nullable(Bool),
    partial_distance_km Nullable(Float64)
)
ENGINE = Null;

{{distributed:landing_trip:cityHash64(kafka_topic, kafka_partition)}};

CREATE TABLE IF NOT EXISTS {{local:landing_route}} {{on_cluster}}
(
    event_id              UUID,
    event_type            String,
    event_timestamp       DateTime64(3, 'UTC'),
    entity_id             String,
    actor_id              Nullable(String),
    metadata              String,
    kafka_epoch           String,
    kafka_topic           String,
    kafka_partition       UInt32,
    kafka_offset          UInt64,
    route_id              UUID,
    driver_id             UUID,
    route_name            String,
    origin_city           Nullable(String),
    destination_city      Nullable(String),
    origin_state          Nullable(String),
    destination_state     Nullable(String),
    stops_count           Nullable(UInt32),
    seats_total           Nullable(UInt8),
    base_price            Nullable(Decimal(14, 2)),
    departure_time        Nullable(String),
    active_days           Array(String),
    previous_status       Nullable(String),
    new_status            Nullable(String),
    cancellation_reason   Nullable(String),
    active_bookings_count Nullable(UInt32),
    updated_fields        Array(String)
)
ENGINE = Null;

{{distributed:landing_route:cityHash64(kafka_topic, kafka_partition)}};

CREATE TABLE IF NOT EXISTS {{local:landing_location}} {{on_cluster}}
(
    event_id        UUID,
    event_type      String,
    event_timestamp DateTime64(3, 'UTC'),
    entity_id       String,
    actor_id        Nullable(String),
    metadata        String,
    kafka_epoch     String,
    kafka_topic     String,
    kafka_partition UInt32,
    kafka_offset    UInt64,
    driver_id       UUID,
    trip_id         Nullable(UUID),
    lat             Float64,
    lon             Float64,
    speed_kmh       Nullable(Float64),
    bearing         Nullable(Float64),
    accuracy_meters Nullable(Float64),
    city            Nullable(String),
    state           Nullable(String)
)
ENGINE = Null;

{{distributed:landing_location:cityHash64(kafka_topic, kafka_partition)}};
