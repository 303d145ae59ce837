-- Payments by local day, method and currency: a row for each of which there is any event.
-- Parameters: since, until (half-open, whole local days); days: where each of them begins, seconds since 1970,
-- ascending; dates: what they are called, as long as days.
-- Result: date, payment_method ('Unknown' of a refund whose payment nobody knows), currency; payments_initiated,
-- _success, _failed, _refunded (distinct payments with that event on the day); success_rate_of, _over (of those
-- initiated on it, how many ever succeeded); revenue (of first successes of the day), refunds (every refund event of
-- the day), net_revenue; avg_processing_time_ms_of, _over (of first successes of the day).
-- Method and currency are those of a payment's first such event of the day; a refund has the currency it says, and the
-- method of the first success of its payment, whenever it was.
SELECT
    toDate({dates:Array(String)}[indexOf({days:Array(UInt32)}, bucket)]) AS date,
    if(method = '', 'Unknown', method) AS payment_method,
    currency,
    countIf(event_type = 'payment.initiated') AS payments_initiated,
    countIf(event_type = 'payment.success') AS payments_success,
    countIf(event_type = 'payment.failed') AS payments_failed,
    countIf(event_type = 'payment.refunded') AS payments_refunded,
    countIf(event_type = 'payment.initiated' AND succeeded) AS success_rate_of,
    countIf(event_type = 'payment.initiated') AS success_rate_over,
    sumIf(amount, event_type = 'payment.success') AS revenue,
    sumIf(amount, event_type = 'payment.refunded') AS refunds,
    revenue - refunds AS net_revenue,
    sumIf(toInt128(processing_time_ms), event_type = 'payment.success') AS avg_processing_time_ms_of,
    countIf(event_type = 'payment.success') AS avg_processing_time_ms_over
FROM
(
    SELECT
        bucket,
        event_type,
        toString(first.1) AS method,
        toString(first.2) AS currency,
        first.3 AS amount,
        first.4 AS processing_time_ms,
        paid.found = 1 AS succeeded
    FROM
    (
        SELECT
            roundDown(toUnixTimestamp(event_timestamp), {days:Array(UInt32)}) AS bucket,
            event_type,
            payment_id,
            argMin(
                (payment_method, currency, amount, processing_time_ms),
                (event_timestamp, UUIDToNum(event_id))) AS first
        FROM daily_payment_metrics
        WHERE event_type IN ('payment.initiated', 'payment.success', 'payment.failed')
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        GROUP BY bucket, event_type, payment_id
    ) AS counted
    LEFT JOIN
    (
        SELECT DISTINCT payment_id, 1 AS found
        FROM daily_payment_metrics
        WHERE event_type = 'payment.success' AND payment_id IN
        (
            SELECT payment_id
            FROM daily_payment_metrics
            WHERE event_type = 'payment.initiated'
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        )
    ) AS paid ON paid.payment_id = counted.payment_id
    UNION ALL
    SELECT
        bucket,
        'payment.refunded' AS event_type,
        toString(paid.method) AS method,
        toString(refund.currency) AS currency,
        refund.amount AS amount,
        0 AS processing_time_ms,
        0 AS succeeded
    FROM
    (
        SELECT bucket, payment_id, currency, sum(amount) AS amount
        FROM
        (
            SELECT
                roundDown(toUnixTimestamp(any(event_timestamp)), {days:Array(UInt32)}) AS bucket,
                any(payment_id) AS payment_id,
                any(currency) AS currency,
                any(refund_amount) AS amount
            FROM daily_payment_metrics
            WHERE event_type = 'payment.refunded'
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            GROUP BY event_id
        )
        GROUP BY bucket, payment_id, currency
    ) AS refund
    LEFT JOIN
    (
        SELECT payment_id, argMin(payment_method, (event_timestamp, UUIDToNum(event_id))) AS method
        FROM daily_payment_metrics
        WHERE event_type = 'payment.success' AND payment_id IN
        (
            SELECT payment_id
            FROM daily_payment_metrics
            WHERE event_type = 'payment.refunded'
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        )
        GROUP BY payment_id
    ) AS paid ON paid.payment_id = refund.payment_id
)
GROUP BY bucket, method, currency
