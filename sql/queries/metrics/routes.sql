-- Routes with bookings confirmed in a range: what they brought, how full they were, and what they are.
-- Parameters: since, until (half-open); routes: the ids asked about, none for all of them; limit.
-- Result: a row for each that has such bookings, the fullest first, then those without occupancy, equal ones by id as
-- text, at most {limit}:
--   route_id
--   bookings, revenue            bookings by their first confirmation in the range, and its price
--   booked_driver                the driver whom these confirmations name; the least as text, should they differ
--   departures                   departures in the range, of any booking.created, whose seats are known
--   filled                       sum over them of 840 * seats held / seats in all: 840 is a multiple of 1 to 8, so the
--                                sum is exact in whatever order rows come
--   route_name, driver_id        as of the latest event of the route; '' and zeros if there is none
--   origin_city, destination_city  as of its latest creation; '' if there is none
--   seats                        [seats_total] by its latest change; [] if there is none
-- Seats are held by bookings ever confirmed and never cancelled. A booking's route, departure and seats are those of
-- its first creation, at any time; the seats in all are those last stated at or before the departure.
WITH empty({routes:Array(UUID)}) AS every
SELECT
    confirmed.route_id AS route_id,
    bookings,
    revenue,
    booked_driver,
    occupancy.departures AS departures,
    occupancy.filled AS filled,
    route.route_name AS route_name,
    route.driver_id AS driver_id,
    route.origin_city AS origin_city,
    route.destination_city AS destination_city,
    arraySlice(arrayMap(change -> change.3, route.changes), -1) AS seats
FROM
(
    SELECT first.1 AS route_id, count() AS bookings, sum(first.2) AS revenue, argMin(first.3, UUIDToNum(first.3)) AS booked_driver
    FROM
    (
        SELECT
            booking_id,
            argMin((route_id, total_price, driver_id), (event_timestamp, UUIDToNum(event_id))) AS first
        FROM daily_booking_metrics
        WHERE event_type = 'booking.confirmed'
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            AND (every OR booking_id IN
            (
                SELECT booking_id
                FROM daily_booking_metrics
                WHERE NOT every AND route_id IN {routes:Array(UUID)} AND event_type = 'booking.confirmed'
                    AND event_timestamp >= {since:DateTime64(3, 'UTC')}
                    AND event_timestamp < {until:DateTime64(3, 'UTC')}
            ))
        GROUP BY booking_id
    )
    WHERE every OR first.1 IN {routes:Array(UUID)}
    GROUP BY route_id
) AS confirmed
LEFT JOIN
(
    SELECT
        route_id,
        argMax(route_name, (event_timestamp, UUIDToNum(event_id))) AS route_name,
        argMax(driver_id, (event_timestamp, UUIDToNum(event_id))) AS driver_id,
        argMaxIf(origin_city, (event_timestamp, UUIDToNum(event_id)), event_type = 'route.created') AS origin_city,
        argMaxIf(destination_city, (event_timestamp, UUIDToNum(event_id)), event_type = 'route.created')
            AS destination_city,
        arraySort(groupArrayIf((event_timestamp, UUIDToNum(event_id), seats_total), seats_total > 0)) AS changes
    FROM route_history
    WHERE every OR route_id IN {routes:Array(UUID)}
    GROUP BY route_id
) AS route ON route.route_id = confirmed.route_id
LEFT JOIN
(
    SELECT
        route_id,
        countIf(seats_total > 0) AS departures,
        sumIf(intDiv(840 * held, greatest(seats_total, 1)), seats_total > 0) AS filled
    FROM
    (
        SELECT
            departure.route_id AS route_id,
            departure.held AS held,
            arrayLast(change -> change.1 <= departure.leaves, history.changes).3 AS seats_total
        FROM
        (
            SELECT
                first.1 AS route_id,
                first.2 AS leaves,
                sumIf(toUInt64(first.3), confirmed = 1 AND cancelled = 0) AS held
            FROM
            (
                SELECT
                    booking_id,
                    argMinIf(
                        (route_id, scheduled_departure, seats_booked),
                        (event_timestamp, UUIDToNum(event_id)),
                        event_type = 'booking.created') AS first,
                    max(event_type = 'booking.confirmed') AS confirmed,
                    max(event_type = 'booking.cancelled') AS cancelled
                FROM daily_booking_metrics
                WHERE event_type IN ('booking.created', 'booking.confirmed', 'booking.cancelled')
                    AND booking_id IN
                    (
                        SELECT booking_id
                        FROM daily_booking_metrics
                        WHERE event_type = 'booking.created'
                            AND (every OR route_id IN {routes:Array(UUID)})
                            AND scheduled_departure >= {since:DateTime64(3, 'UTC')}
                            AND scheduled_departure < {until:DateTime64(3, 'UTC')}
                    )
                GROUP BY booking_id
            )
            WHERE leaves >= {since:DateTime64(3, 'UTC')} AND leaves < {until:DateTime64(3, 'UTC')}
                AND (every OR route_id IN {routes:Array(UUID)})
            GROUP BY route_id, leaves
        ) AS departure
        LEFT JOIN
        (
            SELECT
                route_id,
                arraySort(groupArray((event_timestamp, UUIDToNum(event_id), seats_total))) AS changes
            FROM route_history
            WHERE seats_total > 0 AND (every OR route_id IN {routes:Array(UUID)})
            GROUP BY route_id
        ) AS history ON history.route_id = departure.route_id
    )
    GROUP BY route_id
) AS occupancy ON occupancy.route_id = confirmed.route_id
ORDER BY departures > 0 DESC, if(departures > 0, filled / departures, 0) DESC, UUIDToNum(route_id)
LIMIT {limit:UInt32}
SETTINGS distributed_product_mode = 'global', join_use_nulls = 0
