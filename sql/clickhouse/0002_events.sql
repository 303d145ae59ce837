-- Every message as it was received, for METRICS_RETENTION_DAYS; and the ids stored last from each partition. The days
-- count from arrival (`ingested_at`): an event that comes late is kept as long as one that came in time, and none
-- expires the moment it is stored.

CREATE TABLE IF NOT EXISTS {{local:events_raw}} {{on_cluster}}
(
    event_id        UUID,
    event_type      LowCardinality(String),
    event_timestamp DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    entity_id       String CODEC(ZSTD(1)),
    entity_type     LowCardinality(String),
    user_id         Nullable(String) CODEC(ZSTD(1)), -- who acted first; NULL where the event is nobody's act
    metadata        String CODEC(ZSTD(1)),           -- the message, byte for byte
    kafka_epoch     LowCardinality(String),
    kafka_topic     LowCardinality(String),
    kafka_partition UInt32,
    kafka_offset    UInt64 CODEC(Delta, ZSTD(1)),
    ingested_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = {{engine:MergeTree}}
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, event_timestamp, entity_id)
TTL toDateTime(ingested_at) + {{ttl:metrics}}
SETTINGS {{dedup}};

{{distributed:events_raw}};

-- Read back when a partition is taken over: 'the last 100,000 offsets below X' is one range of the primary key.
-- Kept as long as events_raw keeps the rows, in weekly parts that are dropped whole. The skip index answers
-- 'how many were stored in the last minute'.
CREATE TABLE IF NOT EXISTS {{local:recent_event_ids}} {{on_cluster}}
(
    kafka_epoch     LowCardinality(String),
    kafka_topic     LowCardinality(String),
    kafka_partition UInt32,
    kafka_offset    UInt64 CODEC(Delta, ZSTD(1)),
    event_id        UUID CODEC(NONE),
    ingested_at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX by_ingested_at ingested_at TYPE minmax GRANULARITY 1
)
ENGINE = {{engine:MergeTree}}
PARTITION BY toMonday(ingested_at)
ORDER BY (kafka_topic, kafka_partition, kafka_epoch, kafka_offset)
TTL toDateTime(ingested_at) + {{ttl:metrics}}
SETTINGS ttl_only_drop_parts = 1, {{dedup}};

{{distributed:recent_event_ids}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_events_raw_user {{on_cluster}} TO {{local:events_raw}} AS
SELECT event_id, event_type, event_timestamp, entity_id, 'user' AS entity_type,
    actor_id AS user_id, metadata,
    kafka_epoch, kafka_topic, kafka_partition, kafka_offset
FROM {{local:landing_user}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_events_raw_booking {{on_cluster}} TO {{local:events_raw}} AS
SELECT event_id, event_type, event_timestamp, entity_id, 'booking' AS entity_type,
    actor_id AS user_id, metadata,
    kafka_epoch, kafka_topic, kafka_partition, kafka_offset
FROM {{local:landing_booking}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_events_raw_payment {{on_cluster}} TO {{local:events_raw}} AS
SELECT event_id, event_type, event_timestamp, entity_id, 'payment' AS entity_type,
    actor_id AS user_id, metadata,
    kafka_epoch, kafka_topic, kafka_partition, kafka_offset
FROM {{local:landing_payment}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_events_raw_trip {{on_cluster}} TO {{local:events_raw}} AS
SELECT event_id, event_type, event_timestamp, entity_id, 'trip' AS entity_type,
    actor_id AS user_id, metadata,
    kafka_epoch, kafka_topic, kafka_partition, kafka_offset
FROM {{local:landing_trip}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_events_raw_route {{on_cluster}} TO {{local:events_raw}} AS
SELECT event_id, event_type, event_timestamp, entity_id, 'route' AS entity_type,
    actor_id AS user_id, metadata,
    kafka_epoch, kafka_topic, kafka_partition, kafka_offset
FROM {{local:landing_route}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_events_raw_location {{on_cluster}} TO {{local:events_raw}} AS
SELECT event_id, event_type, event_timestamp, entity_id, 'driver' AS entity_type, actor_id AS user_id, metadata,
    kafka_epoch, kafka_topic, kafka_partition, kafka_offset
FROM {{local:landing_location}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_recent_event_ids_user {{on_cluster}} TO {{local:recent_event_ids}} AS
SELECT kafka_epoch, kafka_topic, kafka_partition, kafka_offset, event_id
FROM {{local:landing_user}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_recent_event_ids_booking {{on_cluster}} TO {{local:recent_event_ids}} AS
SELECT kafka_epoch, kafka_topic, kafka_partition, kafka_offset, event_id
FROM {{local:landing_booking}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_recent_event_ids_payment {{on_cluster}} TO {{local:recent_event_ids}} AS
SELECT kafka_epoch, kafka_topic, kafka_partition, kafka_offset, event_id
FROM {{local:landing_payment}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_recent_event_ids_trip {{on_cluster}} TO {{local:recent_event_ids}} AS
SELECT kafka_epoch, kafka_topic, kafka_partition, kafka_offset, event_id
FROM {{local:landing_trip}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_recent_event_ids_route {{on_cluster}} TO {{local:recent_event_ids}} AS
SELECT kafka_epoch, kafka_topic, kafka_partition, kafka_offset, event_id
FROM {{local:landing_route}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_recent_event_ids_location {{on_cluster}} TO {{local:recent_event_ids}} AS
SELECT kafka_epoch, kafka_topic, kafka_partition, kafka_offset, event_id
FROM {{local:landing_location}};
