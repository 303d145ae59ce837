-- Bookings in a range, and in each bucket of it.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending.
-- Result: a row for each bucket with events, and one of the range as a whole, if it has any:
--   part                                       the bucket's edge, or 0: the whole
--   of the bookings that are clear:
--   created, confirmed, cancelled, completed   how many had that event in the part
--   total_value                                of those confirmed: their prices
--   by_rider, by_driver, by_system             of those cancelled: who did
--   of each event of the others in the part, in arrays:
--   type, entity, at, event                    1 created, 2 confirmed, 3 cancelled, 4 completed; the booking; when; its id
--   price, actor                               the price; 1 RIDER, 2 DRIVER, 3 SYSTEM, 0 none of these
-- Clear is a booking that had no event more than once. Of the others the first of a type counts, which is found where the
-- result goes: they are few, and to look for it in all would cost many times as much. They are told by `id_hash`, which a
-- clear one may share: then it is told with them, and counted as well there.
WITH
    id_hash NOT IN
    (
        SELECT toUInt32(cityHash64(booking_id)) FROM agg_popular_routes FINAL WHERE events != bitCount(seen)
    ) AS clear,
    groupArrayIf((event_type, booking_id, event_timestamp, event_id, total_price, cancelled_by), NOT clear) AS others
SELECT
    roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS part,
    countIf(clear AND event_type = 'booking.created') AS created,
    countIf(clear AND event_type = 'booking.confirmed') AS confirmed,
    countIf(clear AND event_type = 'booking.cancelled') AS cancelled,
    countIf(clear AND event_type = 'booking.completed') AS completed,
    sumIf(total_price, clear AND event_type = 'booking.confirmed') AS total_value,
    countIf(clear AND cancelled_by = 'RIDER') AS by_rider,
    countIf(clear AND cancelled_by = 'DRIVER') AS by_driver,
    countIf(clear AND cancelled_by = 'SYSTEM') AS by_system,
    arrayMap(
        name -> toUInt8(indexOf(['booking.created', 'booking.confirmed', 'booking.cancelled', 'booking.completed'], name)),
        others.1) AS type,
    others.2 AS entity,
    others.3 AS at,
    others.4 AS event,
    others.5 AS price,
    arrayMap(name -> toUInt8(indexOf(['RIDER', 'DRIVER', 'SYSTEM'], name)), others.6) AS actor
FROM daily_booking_metrics
WHERE event_type IN ('booking.created', 'booking.confirmed', 'booking.cancelled', 'booking.completed')
    AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
GROUP BY part WITH ROLLUP
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
