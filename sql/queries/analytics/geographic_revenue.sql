-- Revenue of a range, by the origin of the route that was paid for.
-- Parameters: since, until (half-open); currency: others are left out.
-- Result: state, city ('Unknown' if no such booking or route is known), value (of payments by their first success
-- in the range). A payment's route is that of its booking's first creation; a route's origin that of its latest.
-- The first of several (least (event_timestamp, event id as text)) is looked for only where there are several, of the
-- `unclear`: to do so for all would cost many times as much.
WITH
(
    SELECT arrayFilter((id, last) -> id = last, arraySort(groupArray(id_hash)) AS sorted, arrayShiftRight(sorted, 1))
    FROM agg_booking_payments
    WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
) AS unclear
SELECT
    if(route.state = '', 'Unknown', route.state) AS state,
    if(route.city = '', 'Unknown', route.city) AS city,
    sum(amount) AS value
FROM
(
    SELECT booking.route_id AS route_id, sum(amount) AS amount
    FROM
    (
        SELECT booking_id, amount
        FROM agg_booking_payments
        WHERE currency = {currency:String}
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            AND id_hash NOT IN (SELECT arrayJoin(unclear))
        UNION ALL
        SELECT first.1, first.2
        FROM
        (
            SELECT argMin((booking_id, amount, currency), (event_timestamp, UUIDToNum(event_id))) AS first
            FROM agg_booking_payments
            WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
                AND id_hash IN (SELECT arrayJoin(unclear))
            GROUP BY payment_id
        )
        WHERE first.3 = {currency:String}
    ) AS paid
    LEFT ANY JOIN (SELECT booking_id, route_id FROM agg_geographic_metrics FINAL) AS booking USING (booking_id)
    GROUP BY route_id
    SETTINGS join_algorithm = 'full_sorting_merge'
) AS counted
LEFT JOIN
(
    WITH bitShiftLeft(toUInt256(toUnixTimestamp64Milli(event_timestamp)), 128) + toUInt128(event_id) AS turn
    SELECT route_id, argMax(origin_state, turn) AS state, argMax(origin_city, turn) AS city
    FROM route_history
    WHERE event_type = 'route.created'
    GROUP BY route_id
) AS route USING (route_id)
GROUP BY state, city
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0, join_use_nulls = 0
