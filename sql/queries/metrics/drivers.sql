-- Drivers who completed a trip in a range: the first of them in an order, and what all of them earned.
-- Parameters: since, until (half-open); days: where each local day of the range begins, seconds since 1970,
-- ascending; sort: earnings | trips | distance, the most first, equal ones by id as text; limit.
-- Result: one row:
--   total_drivers   all of them
--   earned          their earnings together
--   percentiles     10, 25, 50, 75, 90, 99 % of what each earned: the element at index floor(q * n), as quantilesExact
--                   takes it; zeros if there are no drivers
--   drivers         Array(Tuple(driver_id, trips, earnings, distance_km, active_days, on_time)), at most {limit}
-- A trip counts once, as its first completion in the range has it: the least (event_timestamp, event id as text). The
-- first is looked for only of the unclear, those that have the event more than once: to do so for all would cost many
-- times as much. Distances are added up in the order of the trips, and compared as they are shown: a sum of floats
-- depends on the order. To be sorted, a trip is one number: when it ended, in milliseconds, and the bits of its
-- distance, which is never negative. Trips in order are of as many days as the day changes.
WITH
(
    SELECT arrayFilter((id, last) -> id = last, arraySort(groupArray(id_hash)) AS sorted, arrayShiftRight(sorted, 1))
    FROM daily_trip_metrics
    WHERE event_type = 'trip.completed'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
) AS unclear
SELECT
    count() AS total_drivers,
    sum(earnings) AS earned,
    quantilesExact(0.1, 0.25, 0.5, 0.75, 0.9, 0.99)(earnings) AS percentiles,
    arraySlice(
        arraySort(
            driver -> (
                if({sort:String} = 'earnings', -driver.3, 0),
                if({sort:String} = 'trips', -toInt64(driver.2), 0),
                if({sort:String} = 'distance', -round(driver.4, 2), 0),
                UUIDToNum(driver.1)),
            groupArray((driver_id, trips, earnings, distance_km, active_days, on_time))),
        1, {limit:UInt32}) AS drivers
FROM
(
    SELECT
        driver_id,
        count() AS trips,
        sum(earning) AS earnings,
        arraySort(groupArray(
            bitShiftLeft(toUInt128(toUnixTimestamp64Milli(at)), 64) + reinterpretAsUInt64(distance))) AS ordered,
        arraySum(trip -> reinterpretAsFloat64(toUInt64(trip)), ordered) AS distance_km,
        length(arrayCompact(
            trip -> roundDown(toUInt32(intDiv(toUInt64(bitShiftRight(trip, 64)), 1000)), {days:Array(UInt32)}),
            ordered)) AS active_days,
        countIf(punctual) AS on_time
    FROM
    (
        SELECT
            driver_id,
            event_timestamp AS at,
            driver_earnings AS earning,
            distance_km AS distance,
            on_time AS punctual
        FROM daily_trip_metrics
        WHERE event_type = 'trip.completed'
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            AND id_hash NOT IN (SELECT arrayJoin(unclear))
        UNION ALL
        SELECT first.1, first.2, first.3, first.4, first.5
        FROM
        (
            SELECT
                argMin(
                    (driver_id, event_timestamp, driver_earnings, distance_km, on_time),
                    (event_timestamp, UUIDToNum(event_id))) AS first
            FROM daily_trip_metrics
            WHERE event_type = 'trip.completed'
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
                AND id_hash IN (SELECT arrayJoin(unclear))
            GROUP BY trip_id
        )
    )
    GROUP BY driver_id
)
SETTINGS use_index_for_in_with_subqueries = 0,
    group_by_two_level_threshold = 0, group_by_two_level_threshold_bytes = 0
