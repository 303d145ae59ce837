-- Bookings of each driver.
-- Parameters: since, until (half-open).
-- Result: a row for each driver whom some booking's creation in the range names:
--   driver
--   created, cancelled                 how many bookings that are clear; how many of these the driver ever cancelled
--   of each creation of the others, in arrays:
--   entity, at, event, was_cancelled   the booking; when; its id; whether this driver ever cancelled it
-- Clear is a booking that was created once only; of the others the first creation in the range counts. See routes.sql.
-- It is asked beside drivers.sql: two statements are planned at the same time. The driver has cancelled a booking if a
-- cancellation by DRIVER names the same one. CAST: the column is a SimpleAggregateFunction.
WITH
    id_hash NOT IN
    (
        SELECT arrayJoin(arrayFilter(
            (id, last) -> id = last, arraySort(groupArray(id_hash)) AS sorted, arrayShiftRight(sorted, 1)))
        FROM daily_booking_metrics
        WHERE event_type = 'booking.created'
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
    ) AS clear,
    (booking_id, driver_id) IN
    (
        SELECT booking_id, driver_id
        FROM daily_booking_metrics
        WHERE event_type = 'booking.cancelled' AND cancelled_by = 'DRIVER'
    ) AS is_cancelled,
    groupArrayIf((booking_id, event_timestamp, event_id, is_cancelled), NOT clear) AS others
SELECT
    CAST(driver_id AS UUID) AS driver,
    countIf(clear) AS created,
    countIf(clear AND is_cancelled) AS cancelled,
    others.1 AS entity,
    others.2 AS at,
    others.3 AS event,
    others.4 AS was_cancelled
FROM daily_booking_metrics
WHERE event_type = 'booking.created'
    AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
GROUP BY driver_id
SETTINGS use_index_for_in_with_subqueries = 0, distributed_product_mode = 'global'
