-- Payments in each bucket of a range: a payment counts in every bucket in which it has the event.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending; currency.
-- Result: bucket (one of the edges; buckets without events are left out), initiated, success, failed, refunded,
-- revenue (of those that succeeded in the bucket, the amount at their first success in it, if that is in {currency}).
-- As in payments.sql, the first of several events is looked for only where there are several.
WITH
(
    SELECT groupArray(payment_id) FROM agg_payments FINAL
    WHERE events > bitCount(bitAnd(seen, 7)) AND last_event_at >= {since:DateTime64(3, 'UTC')}
) AS unclear
SELECT
    bucket,
    sumIf(payments, event_type = 'payment.initiated') AS initiated,
    sumIf(payments, event_type = 'payment.success') AS success,
    sumIf(payments, event_type = 'payment.failed') AS failed,
    sumIf(payments, event_type = 'payment.refunded') AS refunded,
    sumIf(paid, event_type = 'payment.success') AS revenue
FROM
(
    SELECT
        roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
        event_type,
        count() AS payments,
        sumIf(amount, currency = {currency:String}) AS paid
    FROM daily_payment_metrics
    WHERE event_type IN ('payment.initiated', 'payment.success', 'payment.failed')
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        AND payment_id NOT IN (SELECT arrayJoin(unclear))
    GROUP BY bucket, event_type
    UNION ALL
    SELECT bucket, event_type, 1, if(first.2 = {currency:String}, first.1, 0)
    FROM
    (
        SELECT
            roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
            event_type,
            argMin((amount, currency), (event_timestamp, UUIDToNum(event_id))) AS first
        FROM daily_payment_metrics
        WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            AND (event_type = 'payment.refunded' OR
                (event_type IN ('payment.initiated', 'payment.success', 'payment.failed')
                    AND payment_id IN (SELECT arrayJoin(unclear))))
        GROUP BY bucket, event_type, payment_id
    )
)
GROUP BY bucket
ORDER BY bucket
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
