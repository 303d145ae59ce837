-- Payments that succeeded in each bucket of a range, by how they were made.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending; currency:
-- others are left out; '' for all.
-- Result: bucket (one of the edges), label (the method), payments (distinct, each by its first success in the
-- bucket), revenue (the amounts of these: only to be used of one currency); what is 0 is left out.
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
SELECT
    bucket,
    label,
    sum(paid) AS payments,
    sum(amounts) AS revenue,
    sum(paid_in_all) AS payments_in_all,
    sum(amounts_in_all) AS revenue_in_all
FROM
(
    SELECT
        roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
        toString(payment_method) AS label,
        count() AS paid,
        sum(amount) AS amounts,
        paid AS paid_in_all,
        amounts AS amounts_in_all
    FROM daily_payment_metrics
    WHERE event_type = 'payment.success' AND ({currency:String} = '' OR currency = {currency:String})
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        AND id_hash NOT IN (SELECT arrayJoin(unclear))
    GROUP BY bucket, payment_method
    UNION ALL
    SELECT
        bucket,
        toString(first.1),
        1,
        first.2,
        bucket = min(bucket) OVER (PARTITION BY payment_id) AS is_first,
        if(is_first, first.2, 0)
    FROM
    (
        SELECT
            roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
            payment_id,
            argMin((payment_method, amount), (event_timestamp, UUIDToNum(event_id))) AS first
        FROM daily_payment_metrics
        WHERE event_type = 'payment.success' AND ({currency:String} = '' OR currency = {currency:String})
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            AND id_hash IN (SELECT arrayJoin(unclear))
        GROUP BY bucket, payment_id
    )
)
GROUP BY bucket, label
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
