-- The departure that a booking was made for, in columns of numbers. It was one tuple, of which all was read for any part
-- of it, and which took ClickHouse a microsecond a row to merge, also where there was nothing to merge: how full routes
-- were took 75 ms more of 700,000 bookings in eleven parts.
--
-- Several booking.created of one booking mostly say the same: then these columns have it. `details_least` and
-- `details_most`, of a hash of the three, differ where they do not; readers ask the events of these.
--
-- `first` is dropped: until it is replaced, the version before cannot answer /v1/metrics/routes.

ALTER TABLE {{local:agg_popular_routes}} {{on_cluster}}
    ADD COLUMN IF NOT EXISTS route_id SimpleAggregateFunction(max, UUID) CODEC(NONE),
    ADD COLUMN IF NOT EXISTS scheduled_departure SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
        DEFAULT toDateTime64('1900-01-01 00:00:00', 3, 'UTC') CODEC(T64),
    ADD COLUMN IF NOT EXISTS seats_booked SimpleAggregateFunction(max, UInt8),
    ADD COLUMN IF NOT EXISTS details_least SimpleAggregateFunction(min, UInt64) DEFAULT bitNot(toUInt64(0)) CODEC(NONE),
    ADD COLUMN IF NOT EXISTS details_most SimpleAggregateFunction(max, UInt64) CODEC(NONE);
ALTER TABLE {{database}}.agg_popular_routes {{on_cluster}}
    ADD COLUMN IF NOT EXISTS route_id SimpleAggregateFunction(max, UUID),
    ADD COLUMN IF NOT EXISTS scheduled_departure SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
        DEFAULT toDateTime64('1900-01-01 00:00:00', 3, 'UTC'),
    ADD COLUMN IF NOT EXISTS seats_booked SimpleAggregateFunction(max, UInt8),
    ADD COLUMN IF NOT EXISTS details_least SimpleAggregateFunction(min, UInt64) DEFAULT bitNot(toUInt64(0)),
    ADD COLUMN IF NOT EXISTS details_most SimpleAggregateFunction(max, UInt64);

ALTER TABLE {{database}}.mv_agg_popular_routes {{on_cluster}} MODIFY QUERY
SELECT booking_id,
    toUInt64(1) AS events,
    toUInt8(multiIf(is_first, 1, event_type = 'booking.confirmed', 2, event_type = 'booking.cancelled', 4, 8)) AS seen,
    if(is_first, event_timestamp, toDateTime64(0, 3, 'UTC')) AS created,
    if(is_first, route, toUUID('00000000-0000-0000-0000-000000000000')) AS route_id,
    if(is_first, departure, toDateTime64('1900-01-01 00:00:00', 3, 'UTC')) AS scheduled_departure,
    if(is_first, seats, 0) AS seats_booked,
    if(is_first, details, bitNot(toUInt64(0))) AS details_least,
    if(is_first, details, 0) AS details_most,
    event_timestamp AS last_event_at
FROM
(
    SELECT booking_id, event_type, event_timestamp,
        event_type = 'booking.created' AS is_first,
        route_id AS route,
        ifNull(scheduled_departure, toDateTime64(0, 3, 'UTC')) AS departure, -- as in daily_booking_metrics
        ifNull(seats_booked, 0) AS seats,
        cityHash64(route, departure, seats) AS details
    FROM {{local:landing_booking}}
);

-- What was stored before. In a cluster each shard does it of its own.
INSERT INTO {{database}}.agg_popular_routes
    (booking_id, route_id, scheduled_departure, seats_booked, details_least, details_most, last_event_at)
WITH cityHash64(route_id, scheduled_departure, seats_booked) AS details
SELECT booking_id, route_id, scheduled_departure, seats_booked, details, details, event_timestamp
FROM {{database}}.daily_booking_metrics FINAL
WHERE event_type = 'booking.created'
SETTINGS parallel_distributed_insert_select = 2;

ALTER TABLE {{database}}.agg_popular_routes {{on_cluster}} DROP COLUMN IF EXISTS first;
ALTER TABLE {{local:agg_popular_routes}} {{on_cluster}} DROP COLUMN IF EXISTS first;
