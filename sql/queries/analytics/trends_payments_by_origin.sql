-- Payments that succeeded in each bucket of a range, by the origin of the route that was paid for.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending; currency:
-- others are left out; '' for all; place: the column origin_state or origin_city.
-- Result: bucket (one of the edges), label ('Unknown' if no such booking or route is known), payments (distinct,
-- each by its first success in the bucket), revenue (the amounts of these: only to be used of one currency); what
-- is 0 is left out. A payment's route is that of its booking's first creation, at any time; a route's origin that
-- of its latest.
-- <name>_in_all: what of it counts in the range as a whole, where an entity of several buckets counts once, as in its
-- first bucket.
-- The first of several (least (event_timestamp, event id as text)) is looked for only where there are several, of the
-- `unclear`: to do so for all would cost many times as much.
WITH
(
    SELECT arrayFilter((id, last) -> id = last, arraySort(groupArray(id_hash)) AS sorted, arrayShiftRight(sorted, 1))
    FROM agg_booking_payments
    WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
) AS unclear
SELECT
    bucket,
    if(route.place = '', 'Unknown', route.place) AS label,
    count() AS payments,
    sum(amount) AS revenue,
    countIf(is_first) AS payments_in_all,
    sumIf(amount, is_first) AS revenue_in_all
FROM
(
    SELECT bucket, amount, is_first, booking.route_id AS route_id
    FROM
    (
        SELECT roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket, booking_id, amount, 1 AS is_first
        FROM agg_booking_payments
        WHERE ({currency:String} = '' OR currency = {currency:String})
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            AND id_hash NOT IN (SELECT arrayJoin(unclear))
        UNION ALL
        SELECT bucket, first.1, first.2, bucket = min(bucket) OVER (PARTITION BY payment_id)
        FROM
        (
            SELECT
                roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
                payment_id,
                argMin((booking_id, amount), (event_timestamp, UUIDToNum(event_id))) AS first
            FROM agg_booking_payments
            WHERE ({currency:String} = '' OR currency = {currency:String})
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
                AND id_hash IN (SELECT arrayJoin(unclear))
            GROUP BY bucket, payment_id
        )
    ) AS paid
    LEFT ANY JOIN (SELECT booking_id, route_id FROM agg_geographic_metrics FINAL) AS booking USING (booking_id)
    SETTINGS join_algorithm = 'full_sorting_merge'
) AS counted
LEFT JOIN
(
    WITH bitShiftLeft(toUInt256(toUnixTimestamp64Milli(event_timestamp)), 128) + toUInt128(event_id) AS turn
    SELECT route_id, argMax({place:Identifier}, turn) AS place
    FROM route_history
    WHERE event_type = 'route.created'
    GROUP BY route_id
) AS route USING (route_id)
GROUP BY bucket, label
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0, join_use_nulls = 0
