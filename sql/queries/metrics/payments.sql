-- Payments in a range, by the bucket of each event and by its terms.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending.
-- Result:
--   part       the bucket's edge
--   terms      of payment.initiated, success and failed: 'type method currency error_code'
--   of the payments that are clear:
--   payments   how many, and their amounts
--   times      of payment.success: the processing time of each, in ms
--   of each event of the others, in arrays:
--   entity, at, event, value, took   the payment; when; its id; the amount; of payment.success the processing time
-- Clear is a payment that had no event but refunds more than once; see bookings.sql. To group by a number and a text of a
-- dictionary takes twice as long as by two numbers, so terms are told apart by a hash, computed once for each in it.
WITH
    id_hash NOT IN
    (
        SELECT toUInt32(cityHash64(payment_id)) FROM agg_payments FINAL WHERE events != bitCount(bitAnd(seen, 7))
    ) AS clear,
    groupArrayIf(
        (payment_id, event_timestamp, event_id, amount, processing_time_ms), NOT clear) AS others
SELECT
    roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS part,
    toLowCardinality(any(daily_payment_metrics.terms)) AS terms,
    countIf(clear) AS payments,
    sumIf(amount, clear) AS amounts,
    groupArrayIf(processing_time_ms, clear AND event_type = 'payment.success') AS times,
    others.1 AS entity,
    others.2 AS at,
    others.3 AS event,
    others.4 AS value,
    others.5 AS took
FROM daily_payment_metrics
WHERE event_type IN ('payment.initiated', 'payment.success', 'payment.failed')
    AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
GROUP BY part, sipHash128(daily_payment_metrics.terms)
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
