-- How full routes were that left in a range.
-- Parameters: since, until (half-open).
-- Result: a row for each route with departures in the range, of any booking.created, whose seats are known:
--   route
--   departures  how many
--   filled      sum over their bookings of 840 * seats held / seats in all: 840 is a multiple of 1 to 8, so the sum is
--               exact in whatever order rows come
-- Seats are held by bookings ever confirmed and never cancelled. A booking's route, departure and seats are those of
-- its first creation, at any time; the seats in all are those last stated at or before the departure. A part of `first`
-- read as a column of its own would not be merged by FINAL: hence the last setting.
SELECT
    route_id AS route,
    toUInt64(arrayUniq(arrayFilter(
        (left, seats) -> seats > 0,
        leaves,
        arrayMap(left -> arrayLast((seats, at) -> at <= left, stated.seats, stated.times), leaves) AS seats_of)))
        AS departures,
    toUInt64(arraySum((held, seats) -> if(seats > 0, intDiv(840 * held, greatest(seats, 1)), 0), held, seats_of)) AS filled
FROM
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
) AS departed
INNER JOIN
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
WHERE departures > 0
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0, optimize_functions_to_subcolumns = 0
