-- Trips in a range, and in each bucket of it.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending.
-- Result: a row for each bucket with events, and one of the range as a whole, if it has any:
--   part                                                 the bucket's edge, or 0: the whole
--   of the trips that are clear:
--   started, completed, cancelled                        how many had that event in the part
--   minutes, kilometers, punctual, earnings, commission  of those completed
--   drivers                                              of the whole only: the distinct ones of starts and completions
--   of each event of the others in the part, in arrays:
--   type, entity, at, event                              1 started, 2 completed, 3 cancelled; the trip; when; its id
--   driver, lasted, distance, in_time, earned, charged   as above, of this one
-- Clear is a trip that had no event more than once; see bookings.sql.
WITH
    id_hash NOT IN (SELECT toUInt32(cityHash64(trip_id)) FROM agg_trips FINAL WHERE events != bitCount(seen)) AS clear,
    clear AND event_type = 'trip.completed' AS is_completion,
    groupArrayIf(
        (event_type, trip_id, event_timestamp, event_id, driver_id, duration_minutes, distance_km, on_time, driver_earnings,
            platform_commission),
        NOT clear) AS others
SELECT
    roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS part,
    countIf(clear AND event_type = 'trip.started') AS started,
    countIf(is_completion) AS completed,
    countIf(clear AND event_type = 'trip.cancelled') AS cancelled,
    sumIf(duration_minutes, is_completion) AS minutes,
    sumKahanIf(distance_km, is_completion) AS kilometers,
    countIf(is_completion AND on_time) AS punctual,
    sumIf(driver_earnings, is_completion) AS earnings,
    sumIf(platform_commission, is_completion) AS commission,
    if(part = 0, groupUniqArrayIf(driver_id, clear AND event_type IN ('trip.started', 'trip.completed')), []) AS drivers,
    arrayMap(name -> toUInt8(indexOf(['trip.started', 'trip.completed', 'trip.cancelled'], name)), others.1) AS type,
    others.2 AS entity,
    others.3 AS at,
    others.4 AS event,
    others.5 AS driver,
    others.6 AS lasted,
    others.7 AS distance,
    others.8 AS in_time,
    others.9 AS earned,
    others.10 AS charged
FROM daily_trip_metrics
WHERE event_type IN ('trip.started', 'trip.completed', 'trip.cancelled')
    AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
GROUP BY part WITH ROLLUP
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
