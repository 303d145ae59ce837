-- Payments refunded in a range, and in each bucket of it.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending; currency.
-- Result: a row for each bucket with refunds, and one of the range as a whole, if it has any: part (the bucket's edge, or
-- 0: the whole), refunded (distinct payments), refunds (every refund in {currency}, also several of one payment).
SELECT part, uniqExact(payment_id) AS refunded, sum(refund) AS refunds
FROM
(
    SELECT
        roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
        payment_id,
        if(any(currency) = {currency:String}, any(refund_amount), 0) AS refund
    FROM daily_payment_metrics
    WHERE event_type = 'payment.refunded'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
    GROUP BY bucket, payment_id, event_id
)
ARRAY JOIN [0, bucket] AS part
GROUP BY part
