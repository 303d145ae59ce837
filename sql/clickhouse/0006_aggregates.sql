-- Aggregates by what people ask about: a route's departures, a driver's earnings, where people are picked up.

-- One row per booking on its route: what was booked at first (least (event_timestamp, UUIDToNum(event_id)) of its
-- booking.created events) and what ever became of it. From this come a route's departures and the seats held on each.
CREATE TABLE IF NOT EXISTS {{local:agg_popular_routes}} {{on_cluster}}
(
    route_id            UUID,
    booking_id          UUID,
    created             AggregateFunction(
                            argMinIf,
                            Tuple(scheduled_departure DateTime64(3, 'UTC'), seats_booked UInt8),
                            Tuple(DateTime64(3, 'UTC'), FixedString(16)),
                            UInt8),
    confirmed           SimpleAggregateFunction(max, UInt8),
    cancelled           SimpleAggregateFunction(max, UInt8),
    cancelled_by_driver SimpleAggregateFunction(max, UInt8),
    completed           SimpleAggregateFunction(max, UInt8),
    last_event_at       SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = {{engine:AggregatingMergeTree}}
ORDER BY (route_id, booking_id)
TTL toDateTime(last_event_at) + {{ttl:aggregates}}
SETTINGS {{dedup}};

{{distributed:agg_popular_routes}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_agg_popular_routes {{on_cluster}} TO {{local:agg_popular_routes}} AS
SELECT route_id, booking_id,
    argMinIfState(
        CAST((ifNull(scheduled_departure, toDateTime64(0, 3, 'UTC')), ifNull(seats_booked, 0)),
            'Tuple(scheduled_departure DateTime64(3, \'UTC\'), seats_booked UInt8)'),
        (event_timestamp, UUIDToNum(event_id)),
        event_type = 'booking.created') AS created,
    max(toUInt8(event_type = 'booking.confirmed')) AS confirmed,
    max(toUInt8(event_type = 'booking.cancelled')) AS cancelled,
    max(toUInt8(event_type = 'booking.cancelled' AND ifNull(cancelled_by, '') = 'DRIVER')) AS cancelled_by_driver,
    max(toUInt8(event_type = 'booking.completed')) AS completed,
    max(event_timestamp) AS last_event_at
FROM {{local:landing_booking}}
GROUP BY route_id, booking_id;

-- One row per completion of a trip, by driver: a driver's earnings over any time are one range of the key.
CREATE TABLE IF NOT EXISTS {{local:agg_driver_earnings}} {{on_cluster}}
(
    driver_id           UUID,
    event_timestamp     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    trip_id             UUID,
    event_id            UUID,
    driver_earnings     SimpleAggregateFunction(any, Decimal(14, 2)),
    platform_commission SimpleAggregateFunction(any, Decimal(14, 2)),
    distance_km         SimpleAggregateFunction(any, Float64),
    on_time             SimpleAggregateFunction(any, Bool)
)
ENGINE = {{engine:AggregatingMergeTree}}
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (driver_id, event_timestamp, trip_id, event_id)
TTL toDateTime(event_timestamp) + {{ttl:aggregates}}
SETTINGS {{dedup}};

{{distributed:agg_driver_earnings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_agg_driver_earnings {{on_cluster}} TO {{local:agg_driver_earnings}} AS
SELECT driver_id, event_timestamp, trip_id, event_id,
    ifNull(driver_earnings, 0) AS driver_earnings,
    ifNull(platform_commission, 0) AS platform_commission,
    ifNull(distance_km, 0) AS distance_km,
    ifNull(on_time, false) AS on_time
FROM {{local:landing_trip}}
WHERE event_type = 'trip.completed';

-- One row per booking: the route (whose origin names state and city) and the point of pickup, as booked at first.
-- Payments and trips find their place through it. The H3 cell is computed when asked, so that no setting of whoever
-- inserts (geotoh3_argument_order) can decide what is stored.
CREATE TABLE IF NOT EXISTS {{local:agg_geographic_metrics}} {{on_cluster}}
(
    booking_id    UUID,
    pickup        AggregateFunction(
                      argMin,
                      Tuple(route_id UUID, lat Float64, lon Float64),
                      Tuple(DateTime64(3, 'UTC'), FixedString(16))),
    last_event_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = {{engine:AggregatingMergeTree}}
ORDER BY booking_id
TTL toDateTime(last_event_at) + {{ttl:aggregates}}
SETTINGS {{dedup}};

{{distributed:agg_geographic_metrics}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.mv_agg_geographic_metrics {{on_cluster}} TO {{local:agg_geographic_metrics}} AS
SELECT booking_id,
    argMinState(
        CAST((route_id, ifNull(pickup_lat, 0), ifNull(pickup_lon, 0)), 'Tuple(route_id UUID, lat Float64, lon Float64)'),
        (event_timestamp, UUIDToNum(event_id))) AS pickup,
    max(event_timestamp) AS last_event_at
FROM {{local:landing_booking}}
WHERE event_type = 'booking.created'
GROUP BY booking_id;
