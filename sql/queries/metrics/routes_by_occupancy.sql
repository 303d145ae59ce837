-- Routes with bookings confirmed in a range: what they brought, how full they were and what they are, the fullest first.
-- Parameters: since, until (half-open); limit.
-- Result: the columns of routes.sql, by mean occupancy (of those that have departures, then the others), equal ones by
-- id as text; at most {limit}.
-- How full a route is decides which are in the result: so, other than there, all are looked into, side by side. As a
-- scalar they would be found before anything else is read, an eighth slower. What each part is for is said there; what
-- changes in one is to change in both.
WITH
(
    SELECT groupArray(booking_id) FROM agg_popular_routes FINAL
    WHERE events > bitCount(seen) AND last_event_at >= {since:DateTime64(3, 'UTC')}
) AS unclear
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
    GROUP BY route_id
) AS departed USING (route_id)
ORDER BY
    departures > 0 DESC,
    if(departures > 0, filled / departures, 0) DESC,
    UUIDToNum(route_id)
LIMIT {limit:UInt32}
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0, join_use_nulls = 0,
    optimize_functions_to_subcolumns = 0
