-- Who acted when, and how much is going on.

-- One row per quarter hour of UTC, in which every time zone's days and hours begin, and person: active users of any
-- local day are the distinct actors of its quarters. `moments` are the times of the acts in ms since the quarter
-- began, for ranges that begin or end within one. `act` tells registering, which cohorts and retention do not count.
CREATE TABLE IF NOT EXISTS {{local:actor_activity}} {{on_cluster}}
(
    quarter DateTime('UTC') CODEC(Delta, ZSTD(1)),
    act     LowCardinality(String), -- registration | upgrade | ride | drive
    actor   UUID,
    moments SimpleAggregateFunction(groupUniqArrayArray, Array(UInt32))
)
ENGINE = {{engine:AggregatingMergeTree}}
PARTITION BY toYYYYMM(quarter)
ORDER BY (quarter, act, actor)
TTL quarter + {{ttl:aggregates}}
SETTINGS {{dedup}};

{{distributed:actor_activity}};

-- One row per minute of UTC (of event_timestamp) and event type. `events` counts stored messages, so it tells
-- throughput; `entities` counts distinct bookings, payments, trips..., so a repeated event changes nothing.
CREATE TABLE IF NOT EXISTS {{local:hourly_realtime_metrics}} {{on_cluster}}
(
    minute     DateTime('UTC') CODEC(Delta, ZSTD(1)),
    event_type LowCardinality(String),
    events     SimpleAggregateFunction(sum, UInt64),
    entities   AggregateFunction(uniqExact, UUID),
    newest     SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = {{engine:AggregatingMergeTree}}
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, event_type)
TTL minute + {{ttl:aggregates}}
SETTINGS {{dedup}};

{{distributed:hourly_realtime_metrics}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_actor_activity_user {{on_cluster}} TO {{local:actor_activity}} AS
WITH arrayJoin(if(event_type = 'user.kyc_verified', [], [(if(event_type = 'user.registered', 'registration', 'upgrade'), user_id)])) AS acting
SELECT toStartOfInterval(event_timestamp, INTERVAL 15 MINUTE, 'UTC') AS quarter, acting.1 AS act, acting.2 AS actor,
    groupUniqArray(toUInt32(positiveModulo(toUnixTimestamp64Milli(event_timestamp), 900000))) AS moments
FROM {{local:landing_user}}
GROUP BY quarter, act, actor;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_actor_activity_booking {{on_cluster}} TO {{local:actor_activity}} AS
WITH arrayJoin(multiIf(
        event_type = 'booking.completed', [('ride', rider_id), ('drive', driver_id)],
        event_type != 'booking.cancelled' OR cancelled_by = 'RIDER', [('ride', rider_id)],
        cancelled_by = 'DRIVER', [('drive', driver_id)],
        [])) AS acting
SELECT toStartOfInterval(event_timestamp, INTERVAL 15 MINUTE, 'UTC') AS quarter, acting.1 AS act, acting.2 AS actor,
    groupUniqArray(toUInt32(positiveModulo(toUnixTimestamp64Milli(event_timestamp), 900000))) AS moments
FROM {{local:landing_booking}}
GROUP BY quarter, act, actor;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_actor_activity_payment {{on_cluster}} TO {{local:actor_activity}} AS
WITH arrayJoin(if(event_type = 'payment.refunded', [], [('ride', rider_id)])) AS acting
SELECT toStartOfInterval(event_timestamp, INTERVAL 15 MINUTE, 'UTC') AS quarter, acting.1 AS act, acting.2 AS actor,
    groupUniqArray(toUInt32(positiveModulo(toUnixTimestamp64Milli(event_timestamp), 900000))) AS moments
FROM {{local:landing_payment}}
GROUP BY quarter, act, actor;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_actor_activity_trip {{on_cluster}} TO {{local:actor_activity}} AS
WITH arrayJoin(multiIf(
        event_type != 'trip.cancelled', [('ride', rider_id), ('drive', driver_id)],
        cancelled_by = 'RIDER', [('ride', rider_id)],
        cancelled_by = 'DRIVER', [('drive', driver_id)],
        [])) AS acting
SELECT toStartOfInterval(event_timestamp, INTERVAL 15 MINUTE, 'UTC') AS quarter, acting.1 AS act, acting.2 AS actor,
    groupUniqArray(toUInt32(positiveModulo(toUnixTimestamp64Milli(event_timestamp), 900000))) AS moments
FROM {{local:landing_trip}}
GROUP BY quarter, act, actor;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_actor_activity_route {{on_cluster}} TO {{local:actor_activity}} AS
WITH arrayJoin([('drive', driver_id)]) AS acting
SELECT toStartOfInterval(event_timestamp, INTERVAL 15 MINUTE, 'UTC') AS quarter, acting.1 AS act, acting.2 AS actor,
    groupUniqArray(toUInt32(positiveModulo(toUnixTimestamp64Milli(event_timestamp), 900000))) AS moments
FROM {{local:landing_route}}
GROUP BY quarter, act, actor;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_actor_activity_location {{on_cluster}} TO {{local:actor_activity}} AS
WITH arrayJoin([('drive', driver_id)]) AS acting
SELECT toStartOfInterval(event_timestamp, INTERVAL 15 MINUTE, 'UTC') AS quarter, acting.1 AS act, acting.2 AS actor,
    groupUniqArray(toUInt32(positiveModulo(toUnixTimestamp64Milli(event_timestamp), 900000))) AS moments
FROM {{local:landing_location}}
GROUP BY quarter, act, actor;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_hourly_realtime_metrics_user {{on_cluster}} TO {{local:hourly_realtime_metrics}} AS
SELECT toStartOfMinute(event_timestamp, 'UTC') AS minute, event_type, count() AS events,
    uniqExactState(user_id) AS entities, max(event_timestamp) AS newest
FROM {{local:landing_user}}
GROUP BY minute, event_type;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_hourly_realtime_metrics {{on_cluster}} TO {{local:hourly_realtime_metrics}} AS
SELECT toStartOfMinute(event_timestamp, 'UTC') AS minute, event_type, count() AS events,
    uniqExactState(booking_id) AS entities, max(event_timestamp) AS newest
FROM {{local:landing_booking}}
GROUP BY minute, event_type;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_hourly_realtime_metrics_payment {{on_cluster}} TO {{local:hourly_realtime_metrics}} AS
SELECT toStartOfMinute(event_timestamp, 'UTC') AS minute, event_type, count() AS events,
    uniqExactState(payment_id) AS entities, max(event_timestamp) AS newest
FROM {{local:landing_payment}}
GROUP BY minute, event_type;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_hourly_realtime_metrics_trip {{on_cluster}} TO {{local:hourly_realtime_metrics}} AS
SELECT toStartOfMinute(event_timestamp, 'UTC') AS minute, event_type, count() AS events,
    uniqExactState(trip_id) AS entities, max(event_timestamp) AS newest
FROM {{local:landing_trip}}
GROUP BY minute, event_type;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_hourly_realtime_metrics_route {{on_cluster}} TO {{local:hourly_realtime_metrics}} AS
SELECT toStartOfMinute(event_timestamp, 'UTC') AS minute, event_type, count() AS events,
    uniqExactState(route_id) AS entities, max(event_timestamp) AS newest
FROM {{local:landing_route}}
GROUP BY minute, event_type;

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_hourly_realtime_metrics_location {{on_cluster}} TO {{local:hourly_realtime_metrics}} AS
SELECT toStartOfMinute(event_timestamp, 'UTC') AS minute, event_type, count() AS events,
    uniqExactState(driver_id) AS entities, max(event_timestamp) AS newest
FROM {{local:landing_location}}
GROUP BY minute, event_type;
