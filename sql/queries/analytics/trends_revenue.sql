-- Revenue in each bucket of a range: a payment counts in every bucket in which it succeeds, with the amount of its
-- first success there.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending; currency:
-- others are left out.
-- Result: bucket (one of the edges; buckets without events are left out), value.
SELECT bucket, sum(first) AS value
FROM
(
    SELECT
        roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
        payment_id,
        argMin(amount, (event_timestamp, UUIDToNum(event_id))) AS first
    FROM daily_payment_metrics
    WHERE event_type = 'payment.success' AND currency = {currency:String}
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
    GROUP BY bucket, payment_id
)
GROUP BY bucket
