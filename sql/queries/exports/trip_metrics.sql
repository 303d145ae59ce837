-- Trips by local day: a row for each day, also for those on which nothing happened.
-- Parameters: since, until (half-open, whole local days); days: where each of them begins, seconds since 1970,
-- ascending; dates: what they are called, as long as days.
-- Result: date; trips_started, _completed, _cancelled (distinct trips with that event on the day); completion_rate_of,
-- _over (of those started on it, how many ever were completed); of first completions of the day: avg_duration_minutes,
-- avg_distance_km, on_time_performance (each _of and _over), total_driver_earnings, total_platform_commission;
-- active_drivers (distinct drivers of the first start and the first completion of the day of each trip).
SELECT
    toDate({dates:Array(String)}[indexOf({days:Array(UInt32)}, day.bucket)]) AS date,
    found.started AS trips_started,
    found.completed AS trips_completed,
    found.cancelled AS trips_cancelled,
    found.finished AS completion_rate_of,
    found.started AS completion_rate_over,
    found.minutes AS avg_duration_minutes_of,
    found.completed AS avg_duration_minutes_over,
    found.kilometers AS avg_distance_km_of,
    found.completed AS avg_distance_km_over,
    found.punctual AS on_time_performance_of,
    found.completed AS on_time_performance_over,
    found.earnings AS total_driver_earnings,
    found.commission AS total_platform_commission,
    found.drivers AS active_drivers
FROM
(
    SELECT arrayJoin({days:Array(UInt32)}) AS bucket
) AS day
LEFT JOIN
(
    SELECT
        bucket,
        countIf(event_type = 'trip.started') AS started,
        countIf(event_type = 'trip.completed') AS completed,
        countIf(event_type = 'trip.cancelled') AS cancelled,
        countIf(event_type = 'trip.started' AND ever.found = 1) AS finished,
        sumIf(first.2, event_type = 'trip.completed') AS minutes,
        sumKahanIf(first.3, event_type = 'trip.completed') AS kilometers,
        countIf(event_type = 'trip.completed' AND first.4) AS punctual,
        sumIf(first.5, event_type = 'trip.completed') AS earnings,
        sumIf(first.6, event_type = 'trip.completed') AS commission,
        uniqExactIf(first.1, event_type != 'trip.cancelled') AS drivers
    FROM
    (
        SELECT
            roundDown(toUnixTimestamp(event_timestamp), {days:Array(UInt32)}) AS bucket,
            event_type,
            trip_id,
            argMin(
                (driver_id, duration_minutes, distance_km, on_time, driver_earnings, platform_commission),
                (event_timestamp, UUIDToNum(event_id))) AS first
        FROM daily_trip_metrics
        WHERE event_type IN ('trip.started', 'trip.completed', 'trip.cancelled')
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        GROUP BY bucket, event_type, trip_id
    ) AS counted
    LEFT JOIN
    (
        SELECT DISTINCT trip_id, 1 AS found
        FROM daily_trip_metrics
        WHERE event_type = 'trip.completed' AND trip_id IN
        (
            SELECT trip_id
            FROM daily_trip_metrics
            WHERE event_type = 'trip.started'
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        )
    ) AS ever ON ever.trip_id = counted.trip_id
    GROUP BY bucket
) AS found ON found.bucket = day.bucket
