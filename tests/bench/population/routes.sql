-- Routes: two of each driver on average, created before the {{days}} days that end at {{until}} or in them, one in ten cancelled
-- since.
INSERT INTO landing_route
    (event_id, event_type, event_timestamp, entity_id, actor_id, metadata, kafka_epoch, kafka_topic, kafka_partition,
    kafka_offset, route_id, driver_id, route_name, origin_city, origin_state, destination_city, destination_state,
    stops_count, seats_total, base_price, departure_time, active_days, updated_fields)
WITH
    number AS n,
    reinterpretAsUUID(sipHash128('route', n)) AS id,
    reinterpretAsUUID(sipHash128('user', 20 * intDiv(n, 2))) AS driver,
    arrayJoin(if(n % 10 = 9, ['route.created', 'route.cancelled'], ['route.created'])) AS type,
    ['Lagos', 'Ogun', 'Oyo', 'Kano', 'Rivers', 'Abuja', 'Enugu', 'Kaduna'] AS states
SELECT
    reinterpretAsUUID(sipHash128(type, n)),
    type,
    toDateTime64('{{until}}', 3, 'UTC')
        - toIntervalSecond(if(type = 'route.created', 86400 * {{days}} + cityHash64('made', n) % 2592000, cityHash64('gone', n) % 864000)),
    toString(id),
    toString(driver),
    concat('{"event_type":"', type, '","route_id":"', toString(id), '","filler":"', repeat('x', 250), '"}'),
    'bench', 'openride.events.route', 0, n * 2 + (type != 'route.created'),
    id,
    driver,
    concat('Route ', toString(n)),
    if(type = 'route.created', concat('City ', toString(cityHash64('from', n) % 40)), NULL),
    if(type = 'route.created', states[1 + cityHash64('from', n) % 8], NULL),
    if(type = 'route.created', concat('City ', toString(cityHash64('to', n) % 40)), NULL),
    if(type = 'route.created', states[1 + cityHash64('to', n) % 8], NULL),
    if(type = 'route.created', 6, NULL),
    if(type = 'route.created', 4 + n % 5, NULL),
    if(type = 'route.created', 1500, NULL),
    if(type = 'route.created', '07:00', NULL),
    [],
    []
FROM numbers({{routes}})
