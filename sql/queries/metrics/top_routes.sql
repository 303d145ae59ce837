-- The routes with the most bookings confirmed in a range.
-- Parameters: since, until (half-open); sort: bookings | revenue, the most first, equal ones by id as text; limit.
-- Result: route_id, in that order. A booking is of the route, and has the price, that its first confirmation in the
-- range names: the least (event_timestamp, event id as text).
SELECT first.1 AS route_id
FROM
(
    SELECT booking_id, argMin((route_id, total_price), (event_timestamp, UUIDToNum(event_id))) AS first
    FROM daily_booking_metrics
    WHERE event_type = 'booking.confirmed'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
    GROUP BY booking_id
)
GROUP BY route_id
ORDER BY
    if({sort:String} = 'bookings', count(), 0) DESC,
    if({sort:String} = 'revenue', sum(first.2), 0) DESC,
    UUIDToNum(route_id)
LIMIT {limit:UInt32}
