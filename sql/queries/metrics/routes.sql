-- Routes with bookings confirmed in a range: what they brought, and how full they were.
-- Parameters: since, until (half-open); sort: bookings | revenue | occupancy (the mean of those that have departures, then
-- the others), the most first, equal ones by id as text; limit.
-- Result: a row for each that has such bookings, in that order, at most {limit}:
--   route_id
--   bookings, revenue  bookings by their first confirmation in the range, and its price
--   departures         departures in the range, of any booking.created, whose seats are known
--   filled             sum over their bookings of 840 * seats held / seats in all: 840 is a multiple of 1 to 8, so the
--                      sum is exact in whatever order rows come
-- Seats are held by bookings ever confirmed and never cancelled. A booking's route, departure and seats are those of
-- its first creation, at any time; the seats in all are those last stated at or before the departure. The first of
-- several confirmations (the least (event_timestamp, event id as text)) is looked for only where there are several, of
-- the `unclear`: to do so for all would cost many times as much. What the routes are is asked only of those in the result
-- (route_names.sql): names of all, for the joins to carry, would cost as much as a fifth of the rest. A part of `first`
-- read as a column of its own would not be merged by FINAL: hence the last setting.
WITH
(
    SELECT arrayFilter((id, last) -> id = last, arraySort(groupArray(id_hash)) AS sorted, arrayShiftRight(sorted, 1))
    FROM daily_booking_metrics
    WHERE event_type = 'booking.confirmed'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
) AS unclear
SELECT
    route_id,
    bookings,
    revenue,
    arrayUniq(arrayFilter(
        (left, seats) -> seats > 0,
        departed.leaves,
        arrayMap(left -> arrayLast((seats, at) -> at <= left, stated.seats, stated.times), departed.leaves) AS seats_of))
        AS departures,
    arraySum((held, seats) -> if(seats > 0, intDiv(840 * held, greatest(seats, 1)), 0), departed.held, seats_of) AS filled
FROM
(
    SELECT route_id, sum(confirmations) AS bookings, sum(price) AS revenue
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
) AS counted
LEFT JOIN
(
    SELECT
        route_id,
        arraySort(groupArray((toUnixTimestamp64Milli(event_timestamp), UUIDToNum(event_id), seats_total))) AS changes,
        changes.1 AS times,
        changes.3 AS seats
    FROM route_history
    WHERE seats_total > 0
    GROUP BY route_id
) AS stated USING (route_id)
LEFT JOIN
(
    SELECT
        tupleElement(first, 'route_id') AS route_id,
        groupArray(toUnixTimestamp64Milli(tupleElement(first, 'scheduled_departure'))) AS leaves,
        groupArray(if(bitTest(seen, 1) AND NOT bitTest(seen, 2), tupleElement(first, 'seats_booked'), 0)) AS held
    FROM agg_popular_routes FINAL
    WHERE bitTest(seen, 0)
        AND tupleElement(first, 'scheduled_departure') >= {since:DateTime64(3, 'UTC')}
        AND tupleElement(first, 'scheduled_departure') < {until:DateTime64(3, 'UTC')}
    GROUP BY route_id
) AS departed USING (route_id)
ORDER BY
    if({sort:String} = 'bookings', bookings, 0) DESC,
    if({sort:String} = 'revenue', revenue, 0) DESC,
    if({sort:String} = 'occupancy', departures > 0, 0) DESC,
    if({sort:String} = 'occupancy' AND departures > 0, filled / departures, 0) DESC,
    UUIDToNum(route_id)
LIMIT {limit:UInt32}
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0, join_use_nulls = 0,
    optimize_functions_to_subcolumns = 0
