-- A part of departures.sql: the same as departures_plain.sql, but that what the first of several creations said is looked
-- for where they differ. Slower, and seldom asked.
SELECT CAST(route_id AS UUID) AS route_id, scheduled_departure, seats_booked, seen, 0 AS is_disputed
FROM agg_popular_routes FINAL
WHERE bitTest(seen, 0) AND details_least = details_most
    AND scheduled_departure >= {since:DateTime64(3, 'UTC')} AND scheduled_departure < {until:DateTime64(3, 'UTC')}
UNION ALL
SELECT first.1, first.2 AS left_at, first.3, seen, 0
FROM
(
    SELECT
        booking_id,
        argMin((route_id, scheduled_departure, seats_booked), (event_timestamp, UUIDToNum(event_id))) AS first
    FROM daily_booking_metrics
    WHERE event_type = 'booking.created'
        AND booking_id IN (SELECT booking_id FROM agg_popular_routes FINAL WHERE details_least < details_most)
    GROUP BY booking_id
) AS created
INNER JOIN
(
    SELECT booking_id, seen FROM agg_popular_routes FINAL WHERE details_least < details_most
) AS became USING (booking_id)
WHERE left_at >= {since:DateTime64(3, 'UTC')} AND left_at < {until:DateTime64(3, 'UTC')}
