-- Routes by local day: a row for each with a booking confirmed on it.
-- Parameters: since, until (half-open, whole local days); days: where each of them begins, seconds since 1970,
-- ascending; dates: what they are called, as long as days.
-- Result: date, route_id; total_bookings, total_revenue (bookings by their first confirmation of the day, and its
-- price); avg_occupancy_of, _over (sum of percents held, and departures of the day whose seats are known); route_name,
-- driver_id (as of its latest event; of a route nobody created: the driver the confirmations name); origin_city,
-- destination_city (as of its latest creation); seats_total (by its latest change; NULL if there is none).
-- What a departure is, and who holds seats on it, is as in metrics/departures.sql.
SELECT
    toDate({dates:Array(String)}[indexOf({days:Array(UInt32)}, confirmed.bucket)]) AS date,
    confirmed.route_id AS route_id,
    confirmed.bookings AS total_bookings,
    confirmed.revenue AS total_revenue,
    occupancy.filled * 100 / 840 AS avg_occupancy_of,
    occupancy.departures AS avg_occupancy_over,
    route.route_name AS route_name,
    if(route.known = 1, route.driver_id, confirmed.driver) AS driver_id,
    route.origin_city AS origin_city,
    route.destination_city AS destination_city,
    if(empty(route.changes), NULL, route.changes[-1].3) AS seats_total
FROM
(
    SELECT
        bucket,
        first.1 AS route_id,
        count() AS bookings,
        sum(first.2) AS revenue,
        argMin(first.3, UUIDToNum(first.3)) AS driver
    FROM
    (
        SELECT
            roundDown(toUnixTimestamp(event_timestamp), {days:Array(UInt32)}) AS bucket,
            booking_id,
            argMin((route_id, total_price, driver_id), (event_timestamp, UUIDToNum(event_id))) AS first
        FROM daily_booking_metrics
        WHERE event_type = 'booking.confirmed'
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        GROUP BY bucket, booking_id
    )
    GROUP BY bucket, route_id
) AS confirmed
LEFT JOIN
(
    SELECT
        route_id,
        1 AS known,
        argMax(route_name, (event_timestamp, UUIDToNum(event_id))) AS route_name,
        argMax(driver_id, (event_timestamp, UUIDToNum(event_id))) AS driver_id,
        argMaxIf(origin_city, (event_timestamp, UUIDToNum(event_id)), event_type = 'route.created') AS origin_city,
        argMaxIf(destination_city, (event_timestamp, UUIDToNum(event_id)), event_type = 'route.created')
            AS destination_city,
        arraySort(groupArrayIf((event_timestamp, UUIDToNum(event_id), seats_total), seats_total > 0)) AS changes
    FROM route_history
    GROUP BY route_id
) AS route ON route.route_id = confirmed.route_id
LEFT JOIN
(
    SELECT
        bucket,
        route_id,
        countIf(seats_total > 0) AS departures,
        sumIf(intDiv(840 * held, greatest(seats_total, 1)), seats_total > 0) AS filled
    FROM
    (
        SELECT
            roundDown(toUnixTimestamp(departure.leaves), {days:Array(UInt32)}) AS bucket,
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
                            AND scheduled_departure >= {since:DateTime64(3, 'UTC')}
                            AND scheduled_departure < {until:DateTime64(3, 'UTC')}
                    )
                GROUP BY booking_id
            )
            WHERE leaves >= {since:DateTime64(3, 'UTC')} AND leaves < {until:DateTime64(3, 'UTC')}
            GROUP BY route_id, leaves
        ) AS departure
        LEFT JOIN
        (
            SELECT route_id, arraySort(groupArray((event_timestamp, UUIDToNum(event_id), seats_total))) AS changes
            FROM route_history
            WHERE seats_total > 0
            GROUP BY route_id
        ) AS history ON history.route_id = departure.route_id
    )
    GROUP BY bucket, route_id
) AS occupancy ON occupancy.bucket = confirmed.bucket AND occupancy.route_id = confirmed.route_id
