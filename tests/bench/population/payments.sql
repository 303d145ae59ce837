-- The payments of the table rides.
INSERT INTO landing_payment
    (event_id, event_type, event_timestamp, entity_id, actor_id, metadata, kafka_epoch, kafka_topic, kafka_partition,
    kafka_offset, payment_id, booking_id, rider_id, amount, currency, payment_method, provider, processing_time_ms,
    error_code, error_message, refund_amount, original_amount, refund_reason)
WITH
    arrayJoin(arrayFilter(
        told -> told.1 != '' AND told.2 < toDateTime64('{{until}}', 3, 'UTC'),
        arrayFlatten(arrayMap(copy -> [
            ('payment.initiated', made + toIntervalSecond(20 + copy), payment_id, copy),
            (if(fails, 'payment.failed', 'payment.success'), made + toIntervalSecond(50 + copy), payment_id, copy),
            (if(again, 'payment.initiated', ''), made + toIntervalSecond(70 + copy), second_payment_id, copy),
            (multiIf(NOT again, '', paid, 'payment.success', 'payment.failed'), made + toIntervalSecond(100 + copy), second_payment_id, copy),
            (if(refunded, 'payment.refunded', ''), made + toIntervalSecond(3000 + n % 90000), if(fails, second_payment_id, payment_id), copy)],
            range(1 + twice))))) AS told
SELECT
    reinterpretAsUUID(sipHash128(told.1, told.3, told.4)),
    told.1,
    told.2,
    toString(told.3),
    if(told.1 = 'payment.refunded', NULL, toString(rider_id)),
    concat('{"event_type":"', told.1, '","payment_id":"', toString(told.3), '","filler":"', repeat('x', 300), '"}'),
    'bench', 'openride.events.payment', 0, 0,
    told.3, booking_id, rider_id,
    if(told.1 = 'payment.refunded', NULL, price),
    currency,
    if(told.1 = 'payment.refunded', NULL, method),
    'interswitch',
    if(told.1 IN ('payment.success', 'payment.failed'), took, NULL),
    if(told.1 = 'payment.failed', ['INSUFFICIENT_FUNDS', 'TIMEOUT', 'DO_NOT_HONOR', 'WRONG_PIN'][1 + n % 4], NULL),
    if(told.1 = 'payment.failed', 'Declined', NULL),
    if(told.1 = 'payment.refunded', if(n % 4 = 0, price / 2, price), NULL),
    if(told.1 = 'payment.refunded', price, NULL),
    if(told.1 = 'payment.refunded', 'Booking cancelled', NULL)
FROM rides
ORDER BY told.2
