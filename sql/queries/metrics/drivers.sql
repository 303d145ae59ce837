-- Drivers who completed a trip in a range: the first of them in an order, and what all of them earned.
-- Parameters: since, until (half-open); days: where each local day of the range begins, seconds since 1970,
-- ascending; sort: earnings | trips | distance, the most first, equal ones by id as text; limit.
-- Result: one row:
--   total_drivers   all of them
--   earned          their earnings together
--   percentiles     10, 25, 50, 75, 90, 99 % of what each earned: the element at index floor(q * n), as quantilesExact
--                   takes it; zeros if there are no drivers
--   drivers         Array(Tuple(driver_id, trips, earnings, distance_km, active_days, on_time)), at most {limit}
-- A trip counts once, as its first completion in the range has it: the least (event_timestamp, event id as text).
-- Distances are added up in the order of the trips, and compared as they are shown: a sum of floats depends on the
-- order.
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
        first.1 AS driver_id,
        count() AS trips,
        sum(first.2) AS earnings,
        arrayFold(
            (sum, trip) -> sum + trip.2,
            arraySort(groupArray((at, first.3))),
            toFloat64(0)) AS distance_km,
        uniqExact(first.5) AS active_days,
        countIf(first.4) AS on_time
    FROM
    (
        SELECT
            trip_id,
            argMin(
                (driver_id, driver_earnings, distance_km, on_time,
                    roundDown(toUnixTimestamp(event_timestamp), {days:Array(UInt32)})),
                (event_timestamp, UUIDToNum(event_id))) AS first,
            min((event_timestamp, UUIDToNum(event_id))) AS at
        FROM daily_trip_metrics
        WHERE event_type = 'trip.completed'
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        GROUP BY trip_id
    )
    GROUP BY driver_id
)
