-- Trips in a range.
-- Parameters: since, until (half-open).
-- Result: one row:
--   started, completed, cancelled  distinct trips with that event in the range
--   finished                       of those started in it: how many were ever completed
--   minutes, kilometers, on_time, earnings, commission   of those completed in it: of their first completion in it
--   active_drivers                 distinct drivers of the first start and the first completion in it of each trip
-- `sure` tells what became of each trip, and which are unclear: those that had some event more than once. All events of
-- the others are counted together, as `plain`; of the unclear the first is looked for, the least
-- (event_timestamp, event id as text): to do so for all would cost many times as much. A share and what it is a share of
-- are of one reading, so that a rate cannot pass 100 while events arrive.
WITH
    toUUID('00000000-0000-0000-0000-000000000000') AS nobody,
    (
        SELECT
            countIf(is_new) AS started,
            countIf(is_new AND bitTest(seen, 1)) AS finished,
            groupArrayIf(trip_id, NOT clear) AS unclear,
            groupArrayIf(seen, NOT clear) AS unclear_seen
        FROM
        (
            SELECT
                trip_id,
                seen,
                events = bitCount(seen) AS clear,
                clear AND started >= {since:DateTime64(3, 'UTC')} AND started < {until:DateTime64(3, 'UTC')} AS is_new
            FROM agg_trips FINAL
        )
    ) AS sure
SELECT
    sure.started + countIf(is_start AND NOT plain) AS started,
    sumIf(trips, is_done) AS completed,
    sumIf(trips, NOT is_start AND NOT is_done) AS cancelled,
    sure.finished + countIf(
        is_start AND NOT plain AND bitTest(transform(trip_id, sure.unclear, sure.unclear_seen, toUInt8(0)), 1)) AS finished,
    sumIf(if(plain, all_minutes, first.2), is_done) AS minutes,
    sumKahanIf(if(plain, all_kilometers, first.3), is_done) AS kilometers,
    sumIf(if(plain, all_on_time, toUInt64(first.4)), is_done) AS on_time,
    sumIf(if(plain, all_earnings, first.5), is_done) AS earnings,
    sumIf(if(plain, all_commission, first.6), is_done) AS commission,
    length(groupUniqArrayArrayIf(if(plain, all_drivers, [first.1]), is_start OR is_done)) AS active_drivers
FROM
(
    SELECT
        event_type = 'trip.started' AS is_start,
        event_type = 'trip.completed' AS is_done,
        trip.trip_id NOT IN (SELECT arrayJoin(sure.unclear)) AS plain,
        if(plain, nobody, trip.trip_id) AS trip_id,
        if(plain, count(), 1) AS trips,
        sum(duration_minutes) AS all_minutes,
        sumKahan(distance_km) AS all_kilometers,
        countIf(on_time) AS all_on_time,
        sum(driver_earnings) AS all_earnings,
        sum(platform_commission) AS all_commission,
        groupUniqArray(driver_id) AS all_drivers,
        argMinIf(
            (driver_id, duration_minutes, distance_km, on_time, driver_earnings, platform_commission),
            (event_timestamp, UUIDToNum(event_id)),
            NOT plain) AS first
    FROM daily_trip_metrics AS trip
    WHERE event_type IN ('trip.started', 'trip.completed', 'trip.cancelled')
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
    GROUP BY is_start, is_done, plain, trip_id
)
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
