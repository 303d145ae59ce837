-- Bookings or trips in each bucket of a range, by the origin of their route.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending; table,
-- entity, event_type: what is counted, as in daily_trip_metrics, trip_id, trip.completed; place: the column
-- origin_state or origin_city.
-- Result: bucket (one of the edges), label ('Unknown' for a route that nobody created), value (distinct entities,
-- each by the route of its first such event in the bucket); what is 0 is left out. A route's origin is that of its
-- latest creation, whenever it was.
-- <name>_in_all: what of it counts in the range as a whole, where an entity of several buckets counts once, as in its
-- first bucket.
-- The first of several (least (event_timestamp, event id as text)) is looked for only where there are several, of the
-- `unclear`: to do so for all would cost many times as much.
WITH
(
    SELECT arrayFilter((id, last) -> id = last, arraySort(groupArray(id_hash)) AS sorted, arrayShiftRight(sorted, 1))
    FROM {table:Identifier}
    WHERE event_type = {event_type:String}
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
) AS unclear
SELECT
    bucket,
    if(route.place = '', 'Unknown', route.place) AS label,
    count() AS value,
    countIf(in_all) AS value_in_all
FROM
(
    SELECT roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket, route_id, 1 AS in_all
    FROM {table:Identifier}
    WHERE event_type = {event_type:String}
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        AND id_hash NOT IN (SELECT arrayJoin(unclear))
    UNION ALL
    SELECT bucket, first AS route_id, bucket = min(bucket) OVER (PARTITION BY id) AS in_all
    FROM
    (
        SELECT
            roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
            {entity:Identifier} AS id,
            argMin(route_id, (event_timestamp, UUIDToNum(event_id))) AS first
        FROM {table:Identifier}
        WHERE event_type = {event_type:String}
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            AND id_hash IN (SELECT arrayJoin(unclear))
        GROUP BY bucket, id
    )
) AS counted
LEFT JOIN
(
    WITH bitShiftLeft(toUInt256(toUnixTimestamp64Milli(event_timestamp)), 128) + toUInt128(event_id) AS turn
    SELECT route_id, argMax({place:Identifier}, turn) AS place
    FROM route_history
    WHERE event_type = 'route.created'
    GROUP BY route_id
) AS route USING (route_id)
GROUP BY bucket, label
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0, join_use_nulls = 0
