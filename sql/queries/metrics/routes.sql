-- Routes with bookings confirmed in a range, and what they brought.
-- Parameters: since, until (half-open).
-- Result: a row for each route that has such bookings: route, bookings (by their first confirmation in the range),
-- revenue (their prices).
-- The first of several confirmations (the least (event_timestamp, event id as text)) is looked for only where there are
-- several, of the `unclear`: to do so for all would cost many times as much. How full routes were is asked beside this
-- (departures.sql): two statements are planned at the same time. What they are is asked only of those in the answer
-- (route_names.sql). CAST: the column is a SimpleAggregateFunction.
WITH
(
    SELECT arrayFilter((id, last) -> id = last, arraySort(groupArray(id_hash)) AS sorted, arrayShiftRight(sorted, 1))
    FROM daily_booking_metrics
    WHERE event_type = 'booking.confirmed'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
) AS unclear
SELECT CAST(route_id AS UUID) AS route, sum(confirmations) AS bookings, sum(price) AS revenue
FROM
(
    SELECT route_id, count() AS confirmations, sum(total_price) AS price
    FROM daily_booking_metrics
    WHERE event_type = 'booking.confirmed'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        AND id_hash NOT IN (SELECT arrayJoin(unclear))
    GROUP BY route_id
    UNION ALL
    SELECT first.1, 1, first.2
    FROM
    (
        SELECT argMin((route_id, total_price), (event_timestamp, UUIDToNum(event_id))) AS first
        FROM daily_booking_metrics
        WHERE event_type = 'booking.confirmed'
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            AND id_hash IN (SELECT arrayJoin(unclear))
        GROUP BY booking_id
    )
)
GROUP BY route_id
SETTINGS use_index_for_in_with_subqueries = 0
