-- Payments in a range, by the bucket of each event and by its terms.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending.
-- Result: of payments that are clear, all together, and of each event of the others:
--   bucket    one of the edges
--   terms     of payment.initiated, success and failed: 'type method currency error_code'
--   event     nil: of all that are clear
--   payments  how many (of an event of the others: how often it was stored), and their amounts
--   times     of payment.success: the processing time of each, in ms
--   payment, at, seen    of an event of the others: whose it is, when, and what ever became of that payment (2: it
--                        succeeded, 8: it was refunded)
--   became    the same in each row, of those that are clear: how many were initiated in the range, how many of these ever
--             succeeded, how many succeeded in it, and how many of these were ever refunded
-- `sure` tells what became of each payment, and which are unclear: those that had some event more than once. Of these the
-- first of a type counts, which is found where the result goes: few, and to look for it in all would cost many times as
-- much. A share and what it is a share of are of one reading, so that a rate cannot pass 100 while events arrive.
WITH
    (
        SELECT
            [
                countIf(is_new),
                countIf(is_new AND bitTest(seen, 1)),
                countIf(is_paid),
                countIf(is_paid AND bitTest(seen, 3))
            ] AS became,
            groupArrayIf((payment_id, seen), NOT clear) AS unclear
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
    ) AS sure
SELECT
    roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
    terms,
    if(payment_id IN (SELECT arrayJoin(sure.unclear.1)), event_id, toUUID('00000000-0000-0000-0000-000000000000')) AS event,
    count() AS payments,
    sum(amount) AS amounts,
    groupArrayIf(toUInt64(processing_time_ms), event_type = 'payment.success') AS times,
    any(payment_id) AS payment,
    any(event_timestamp) AS at,
    toUInt8(transform(payment, sure.unclear.1, sure.unclear.2, 0)) AS seen,
    sure.became AS became
FROM daily_payment_metrics
WHERE event_type IN ('payment.initiated', 'payment.success', 'payment.failed')
    AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
GROUP BY bucket, terms, event
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
