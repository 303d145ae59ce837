-- Payments in a range.
-- Parameters: since, until (half-open); currency.
-- Result: one row:
--   initiated, success, failed, refunded   distinct payments with that event in the range
--   paid                of those initiated in it: how many ever succeeded
--   returned            of those that succeeded in it: how many were ever refunded
--   refunds             every refund of the range in {currency}, also several of one payment
--   timed, times, percentiles   of the first successes in the range, in any currency: how many; the sum of their
--                       processing times in ms, as text since it may pass 64 bits; the elements at floor(0.5 n) and
--                       floor(0.95 n) of those times, sorted
--   event_types, methods, currencies, error_codes, counts, amounts   as long as each other: of the first
--                       payment.initiated, success and failed of each payment in the range, how many had these four,
--                       and their amounts
-- One pass (`found`) tells how many payments there are and which of them need a second look: those `open`, that did not
-- succeed in the range but may have outside it; and those with an event more than once, whose first (least
-- (event_timestamp, event id as text)) must be found. The rest have one row each: to take the first of every payment
-- would cost many times as much. Of refunds, which are few, the pass reads all there ever were (bit 4; in range bit 3).
-- Shares are of one reading, so that a rate cannot pass 100 while events arrive.
WITH
(
    SELECT
        countIf(bitTest(steps, 0)) AS initiated,
        countIf(bitTest(steps, 1)) AS success,
        countIf(bitTest(steps, 2)) AS failed,
        countIf(bitTest(steps, 3)) AS refunded,
        countIf(bitTest(steps, 0) AND bitTest(steps, 1)) AS paid,
        countIf(bitTest(steps, 1) AND bitTest(steps, 4)) AS returned,
        groupArrayIf(payment_id, bitTest(steps, 0) AND NOT bitTest(steps, 1)) AS open,
        groupArrayIf(payment_id, events > bitCount(bitAnd(steps, 7))) AS repeated
    FROM
    (
        SELECT
            payment_id,
            groupBitOr(multiIf(
                event_type = 'payment.initiated', 1,
                event_type = 'payment.success', 2,
                event_type = 'payment.failed', 4,
                event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}, 24,
                16)) AS steps,
            countIf(event_type != 'payment.refunded') AS events
        FROM daily_payment_metrics
        WHERE (event_type IN ('payment.initiated', 'payment.success', 'payment.failed')
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')})
            OR event_type = 'payment.refunded'
        GROUP BY payment_id
    )
) AS found
SELECT
    found.initiated AS initiated,
    found.success AS success,
    found.failed AS failed,
    found.refunded AS refunded,
    found.paid + late.paid AS paid,
    found.returned AS returned,
    refunds,
    timed,
    times,
    percentiles,
    event_types,
    methods,
    currencies,
    error_codes,
    counts,
    amounts
FROM
(
    SELECT
        sumIf(entities, event_type = 'payment.success') AS timed,
        toString(sum(spent)) AS times,
        quantilesExactMerge(0.5, 0.95)(sorted) AS percentiles,
        groupArray(toString(event_type)) AS event_types,
        groupArray(toString(payment_method)) AS methods,
        groupArray(toString(currency)) AS currencies,
        groupArray(toString(error_code)) AS error_codes,
        groupArray(entities) AS counts,
        groupArray(paid_amount) AS amounts
    FROM
    (
        SELECT
            event_type,
            payment_method,
            currency,
            error_code,
            count() AS entities,
            sum(amount) AS paid_amount,
            sumIf(toInt128(processing_time_ms), event_type = 'payment.success') AS spent,
            quantilesExactStateIf(0.5, 0.95)(processing_time_ms, event_type = 'payment.success') AS sorted
        FROM
        (
            SELECT event_type, payment_method, currency, error_code, amount, processing_time_ms
            FROM daily_payment_metrics
            WHERE event_type IN ('payment.initiated', 'payment.success', 'payment.failed')
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
                AND payment_id NOT IN found.repeated
            UNION ALL
            SELECT event_type, first.1, first.2, first.3, first.4, first.5
            FROM
            (
                SELECT
                    event_type,
                    payment_id,
                    argMin(
                        (payment_method, currency, error_code, amount, processing_time_ms),
                        (event_timestamp, UUIDToNum(event_id))) AS first
                FROM daily_payment_metrics
                WHERE event_type IN ('payment.initiated', 'payment.success', 'payment.failed')
                    AND event_timestamp >= {since:DateTime64(3, 'UTC')}
                    AND event_timestamp < {until:DateTime64(3, 'UTC')}
                    AND payment_id IN found.repeated
                GROUP BY event_type, payment_id
            )
        )
        GROUP BY event_type, payment_method, currency, error_code
    )
) AS values_of_first
CROSS JOIN
(
    SELECT uniqExact(payment_id) AS paid
    FROM daily_payment_metrics
    WHERE event_type = 'payment.success'
        AND (event_timestamp < {since:DateTime64(3, 'UTC')} OR event_timestamp >= {until:DateTime64(3, 'UTC')})
        AND payment_id IN found.open
) AS late
CROSS JOIN
(
    SELECT sum(refund) AS refunds
    FROM
    (
        SELECT event_id, any(refund_amount) AS refund
        FROM daily_payment_metrics
        WHERE event_type = 'payment.refunded' AND currency = {currency:String}
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        GROUP BY event_id
    )
) AS sent_back
SETTINGS distributed_product_mode = 'global'
