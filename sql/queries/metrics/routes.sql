-- Routes with bookings confirmed in a range: what they brought, how full they were, and what they are.
-- Parameters: since, until (half-open); sort: bookings | revenue, the most first, equal ones by id as text; limit.
-- By occupancy: routes_by_occupancy.sql, which finds the same columns of all routes.
-- Result: a row for each that has such bookings, in that order, at most {limit}:
--   route_id
--   bookings, revenue            bookings by their first confirmation in the range, and its price
--   departures                   departures in the range, of any booking.created, whose seats are known
--   filled                       sum over their bookings of 840 * seats held / seats in all: 840 is a multiple of 1 to 8,
--                                so the sum is exact in whatever order rows come
--   route_name, driver_id        as of the latest event of the route; '' and zeros if there is none
--   origin_city, destination_city  as of its latest creation; '' if there is none
--   seats                        [seats_total] by its latest change; [] if there is none
-- Seats are held by bookings ever confirmed and never cancelled. A booking's route, departure and seats are those of
-- its first creation, at any time; the seats in all are those last stated at or before the departure. The first of
-- several confirmations (the least (event_timestamp, event id as text)) is looked for only where there are several, of
-- the `unclear`: to do so for all would cost many times as much. Only the routes that will be in the result are looked
-- into any further. A part of `first` read as a column of its own would not be merged by FINAL: hence the last setting.
WITH
(
    SELECT groupArray(booking_id) FROM agg_popular_routes FINAL
    WHERE events > bitCount(seen) AND last_event_at >= {since:DateTime64(3, 'UTC')}
) AS unclear,
(
    SELECT groupArray((route_id, bookings, revenue))
    FROM
    (
        SELECT
            route_id,
            sum(confirmations) AS bookings,
            sum(price) AS revenue
        FROM
        (
            SELECT route_id, count() AS confirmations, sum(total_price) AS price
            FROM daily_booking_metrics
            WHERE event_type = 'booking.confirmed'
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
                AND booking_id NOT IN (SELECT arrayJoin(unclear))
            GROUP BY route_id
            UNION ALL
            SELECT first.1, 1, first.2
            FROM
            (
                SELECT argMin((route_id, total_price), (event_timestamp, UUIDToNum(event_id))) AS first
                FROM daily_booking_metrics
                WHERE event_type = 'booking.confirmed'
                    AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
                    AND booking_id IN (SELECT arrayJoin(unclear))
                GROUP BY booking_id
            )
        )
        GROUP BY route_id
        ORDER BY
            if({sort:String} = 'bookings', bookings, 0) DESC,
            if({sort:String} = 'revenue', revenue, 0) DESC,
            UUIDToNum(route_id)
        LIMIT {limit:UInt32}
    )
) AS confirmed
SELECT
    route_id,
    bookings,
    revenue,
    arrayUniq(arrayFilter(
        (left, seats) -> seats > 0,
        departed.leaves,
        arrayMap(left -> arrayLast((seats, at) -> at <= left, route.changes.3, route.changes.1), departed.leaves) AS seats_of))
        AS departures,
    arraySum((held, seats) -> if(seats > 0, intDiv(840 * held, greatest(seats, 1)), 0), departed.held, seats_of) AS filled,
    route.route_name AS route_name,
    route.driver_id AS driver_id,
    route.origin_city AS origin_city,
    route.destination_city AS destination_city,
    arraySlice(arrayMap(change -> change.3, route.changes), -1) AS seats
FROM
(
    SELECT found.1 AS route_id, found.2 AS bookings, found.3 AS revenue
    FROM (SELECT arrayJoin(confirmed) AS found)
) AS counted
LEFT JOIN
(
    WITH bitShiftLeft(toUInt256(toUnixTimestamp64Milli(event_timestamp)), 128) + toUInt128(event_id) AS turn
    SELECT
        route_id,
        argMax(route_name, turn) AS route_name,
        argMax(driver_id, turn) AS driver_id,
        argMaxIf(origin_city, turn, event_type = 'route.created') AS origin_city,
        argMaxIf(destination_city, turn, event_type = 'route.created') AS destination_city,
        arraySort(groupArrayIf(
            (toUnixTimestamp64Milli(event_timestamp), UUIDToNum(event_id), seats_total), seats_total > 0)) AS changes
    FROM route_history
    WHERE route_id IN (SELECT arrayJoin(confirmed).1)
    GROUP BY route_id
) AS route USING (route_id)
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
        AND route_id IN (SELECT arrayJoin(confirmed).1)
    GROUP BY route_id
) AS departed USING (route_id)
ORDER BY
    if({sort:String} = 'bookings', bookings, 0) DESC,
    if({sort:String} = 'revenue', revenue, 0) DESC,
    UUIDToNum(route_id)
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0, join_use_nulls = 0,
    optimize_functions_to_subcolumns = 0
