-- Routes with bookings confirmed in a range, and what they brought.
-- Parameters: since, until (half-open).
-- Result: a row for each route that some confirmation in the range names:
--   route
--   bookings, revenue          how many bookings that are clear were confirmed, and their prices
--   of each confirmation of the others, in arrays:
--   entity, at, event, price   the booking; when; its id; the price
-- Clear is a booking that was confirmed once only. Of the others the first confirmation in the range counts, the least
-- (event_timestamp, event id as text), which is found where the result goes: they are few, and to look for it in all would
-- cost many times as much. They are told by `id_hash`, which a clear one may share: then it is told with them.
-- How full routes were is asked apart (departures.sql): beside this where it decides which come first, else of these alone.
-- What they are is asked only of those in the answer (route_names.sql). CAST: the column is a SimpleAggregateFunction.
WITH
    id_hash NOT IN
    (
        SELECT arrayJoin(arrayFilter(
            (id, last) -> id = last, arraySort(groupArray(id_hash)) AS sorted, arrayShiftRight(sorted, 1)))
        FROM daily_booking_metrics
        WHERE event_type = 'booking.confirmed'
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
    ) AS clear,
    groupArrayIf((booking_id, event_timestamp, event_id, total_price), NOT clear) AS others
SELECT
    CAST(route_id AS UUID) AS route,
    countIf(clear) AS bookings,
    sumIf(total_price, clear) AS revenue,
    others.1 AS entity,
    others.2 AS at,
    others.3 AS event,
    others.4 AS price
FROM daily_booking_metrics
WHERE event_type = 'booking.confirmed'
    AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
GROUP BY route_id
SETTINGS use_index_for_in_with_subqueries = 0, distributed_product_mode = 'global'
