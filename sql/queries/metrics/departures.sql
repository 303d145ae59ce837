-- How full routes were that left in a range.
-- Parameters: since, until (half-open); routes: those that are asked for, or none: all.
-- Result: a row for each of these that bookings left on in the range, and others with disputed ones:
--   route
--   departures  of these, how many whose seats are known
--   filled      sum over their bookings of 840 * seats held / seats in all: 840 is a multiple of 1 to 8, so the sum is
--               exact in whatever order rows come
--   disputed    of its bookings, those of which no part told what their first creation said; 0 but where `bookings` is
--               departures_plain.sql, and no number is right where there are any
-- Seats are held by bookings ever confirmed and never cancelled. A booking's route, departure and seats are those of
-- its first creation, at any time; the seats in all are those last stated at or before the departure.
-- Put in by the reader: as `bookings` departures_plain.sql or, where that finds any disputed, departures_disputed.sql.
SELECT
    route_id AS route,
    toUInt64(arrayUniq(arrayFilter(
        (left, seats) -> seats > 0,
        leaves,
        arrayMap(left -> arrayLast((seats, at) -> at <= left, stated.seats, stated.times), leaves) AS seats_of)))
        AS departures,
    toUInt64(arraySum((held, seats) -> if(seats > 0, intDiv(840 * held, greatest(seats, 1)), 0), held, seats_of)) AS filled,
    disputed
FROM
(
    SELECT
        route_id,
        groupArray(toUnixTimestamp64Milli(scheduled_departure)) AS leaves,
        groupArray(if(bitTest(seen, 1) AND NOT bitTest(seen, 2), seats_booked, 0)) AS held,
        countIf(is_disputed) AS disputed
    FROM
    (
{{bookings}}
    )
    GROUP BY route_id
) AS departed
LEFT JOIN
(
    SELECT
        route_id,
        arraySort(groupArray((toUnixTimestamp64Milli(event_timestamp), UUIDToNum(event_id), seats_total))) AS changes,
        changes.1 AS times,
        changes.3 AS seats
    FROM route_history
    WHERE seats_total > 0 AND (empty({routes:Array(UUID)}) OR route_id IN {routes:Array(UUID)})
    GROUP BY route_id
) AS stated USING (route_id)
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
