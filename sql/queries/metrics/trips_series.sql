-- Trips in each bucket of a range: a trip counts in every bucket in which it has the event.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending.
-- Result: bucket (one of the edges; buckets without events are left out), started, completed, cancelled,
-- earnings (of those completed in the bucket: the driver's, at their first completion in it).
-- As in trips.sql, the first of several events is looked for only where there are several.
WITH
(
    SELECT groupArray(trip_id) FROM agg_trips FINAL
    WHERE events > bitCount(seen) AND last_event_at >= {since:DateTime64(3, 'UTC')}
) AS unclear
SELECT
    bucket,
    sumIf(trips, event_type = 'trip.started') AS started,
    sumIf(trips, event_type = 'trip.completed') AS completed,
    sumIf(trips, event_type = 'trip.cancelled') AS cancelled,
    sumIf(earned, event_type = 'trip.completed') AS earnings
FROM
(
    SELECT
        roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
        event_type,
        count() AS trips,
        sum(driver_earnings) AS earned
    FROM daily_trip_metrics
    WHERE event_type IN ('trip.started', 'trip.completed', 'trip.cancelled')
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        AND trip_id NOT IN (SELECT arrayJoin(unclear))
    GROUP BY bucket, event_type
    UNION ALL
    SELECT
        roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
        event_type,
        1,
        argMin(driver_earnings, (event_timestamp, UUIDToNum(event_id)))
    FROM daily_trip_metrics
    WHERE event_type IN ('trip.started', 'trip.completed', 'trip.cancelled')
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        AND trip_id IN (SELECT arrayJoin(unclear))
    GROUP BY bucket, event_type, trip_id
)
GROUP BY bucket
ORDER BY bucket
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
