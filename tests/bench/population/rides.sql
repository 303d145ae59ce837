-- What became of {{rides}} bookings made in the {{days}} days that end at {{until}}: the table that the statements beside this
-- one tell as events. Days and evenings are busier than nights, some routes and riders than others; one in eight first
-- payments fails, three in four of those are tried again; one in thirteen of the confirmed is cancelled. `twice` marks
-- one in five hundred, whose events producers sent twice under different ids.
CREATE TABLE rides ENGINE = MergeTree ORDER BY made AS
WITH
    number AS n,
    x -> cityHash64(x, n) / 18446744073709551616. AS chance,
    toDateTime64('{{until}}', 3, 'UTC') - toIntervalDay({{days}}) AS since,
    intDiv(n * {{days}}, {{rides}}) AS day,
    toUInt64(pow(chance('route'), 2) * {{routes}}) AS way
SELECT
    n,
    since + toIntervalDay(day) + toIntervalMillisecond(toInt64(86400000 * (chance('hour') + chance('minute') + chance('second')) / 3)) AS made,
    reinterpretAsUUID(sipHash128('booking', n)) AS booking_id,
    reinterpretAsUUID(sipHash128('trip', n)) AS trip_id,
    reinterpretAsUUID(sipHash128('payment', n)) AS payment_id,
    reinterpretAsUUID(sipHash128('second payment', n)) AS second_payment_id,
    reinterpretAsUUID(sipHash128('user', toUInt64(1 + pow(chance('rider'), 1.5) * ({{users}} - 1)))) AS rider_id,
    reinterpretAsUUID(sipHash128('route', way)) AS route_id,
    reinterpretAsUUID(sipHash128('user', 20 * intDiv(way, 2))) AS driver_id,
    toUInt8(1 + (n % 6 = 0) + (n % 30 = 0)) AS seats,
    toDecimal64(1000 + way % 4000, 2) * seats AS price,
    toStartOfDay(made, 'UTC') + toIntervalDay(1) + toIntervalHour(5 + way % 14) AS leaves,
    6.3 + way % 10 / 20 AS lat,
    3.2 + way % 7 / 20 AS lon,
    ['card', 'bank_transfer', 'wallet', 'ussd', 'cash'][1 + cityHash64('method', n) % 5] AS method,
    if(n % 50 = 0, 'GHS', 'NGN') AS currency,
    toUInt64(400 + pow(chance('took'), 3) * 30000) AS took,
    chance('pays') < 0.12 AS fails,
    fails AND chance('again') < 0.75 AS again,
    NOT fails OR (again AND chance('works') < 0.88) AS paid,
    multiIf(
        NOT paid, if(n % 3 = 0, 'RIDER', 'SYSTEM'),
        chance('mind') < 0.055, 'RIDER',
        chance('mind') < 0.075, 'DRIVER',
        '') AS cancelled_by,
    paid AND cancelled_by = '' AS rides,
    paid AND (cancelled_by != '' AND n % 8 > 0) OR (rides AND n % 160 = 0) AS refunded,
    toUInt32(15 + chance('long') * 90) AS minutes,
    chance('on time') < 0.8 AS on_time,
    cityHash64('twice', n) % 500 = 0 AS twice
FROM numbers({{rides}})
