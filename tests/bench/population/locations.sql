-- {{positions}} positions, of the drivers of the table rides as they drive.
INSERT INTO landing_location
    (event_id, event_type, event_timestamp, entity_id, actor_id, metadata, kafka_epoch, kafka_topic, kafka_partition,
    kafka_offset, driver_id, trip_id, lat, lon, speed_kmh)
WITH arrayJoin(range(toUInt32(ceil({{positions}} / (SELECT countIf(rides) FROM rides))))) AS step
SELECT
    reinterpretAsUUID(sipHash128('position', step, n)),
    'driver.location.updated',
    leaves + toIntervalSecond(n % 300 + 60 * step) AS at,
    toString(driver_id),
    toString(driver_id),
    concat('{"event_type":"driver.location.updated","driver_id":"', toString(driver_id), '","filler":"', repeat('x', 200), '"}'),
    'bench', 'openride.events.location', 0, 0,
    driver_id,
    trip_id,
    lat + step / 100,
    lon + step / 100,
    40
FROM rides
WHERE rides AND at < toDateTime64('{{until}}', 3, 'UTC')
ORDER BY at
LIMIT {{positions}}
