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
--   terms_of, counts, amounts   as long as each other: of the first payment.initiated, success and failed of each
--                       payment in the range, how many had these terms ('type method currency error_code'), and their
--                       amounts
-- `sure` tells what became of each payment, and which are unclear: those that had some event more than once. All events
-- of the others are counted together; of the unclear the first is looked for, the least (event_timestamp, event id as
-- text): to do so for all would cost many times as much. A share and what it is a share of
-- are of one reading, so that a rate cannot pass 100 while events arrive.
WITH
    (
        SELECT
            countIf(is_new) AS initiated,
            countIf(is_new AND bitTest(seen, 1)) AS paid,
            countIf(is_paid) AS success,
            countIf(is_paid AND bitTest(seen, 3)) AS returned,
            groupArrayIf(payment_id, NOT clear) AS unclear,
            groupArrayIf(seen, NOT clear) AS unclear_seen
        FROM
        (
            SELECT
                payment_id,
                seen,
                events = bitCount(bitAnd(seen, 7)) AS clear,
                clear AND initiated >= {since:DateTime64(3, 'UTC')} AND initiated < {until:DateTime64(3, 'UTC')} AS is_new,
                clear AND succeeded >= {since:DateTime64(3, 'UTC')} AND succeeded < {until:DateTime64(3, 'UTC')} AS is_paid
            FROM agg_payments FINAL
        )
    ) AS sure,
    (
        SELECT (uniqExact(payment_id), sum(refund))
        FROM
        (
            SELECT payment_id, if(any(currency) = {currency:String}, any(refund_amount), 0) AS refund
            FROM daily_payment_metrics
            WHERE event_type = 'payment.refunded'
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            GROUP BY payment_id, event_id
        )
    ) AS of_refunds
SELECT
    sure.initiated + sumIf(again, startsWith(terms, 'payment.initiated ')) AS initiated,
    sure.success + sumIf(again, startsWith(terms, 'payment.success ')) AS success,
    sumIf(payments, startsWith(terms, 'payment.failed ')) AS failed,
    of_refunds.1 AS refunded,
    sure.paid + sum(again_paid) AS paid,
    sure.returned + sum(again_returned) AS returned,
    of_refunds.2 AS refunds,
    sumIf(payments, startsWith(terms, 'payment.success ')) AS timed,
    toString(sumIf(spent, startsWith(terms, 'payment.success '))) AS times,
    quantilesExactArrayIf(0.5, 0.95)(took, startsWith(terms, 'payment.success ')) AS percentiles,
    groupArray(terms) AS terms_of,
    groupArray(payments) AS counts,
    groupArray(paid_amount) AS amounts
FROM
(
    SELECT
        toString(terms) AS terms,
        sum(payments) AS payments,
        sum(paid_amount) AS paid_amount,
        sum(spent) AS spent,
        groupArrayArray(took) AS took,
        sum(again) AS again,
        sum(again_paid) AS again_paid,
        sum(again_returned) AS again_returned
    FROM
    (
        SELECT
            terms,
            count() AS payments,
            sum(amount) AS paid_amount,
            sum(toInt128(processing_time_ms)) AS spent,
            groupArray(processing_time_ms) AS took,
            0 AS again,
            0 AS again_paid,
            0 AS again_returned
        FROM daily_payment_metrics
        WHERE event_type IN ('payment.initiated', 'payment.success', 'payment.failed')
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            AND payment_id NOT IN (SELECT arrayJoin(sure.unclear))
        GROUP BY terms
        UNION ALL
        SELECT
            first.1 AS terms,
            1,
            first.2,
            first.3,
            [first.3],
            1,
            event_type = 'payment.initiated' AND bitTest(ever, 1),
            event_type = 'payment.success' AND bitTest(ever, 3)
        FROM
        (
            SELECT
                event_type,
                argMin((terms, amount, processing_time_ms), (event_timestamp, UUIDToNum(event_id))) AS first,
                transform(payment_id, sure.unclear, sure.unclear_seen, toUInt8(0)) AS ever
            FROM daily_payment_metrics
            WHERE event_type IN ('payment.initiated', 'payment.success', 'payment.failed')
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
                AND payment_id IN (SELECT arrayJoin(sure.unclear))
            GROUP BY event_type, payment_id
        )
    )
    GROUP BY terms
)
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
