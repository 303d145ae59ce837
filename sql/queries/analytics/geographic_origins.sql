-- Bookings created, or trips completed, in a range, by the origin of their route.
-- Parameters: since, until (half-open); table, entity, event_type: daily_booking_metrics, booking_id, booking.created
-- or daily_trip_metrics, trip_id, trip.completed.
-- Result: state, city ('Unknown' for a route that nobody created), value (distinct entities, each by the route of
-- its first such event in the range). A route's origin is that of its latest creation, whenever it was.
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
    if(route.state = '', 'Unknown', route.state) AS state,
    if(route.city = '', 'Unknown', route.city) AS city,
    sum(entities) AS value
FROM
(
    SELECT route_id, count() AS entities
    FROM {table:Identifier}
    WHERE event_type = {event_type:String}
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        AND id_hash NOT IN (SELECT arrayJoin(unclear))
    GROUP BY route_id
    UNION ALL
    SELECT first AS route_id, count() AS entities
    FROM
    (
        SELECT argMin(route_id, (event_timestamp, UUIDToNum(event_id))) AS first
        FROM {table:Identifier}
        WHERE event_type = {event_type:String}
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            AND id_hash IN (SELECT arrayJoin(unclear))
        GROUP BY {entity:Identifier}
    )
    GROUP BY first
) AS counted
LEFT JOIN
(
    WITH bitShiftLeft(toUInt256(toUnixTimestamp64Milli(event_timestamp)), 128) + toUInt128(event_id) AS turn
    SELECT route_id, argMax(origin_state, turn) AS state, argMax(origin_city, turn) AS city
    FROM route_history
    WHERE event_type = 'route.created'
    GROUP BY route_id
) AS route USING (route_id)
GROUP BY state, city
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0, join_use_nulls = 0
