-- Revenue in each bucket of a range: a payment counts in every bucket in which it succeeds, with the amount of its
-- first success there.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending; currency:
-- others are left out.
-- Result: bucket (one of the edges; buckets without events are left out), value.
-- <name>_in_all: what of it counts in the range as a whole, where an entity of several buckets counts once, as in its
-- first bucket.
-- The first of several (least (event_timestamp, event id as text)) is looked for only where there are several, of the
-- `unclear`: to do so for all would cost many times as much.
WITH
(
    SELECT arrayFilter((id, last) -> id = last, arraySort(groupArray(id_hash)) AS sorted, arrayShiftRight(sorted, 1))
    FROM daily_payment_metrics
    WHERE event_type = 'payment.success'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
) AS unclear
SELECT bucket, sum(amounts) AS value, sum(in_all) AS value_in_all
FROM
(
    SELECT roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket, sum(amount) AS amounts, amounts AS in_all
    FROM daily_payment_metrics
    WHERE event_type = 'payment.success' AND currency = {currency:String}
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        AND id_hash NOT IN (SELECT arrayJoin(unclear))
    GROUP BY bucket
    UNION ALL
    SELECT bucket, first, if(bucket = min(bucket) OVER (PARTITION BY payment_id), first, 0)
    FROM
    (
        SELECT roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket, payment_id, argMin(amount, (event_timestamp, UUIDToNum(event_id))) AS first
        FROM daily_payment_metrics
        WHERE event_type = 'payment.success' AND currency = {currency:String}
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            AND id_hash IN (SELECT arrayJoin(unclear))
        GROUP BY bucket, payment_id
    )
)
GROUP BY bucket
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
