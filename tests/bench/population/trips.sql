-- The trips of the table rides.
INSERT INTO landing_trip
    (event_id, event_type, event_timestamp, entity_id, actor_id, metadata, kafka_epoch, kafka_topic, kafka_partition,
    kafka_offset, trip_id, booking_id, driver_id, rider_id, route_id, scheduled_departure, actual_departure, start_lat,
    start_lon, passengers_count, duration_minutes, distance_km, driver_earnings, platform_commission, on_time,
    cancellation_reason, cancelled_by)
WITH
    n % 70 = 0 AS breaks,
    arrayJoin(arrayFilter(
        told -> told.1 != '' AND told.2 < toDateTime64('{{until}}', 3, 'UTC'),
        arrayFlatten(arrayMap(copy -> [
            (if(rides, 'trip.started', ''), leaves + toIntervalSecond(n % 300 + copy), copy),
            (multiIf(NOT rides, '', breaks, 'trip.cancelled', 'trip.completed'), leaves + toIntervalSecond(60 * minutes + copy), copy)],
            range(1 + twice))))) AS told
SELECT
    reinterpretAsUUID(sipHash128(told.1, told.3, n)),
    told.1,
    told.2,
    toString(trip_id),
    toString(rider_id),
    concat('{"event_type":"', told.1, '","trip_id":"', toString(trip_id), '","filler":"', repeat('x', 300), '"}'),
    'bench', 'openride.events.trip', 0, 0,
    trip_id, booking_id, driver_id, rider_id, route_id,
    if(told.1 = 'trip.started', leaves, NULL),
    if(told.1 = 'trip.cancelled', NULL, leaves + toIntervalSecond(n % 300)),
    if(told.1 = 'trip.started', lat, NULL),
    if(told.1 = 'trip.started', lon, NULL),
    if(told.1 = 'trip.started', seats, NULL),
    if(told.1 = 'trip.completed', minutes, NULL),
    if(told.1 = 'trip.completed', minutes * 0.61, NULL),
    if(told.1 = 'trip.completed', price * toDecimal64(0.85, 2), NULL),
    if(told.1 = 'trip.completed', price * toDecimal64(0.15, 2), NULL),
    if(told.1 = 'trip.completed', on_time, NULL),
    if(told.1 = 'trip.cancelled', 'Vehicle breakdown', NULL),
    if(told.1 = 'trip.cancelled', 'DRIVER', NULL)
FROM rides
ORDER BY told.2
