-- Trips in a range.
-- Parameters: since, until (half-open).
-- Result: one row:
--   started, completed, cancelled  distinct trips with that event in the range
--   finished                       of those started in it: how many were ever completed
--   done                           trips of which the next five are, at their first completion in the range
--   minutes, kilometers, on_time, earnings, commission
--   active_drivers                 distinct drivers of the first start and the first completion in it of each trip
-- One pass (`found`) tells how many trips there are and which of them need a second look: those `open` at the range's
-- end, and those with an event more than once, whose first (least (event_timestamp, event id as text)) must be found.
-- The rest have one row each: to take the first of every trip would cost many times as much. The five are counted by
-- `done` and not by `completed`, `finished` from `found`, so that no rate can pass 100 while events arrive.
WITH
(
    SELECT
        countIf(bitTest(steps, 0)) AS started,
        countIf(bitTest(steps, 1)) AS completed,
        countIf(bitTest(steps, 2)) AS cancelled,
        countIf(bitTest(steps, 0) AND bitTest(steps, 1)) AS finished,
        groupArrayIf(trip_id, bitTest(steps, 0) AND NOT bitTest(steps, 1)) AS open,
        groupArrayIf(trip_id, events > bitCount(steps)) AS repeated
    FROM
    (
        SELECT
            trip_id,
            groupBitOr(multiIf(event_type = 'trip.started', 1, event_type = 'trip.completed', 2, 4)) AS steps,
            count() AS events
        FROM daily_trip_metrics
        WHERE event_type IN ('trip.started', 'trip.completed', 'trip.cancelled')
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        GROUP BY trip_id
    )
) AS found
SELECT
    found.started AS started,
    found.completed AS completed,
    found.cancelled AS cancelled,
    found.finished + late.finished AS finished,
    done,
    minutes,
    kilometers,
    on_time,
    earnings,
    commission,
    active_drivers
FROM
(
    SELECT
        countIf(event_type = 'trip.completed') AS done,
        sumIf(duration_minutes, event_type = 'trip.completed') AS minutes,
        sumKahanIf(distance_km, event_type = 'trip.completed') AS kilometers,
        countIf(event_type = 'trip.completed' AND was_on_time) AS on_time,
        sumIf(driver_earnings, event_type = 'trip.completed') AS earnings,
        sumIf(platform_commission, event_type = 'trip.completed') AS commission,
        uniqExact(driver_id) AS active_drivers
    FROM
    (
        SELECT
            event_type,
            driver_id,
            duration_minutes,
            distance_km,
            on_time AS was_on_time,
            driver_earnings,
            platform_commission
        FROM daily_trip_metrics
        WHERE event_type IN ('trip.started', 'trip.completed')
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            AND trip_id NOT IN found.repeated
        UNION ALL
        SELECT event_type, first.1, first.2, first.3, first.4, first.5, first.6
        FROM
        (
            SELECT
                event_type,
                trip_id,
                argMin(
                    (driver_id, duration_minutes, distance_km, on_time, driver_earnings, platform_commission),
                    (event_timestamp, UUIDToNum(event_id))) AS first
            FROM daily_trip_metrics
            WHERE event_type IN ('trip.started', 'trip.completed')
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
                AND trip_id IN found.repeated
            GROUP BY event_type, trip_id
        )
    )
) AS values_of_first
CROSS JOIN
(
    SELECT uniqExact(trip_id) AS finished
    FROM daily_trip_metrics
    WHERE event_type = 'trip.completed'
        AND (event_timestamp < {since:DateTime64(3, 'UTC')} OR event_timestamp >= {until:DateTime64(3, 'UTC')})
        AND trip_id IN found.open
) AS late
SETTINGS distributed_product_mode = 'global'
