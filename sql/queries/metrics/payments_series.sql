-- Payments in each bucket of a range: a payment counts in every bucket in which it has the event.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending; currency.
-- Result: bucket (one of the edges; buckets without events are left out), initiated, success, failed, refunded,
-- revenue (of those that succeeded in the bucket, the amount at their first success in it, if that is in {currency}).
-- As in payments.sql, the first of several events is looked for only where there are several.
WITH
(
    SELECT groupArray(payment_id) AS ids
    FROM
    (
        SELECT payment_id
        FROM daily_payment_metrics
        WHERE event_type IN ('payment.initiated', 'payment.success', 'payment.failed', 'payment.refunded')
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        GROUP BY payment_id
        HAVING count() > bitCount(groupBitOr(multiIf(
            event_type = 'payment.initiated', 1,
            event_type = 'payment.success', 2,
            event_type = 'payment.failed', 4,
            8)))
    )
) AS repeated
SELECT
    bucket,
    countIf(event_type = 'payment.initiated') AS initiated,
    countIf(event_type = 'payment.success') AS success,
    countIf(event_type = 'payment.failed') AS failed,
    countIf(event_type = 'payment.refunded') AS refunded,
    sumIf(paid_amount, event_type = 'payment.success' AND paid_in = {currency:String}) AS revenue
FROM
(
    SELECT
        roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
        event_type,
        amount AS paid_amount,
        currency AS paid_in
    FROM daily_payment_metrics
    WHERE event_type IN ('payment.initiated', 'payment.success', 'payment.failed', 'payment.refunded')
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        AND payment_id NOT IN (SELECT arrayJoin(repeated))
    UNION ALL
    SELECT bucket, event_type, first.1, first.2
    FROM
    (
        SELECT
            roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
            event_type,
            payment_id,
            argMin((amount, currency), (event_timestamp, UUIDToNum(event_id))) AS first
        FROM daily_payment_metrics
        WHERE event_type IN ('payment.initiated', 'payment.success', 'payment.failed', 'payment.refunded')
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            AND payment_id IN (SELECT arrayJoin(repeated))
        GROUP BY bucket, event_type, payment_id
    )
)
GROUP BY bucket
ORDER BY bucket
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
