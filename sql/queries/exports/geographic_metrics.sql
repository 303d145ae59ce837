-- Places by local day: a row for each city of which there is anything.
-- Parameters: since, until (half-open, whole local days); days: where each of them begins, seconds since 1970,
-- ascending; dates: what they are called, as long as days; currency: of the revenue.
-- Result: date, state, city ('Unknown' if not known); bookings (created), revenue (of payments by their first success
-- of the day), users (registered), trips (completed): each entity once a day, by its first such event of the day.
-- The place of a booking, payment or trip is its route's origin, of which the latest creation tells, whenever it was.
SELECT
    toDate({dates:Array(String)}[indexOf({days:Array(UInt32)}, bucket)]) AS date,
    if(place.1 = '', 'Unknown', place.1) AS state,
    if(place.2 = '', 'Unknown', place.2) AS city,
    sum(bookings_of) AS bookings,
    sum(revenue_of) AS revenue,
    sum(users_of) AS users,
    sum(trips_of) AS trips
FROM
(
    SELECT
        bucket,
        (toString(route.state), toString(route.city)) AS place,
        bookings AS bookings_of,
        revenue AS revenue_of,
        0 AS users_of,
        trips AS trips_of
    FROM
    (
        SELECT bucket, route_id, sum(bookings) AS bookings, sum(revenue) AS revenue, sum(trips) AS trips
        FROM
        (
            SELECT
                roundDown(toUnixTimestamp(event_timestamp), {days:Array(UInt32)}) AS bucket,
                argMin(route_id, (event_timestamp, UUIDToNum(event_id))) AS route_id,
                1 AS bookings,
                toDecimal64(0, 2) AS revenue,
                0 AS trips
            FROM daily_booking_metrics
            WHERE event_type = 'booking.created'
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            GROUP BY bucket, booking_id
            UNION ALL
            SELECT
                roundDown(toUnixTimestamp(event_timestamp), {days:Array(UInt32)}) AS bucket,
                argMin(route_id, (event_timestamp, UUIDToNum(event_id))) AS route_id,
                0 AS bookings,
                toDecimal64(0, 2) AS revenue,
                1 AS trips
            FROM daily_trip_metrics
            WHERE event_type = 'trip.completed'
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            GROUP BY bucket, trip_id
            UNION ALL
            SELECT paid.bucket AS bucket, booking.route_id AS route_id, 0 AS bookings, paid.amount AS revenue, 0 AS trips
            FROM
            (
                SELECT bucket, first.2 AS booking_id, first.1 AS amount
                FROM
                (
                    SELECT
                        roundDown(toUnixTimestamp(event_timestamp), {days:Array(UInt32)}) AS bucket,
                        payment_id,
                        argMin((amount, booking_id, currency), (event_timestamp, UUIDToNum(event_id))) AS first
                    FROM daily_payment_metrics
                    WHERE event_type = 'payment.success'
                        AND event_timestamp >= {since:DateTime64(3, 'UTC')}
                        AND event_timestamp < {until:DateTime64(3, 'UTC')}
                    GROUP BY bucket, payment_id
                )
                WHERE first.3 = {currency:String}
            ) AS paid
            LEFT JOIN
            (
                SELECT booking_id, route_id
                FROM agg_geographic_metrics FINAL
                WHERE booking_id IN
                (
                    SELECT booking_id
                    FROM daily_payment_metrics
                    WHERE event_type = 'payment.success'
                        AND event_timestamp >= {since:DateTime64(3, 'UTC')}
                        AND event_timestamp < {until:DateTime64(3, 'UTC')}
                )
            ) AS booking ON booking.booking_id = paid.booking_id
        )
        GROUP BY bucket, route_id
    ) AS counted
    LEFT JOIN
    (
        SELECT
            route_id,
            argMax(origin_state, (event_timestamp, UUIDToNum(event_id))) AS state,
            argMax(origin_city, (event_timestamp, UUIDToNum(event_id))) AS city
        FROM route_history
        WHERE event_type = 'route.created'
        GROUP BY route_id
    ) AS route ON route.route_id = counted.route_id
    UNION ALL
    SELECT
        bucket,
        (toString(first.1), toString(first.2)) AS place,
        0 AS bookings_of,
        toDecimal64(0, 2) AS revenue_of,
        1 AS users_of,
        0 AS trips_of
    FROM
    (
        SELECT
            roundDown(toUnixTimestamp(event_timestamp), {days:Array(UInt32)}) AS bucket,
            user_id,
            argMin((state, city), (event_timestamp, UUIDToNum(event_id))) AS first
        FROM daily_user_metrics
        WHERE event_type = 'user.registered'
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        GROUP BY bucket, user_id
    )
)
GROUP BY bucket, state, city
