-- Payments that succeeded in each bucket of a range, by how they were made.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending; currency:
-- others are left out; '' for all.
-- Result: bucket (one of the edges), label (the method), payments (distinct, each by its first success in the
-- bucket), revenue (the amounts of these: only to be used of one currency); what is 0 is left out.
SELECT bucket, first.1 AS label, count() AS payments, sum(first.2) AS revenue
FROM
(
    SELECT
        roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
        payment_id,
        argMin((payment_method, amount), (event_timestamp, UUIDToNum(event_id))) AS first
    FROM daily_payment_metrics
    WHERE event_type = 'payment.success' AND ({currency:String} = '' OR currency = {currency:String})
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
    GROUP BY bucket, payment_id
)
GROUP BY bucket, label
