-- Revenue of a range, by the origin of the route that was paid for.
-- Parameters: since, until (half-open); currency: others are left out.
-- Result: state, city ('Unknown' if no such booking or route is known), value (of payments by their first success
-- in the range). A payment's route is that of its booking's first creation; a route's origin that of its latest.
SELECT
    if(route.state = '', 'Unknown', route.state) AS state,
    if(route.city = '', 'Unknown', route.city) AS city,
    sum(amount) AS value
FROM
(
    SELECT booking.route_id AS route_id, sum(amount) AS amount
    FROM
    (
        SELECT first.2 AS booking_id, sum(first.1) AS amount
        FROM
        (
            SELECT payment_id, argMin((amount, booking_id, currency), (event_timestamp, UUIDToNum(event_id))) AS first
            FROM daily_payment_metrics
            WHERE event_type = 'payment.success'
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            GROUP BY payment_id
        )
        WHERE first.3 = {currency:String}
        GROUP BY booking_id
    ) AS paid
    LEFT JOIN
    (
        SELECT booking_id, argMinMerge(pickup).1 AS route_id
        FROM agg_geographic_metrics
        WHERE booking_id IN
        (
            SELECT booking_id
            FROM daily_payment_metrics
            WHERE event_type = 'payment.success' AND currency = {currency:String}
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        )
        GROUP BY booking_id
    ) AS booking ON booking.booking_id = paid.booking_id
    GROUP BY route_id
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
) AS route USING (route_id)
GROUP BY state, city
SETTINGS distributed_product_mode = 'global', join_use_nulls = 0
