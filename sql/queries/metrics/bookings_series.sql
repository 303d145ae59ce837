-- Bookings in each bucket of a range: a booking counts in every bucket in which it has the event.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending.
-- Result: bucket (one of the edges; buckets without events are left out), created, confirmed, cancelled, completed,
-- total_value (of those confirmed in the bucket: the price at their first confirmation in it).
-- As in bookings.sql, the first of several events is looked for only where there are several.
WITH
(
    SELECT groupArray(booking_id) FROM agg_popular_routes FINAL
    WHERE events > bitCount(seen) AND last_event_at >= {since:DateTime64(3, 'UTC')}
) AS unclear
SELECT
    bucket,
    sumIf(bookings, event_type = 'booking.created') AS created,
    sumIf(bookings, event_type = 'booking.confirmed') AS confirmed,
    sumIf(bookings, event_type = 'booking.cancelled') AS cancelled,
    sumIf(bookings, event_type = 'booking.completed') AS completed,
    sumIf(price, event_type = 'booking.confirmed') AS total_value
FROM
(
    SELECT
        roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
        event_type,
        count() AS bookings,
        sum(total_price) AS price
    FROM daily_booking_metrics
    WHERE event_type IN ('booking.created', 'booking.confirmed', 'booking.cancelled', 'booking.completed')
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        AND booking_id NOT IN (SELECT arrayJoin(unclear))
    GROUP BY bucket, event_type
    UNION ALL
    SELECT
        roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
        event_type,
        1 AS bookings,
        argMin(total_price, (event_timestamp, UUIDToNum(event_id))) AS price
    FROM daily_booking_metrics
    WHERE event_type IN ('booking.created', 'booking.confirmed', 'booking.cancelled', 'booking.completed')
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        AND booking_id IN (SELECT arrayJoin(unclear))
    GROUP BY bucket, event_type, booking_id
)
GROUP BY bucket
ORDER BY bucket
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
