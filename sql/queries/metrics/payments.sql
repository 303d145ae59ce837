-- Payments in a range, and in each bucket of it.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending; currency.
-- Result: a row for each bucket with events, and one of the range as a whole, if it has any:
--   part                the bucket's edge, or 0: the whole
--   initiated, success, failed, refunded   distinct payments with that event in the part
--   revenue             of those that succeeded: the amount at their first success in it, if that is in {currency}
--   refunds             every refund in {currency}, also several of one payment
--   times               of the first successes, in any currency: the sum of their processing times in ms, as text since
--                       it may pass 64 bits
--   terms_of, counts, amounts   as long as each other: of the first payment.initiated, success and failed of each
--                       payment, how many had these terms ('type method currency error_code'), and their amounts
--   and of use for the whole only:
--   percentiles         of the first successes: the elements at floor(0.5 n) and floor(0.95 n) of those times, sorted
--   became              [those initiated in it, and of these how many ever succeeded,
--                       those that succeeded in it, and of these how many were ever refunded]
-- `sure` tells what became of each payment, and which are unclear: those that had some event more than once. Events of
-- the others are counted; of the unclear `firsts` has the first of a type, the least (event_timestamp, event id as text):
-- to look for it in all would cost many times as much. A share and what it is a share of are of one reading, so that a
-- rate cannot pass 100 while events arrive.
WITH
    (
        SELECT
            [
                countIf(is_new),
                countIf(is_new AND bitTest(seen, 1)),
                countIf(is_paid),
                countIf(is_paid AND bitTest(seen, 3))
            ] AS became,
            groupArrayIf(payment_id, NOT clear) AS unclear,
            [
                groupArrayIf(payment_id, NOT clear AND bitTest(seen, 1)),
                groupArrayIf(payment_id, NOT clear AND bitTest(seen, 3))
            ] AS unclear_that_became
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
    arrayFilter(e -> e.1 = 'payment.initiated', firsts) AS openings,
    arrayFilter(e -> e.1 = 'payment.success', firsts) AS successes,
    arrayReduce(
        'sumMap',
        [plain.1, arrayMap(e -> toString(e.5), firsts)],
        [plain.2, arrayMap(e -> toUInt64(1), firsts)],
        [plain.3, arrayMap(e -> e.6, firsts)]) AS told
SELECT
    part,
    told.1 AS terms_of,
    told.2 AS counts,
    told.3 AS amounts,
    arraySum((terms, count) -> if(startsWith(terms, 'payment.initiated '), count, 0), terms_of, counts) AS initiated,
    arraySum((terms, count) -> if(startsWith(terms, 'payment.success '), count, 0), terms_of, counts) AS success,
    arraySum((terms, count) -> if(startsWith(terms, 'payment.failed '), count, 0), terms_of, counts) AS failed,
    arraySum(
        (terms, amount) -> if(
            startsWith(terms, 'payment.success ') AND splitByChar(' ', terms)[3] = {currency:String}, amount, 0),
        terms_of,
        amounts) AS revenue,
    refunded,
    refunds,
    toString(plain_spent + arraySum(e -> toInt128(e.7), successes)) AS times,
    arrayReduce('quantilesExact(0.5, 0.95)', arrayConcat(plain_took, arrayMap(e -> toUInt64(e.7), successes))) AS percentiles,
    arrayMap(
        (count, more) -> count + more,
        sure.became,
        [
            length(openings),
            length(arrayIntersect(openings.2, sure.unclear_that_became[1])),
            length(successes),
            length(arrayIntersect(successes.2, sure.unclear_that_became[2]))
        ]) AS became
FROM
(
    SELECT
        part,
        sumMap([toString(terms)], [payments], [paid]) AS plain,
        sum(spent) AS plain_spent,
        groupArrayArray(whole_took) AS plain_took,
        length(groupUniqArrayArray(refunded)) AS refunded,
        sum(refunds) AS refunds,
        arraySort(e -> (e.3, UUIDToNum(e.4)), groupArrayArray(others)) AS sorted,
        arrayFilter((e, nth) -> nth = 1, sorted, arrayEnumerateUniq(sorted.1, sorted.2)) AS firsts
    FROM
    (
        SELECT
            roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
            terms,
            countIf(plain) AS payments,
            sumIf(amount, plain) AS paid,
            sumIf(toInt128(processing_time_ms), plain AND event_type = 'payment.success') AS spent,
            groupArrayIf(toUInt64(processing_time_ms), plain AND event_type = 'payment.success') AS took,
            groupArrayIf(
                (event_type, payment_id, event_timestamp, event_id, terms, amount, processing_time_ms),
                NOT plain) AS others,
            CAST([] AS Array(UUID)) AS refunded,
            toDecimal64(0, 2) AS refunds
        FROM
        (
            SELECT *, terms, payment_id NOT IN (SELECT arrayJoin(sure.unclear)) AS plain
            FROM daily_payment_metrics
            WHERE event_type IN ('payment.initiated', 'payment.success', 'payment.failed')
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        )
        GROUP BY bucket, terms
        UNION ALL
        SELECT bucket, '', 0, 0, 0, [], [], groupUniqArray(payment_id), sum(refund)
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
        GROUP BY bucket
    )
    ARRAY JOIN [0, bucket] AS part, [took, []] AS whole_took
    GROUP BY part
)
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
