-- The bookings of the table rides.
INSERT INTO landing_booking
    (event_id, event_type, event_timestamp, entity_id, actor_id, metadata, kafka_epoch, kafka_topic, kafka_partition,
    kafka_offset, booking_id, rider_id, driver_id, route_id, seats_booked, total_price, scheduled_departure,
    pickup_lat, pickup_lon, cancelled_by, trip_id)
WITH
    arrayJoin(arrayFilter(
        told -> told.1 != '' AND told.2 < toDateTime64('{{until}}', 3, 'UTC'),
        arrayFlatten(arrayMap(copy -> [
            ('booking.created', made + toIntervalSecond(copy), copy),
            (if(paid, 'booking.confirmed', ''), made + toIntervalSecond(120 + copy), copy),
            (if(cancelled_by != '', 'booking.cancelled', ''), made + toIntervalSecond(1300 + copy), copy),
            (if(rides, 'booking.completed', ''), leaves + toIntervalSecond(60 * minutes + 5 + copy), copy)],
            range(1 + twice))))) AS told
SELECT
    reinterpretAsUUID(sipHash128(told.1, told.3, n)),
    told.1,
    told.2,
    toString(booking_id),
    toString(rider_id),
    concat('{"event_type":"', told.1, '","booking_id":"', toString(booking_id), '","filler":"', repeat('x', 300), '"}'),
    'bench', 'openride.events.booking', 0, 0,
    booking_id, rider_id, driver_id, route_id,
    if(told.1 = 'booking.cancelled', NULL, seats),
    if(told.1 = 'booking.cancelled', NULL, price),
    if(told.1 = 'booking.created', leaves, NULL),
    if(told.1 = 'booking.created', lat, NULL),
    if(told.1 = 'booking.created', lon, NULL),
    if(told.1 = 'booking.cancelled', cancelled_by, NULL),
    if(told.1 = 'booking.completed', trip_id, NULL)
FROM rides
ORDER BY told.2
