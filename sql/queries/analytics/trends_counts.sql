-- Entities in each bucket of a range: one counts in every bucket in which it has the event.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending; table,
-- entity, event_type: what is counted, as in daily_trip_metrics, trip_id, trip.completed.
-- Result: bucket (one of the edges; buckets without events are left out; or 0: the range as a whole), value (distinct
-- entities).
SELECT
    roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
    uniqExact({entity:Identifier}) AS value
FROM {table:Identifier}
WHERE event_type = {event_type:String}
    AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
GROUP BY GROUPING SETS ((bucket), ())
