-- Drivers by local day: a row for each who completed a trip on it.
-- Parameters: since, until (half-open, whole local days); days: where each of them begins, seconds since 1970,
-- ascending; dates: what they are called, as long as days.
-- Result: date, driver_id; total_trips, total_earnings, avg_earnings_per_trip_of, _over, total_platform_commission,
-- total_distance_km, on_time_performance_of, _over. A trip counts once a day, as its first completion of the day has it.
SELECT
    toDate({dates:Array(String)}[indexOf({days:Array(UInt32)}, bucket)]) AS date,
    first.1 AS driver_id,
    count() AS total_trips,
    sum(first.2) AS total_earnings,
    total_earnings AS avg_earnings_per_trip_of,
    total_trips AS avg_earnings_per_trip_over,
    sum(first.3) AS total_platform_commission,
    round(arrayFold((sum, trip) -> sum + trip.2, arraySort(groupArray((at, first.4))), toFloat64(0)), 2)
        AS total_distance_km,
    countIf(first.5) AS on_time_performance_of,
    total_trips AS on_time_performance_over
FROM
(
    SELECT
        roundDown(toUnixTimestamp(event_timestamp), {days:Array(UInt32)}) AS bucket,
        trip_id,
        argMin(
            (driver_id, driver_earnings, platform_commission, distance_km, on_time),
            (event_timestamp, UUIDToNum(event_id))) AS first,
        min((event_timestamp, UUIDToNum(event_id))) AS at
    FROM daily_trip_metrics
    WHERE event_type = 'trip.completed'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
    GROUP BY bucket, trip_id
)
GROUP BY bucket, driver_id
