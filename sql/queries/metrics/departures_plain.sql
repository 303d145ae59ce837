-- A part of departures.sql: the departures that bookings were made for. Parameters: as there.
-- Result: route_id, scheduled_departure, seats_booked, seen (as in agg_popular_routes), is_disputed: whether several
-- creations of the booking differ, so that the others are not what the first one said. Any such booking is told, whenever
-- and on whatever route it left.
SELECT
    CAST(route_id AS UUID) AS route_id,
    scheduled_departure,
    seats_booked,
    seen,
    details_least != details_most AS is_disputed
FROM agg_popular_routes FINAL
WHERE bitTest(seen, 0)
    AND (is_disputed
        OR scheduled_departure >= {since:DateTime64(3, 'UTC')} AND scheduled_departure < {until:DateTime64(3, 'UTC')}
            AND (empty({routes:Array(UUID)}) OR route_id IN {routes:Array(UUID)}))
