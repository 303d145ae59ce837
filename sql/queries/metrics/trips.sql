-- Trips in a range, and in each bucket of it.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending.
-- Result: a row for each bucket with events, and one of the range as a whole, if it has any:
--   part                           the bucket's edge, or 0: the whole
--   started, completed, cancelled  distinct trips with that event in the part
--   minutes, kilometers, on_time, earnings, commission   of those completed in it: of their first completion in it
--   and of use for the whole only:
--   active_drivers                 distinct drivers of the first start and the first completion in it of each trip
--   rated, finished                those started in it, and of these how many were ever completed
-- `sure` tells what became of each trip, and which are unclear: those that had some event more than once. Events of the
-- others are counted, as `plain`; of the unclear `firsts` has the first of a type, the least (event_timestamp, event id
-- as text): to look for it in all would cost many times as much. A share and what it is a share of are of one reading, so
-- that a rate cannot pass 100 while events arrive.
WITH
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
    ) AS sure,
    arrayFilter(e -> e.1 = 'trip.started', firsts) AS starts,
    arrayFilter(e -> e.1 = 'trip.completed', firsts) AS completions
SELECT
    part,
    plain_started + length(starts) AS started,
    plain_completed + length(completions) AS completed,
    plain_cancelled + arrayCount(e -> e.1 = 'trip.cancelled', firsts) AS cancelled,
    plain_minutes + arraySum(e -> e.6, completions) AS minutes,
    plain_kilometers + arraySum(e -> e.7, completions) AS kilometers,
    plain_on_time + arrayCount(e -> e.8, completions) AS on_time,
    plain_earnings + arraySum(e -> e.9, completions) AS earnings,
    plain_commission + arraySum(e -> e.10, completions) AS commission,
    length(arrayDistinct(arrayConcat(plain_drivers, arrayMap(e -> e.5, arrayConcat(starts, completions))))) AS active_drivers,
    sure.started + length(starts) AS rated,
    sure.finished
        + arrayCount(e -> bitTest(transform(e.2, sure.unclear, sure.unclear_seen, toUInt8(0)), 1), starts) AS finished
FROM
(
    SELECT
        part,
        sum(started) AS plain_started,
        sum(completed) AS plain_completed,
        sum(cancelled) AS plain_cancelled,
        sum(minutes) AS plain_minutes,
        sumKahan(kilometers) AS plain_kilometers,
        sum(punctual) AS plain_on_time,
        sum(earnings) AS plain_earnings,
        sum(commission) AS plain_commission,
        groupUniqArrayArray(whole_drivers) AS plain_drivers,
        arraySort(e -> (e.3, UUIDToNum(e.4)), groupArrayArray(others)) AS sorted,
        arrayFilter((e, nth) -> nth = 1, sorted, arrayEnumerateUniq(sorted.1, sorted.2)) AS firsts
    FROM
    (
        SELECT
            roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
            countIf(plain AND event_type = 'trip.started') AS started,
            countIf(plain AND event_type = 'trip.completed') AS completed,
            countIf(plain AND event_type = 'trip.cancelled') AS cancelled,
            sumIf(duration_minutes, plain AND event_type = 'trip.completed') AS minutes,
            sumKahanIf(distance_km, plain AND event_type = 'trip.completed') AS kilometers,
            countIf(plain AND event_type = 'trip.completed' AND on_time) AS punctual,
            sumIf(driver_earnings, plain AND event_type = 'trip.completed') AS earnings,
            sumIf(platform_commission, plain AND event_type = 'trip.completed') AS commission,
            groupUniqArrayIf(driver_id, plain AND event_type IN ('trip.started', 'trip.completed')) AS drivers,
            groupArrayIf(
                (event_type, trip_id, event_timestamp, event_id, driver_id, duration_minutes, distance_km, on_time,
                    driver_earnings, platform_commission),
                NOT plain) AS others
        FROM
        (
            SELECT *, trip_id NOT IN (SELECT arrayJoin(sure.unclear)) AS plain
            FROM daily_trip_metrics
            WHERE event_type IN ('trip.started', 'trip.completed', 'trip.cancelled')
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        )
        GROUP BY bucket
    )
    ARRAY JOIN [0, bucket] AS part, [drivers, []] AS whole_drivers
    GROUP BY part
)
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
