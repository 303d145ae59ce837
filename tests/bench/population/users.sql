-- People: {{users}} of them, a twentieth drivers; three in five registered before the {{days}} days that end at {{until}}.
-- Drivers are verified, but for one in ten.
INSERT INTO landing_user
    (event_id, event_type, event_timestamp, entity_id, actor_id, metadata, kafka_epoch, kafka_topic, kafka_partition,
    kafka_offset, user_id, phone, role, city, state, kyc_status)
WITH
    number AS n,
    reinterpretAsUUID(sipHash128('user', n)) AS id,
    n % 20 = 0 AS drives,
    arrayJoin(if(drives, ['user.registered', 'user.kyc_verified'], ['user.registered'])) AS type,
    cityHash64('born', n) / 18446744073709551616. AS at,
    toDateTime64('{{until}}', 3, 'UTC') - toIntervalMillisecond(toInt64(
        86400000 * {{days}} * if(n % 5 < 3, 1 + 3 * at, at))) AS born,
    ['Lagos', 'Ogun', 'Oyo', 'Kano', 'Rivers', 'Abuja', 'Enugu', 'Kaduna'] AS states
SELECT
    reinterpretAsUUID(sipHash128(type, n)),
    type,
    born + toIntervalSecond(if(type = 'user.registered', 0, 86400)),
    toString(id),
    if(type = 'user.registered', toString(id), NULL),
    concat('{"event_type":"', type, '","user_id":"', toString(id), '","filler":"', repeat('x', 250), '"}'),
    'bench', 'openride.events.user', 0, n * 2 + (type != 'user.registered'),
    id,
    if(type = 'user.registered', concat('+234', leftPad(toString(n), 10, '0')), NULL),
    if(type = 'user.registered', if(drives, 'DRIVER', 'RIDER'), NULL),
    if(type = 'user.registered', concat('City ', toString(cityHash64('city', n) % 40)), NULL),
    if(type = 'user.registered', states[1 + cityHash64('state', n) % 8], NULL),
    if(type = 'user.registered', NULL, if(n % 200 = 0, 'REJECTED', 'VERIFIED'))
FROM numbers({{users}})
