-- Bookings of each driver.
-- Parameters: since, until (half-open).
-- Result: a row for each driver whom some booking's first creation in the range names: driver, created (those
-- bookings), cancelled (how many of them the driver ever cancelled).
-- It is asked beside metrics/drivers: two statements are planned at the same time. The first of several creations, by
-- (event_timestamp, event id as text), is looked for only of the unclear, those that have more than one. The driver has
-- cancelled a booking if a cancellation by DRIVER names the same one. CAST: the column is a SimpleAggregateFunction.
WITH
(
    SELECT arrayFilter((id, last) -> id = last, arraySort(groupArray(id_hash)) AS sorted, arrayShiftRight(sorted, 1))
    FROM daily_booking_metrics
    WHERE event_type = 'booking.created'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
) AS unclear
SELECT CAST(driver_id AS UUID) AS driver, count() AS created, countIf((booking_id, driver_id) IN
(
    SELECT booking_id, driver_id
    FROM daily_booking_metrics
    WHERE event_type = 'booking.cancelled' AND cancelled_by = 'DRIVER'
)) AS cancelled
FROM
(
    SELECT booking_id, driver_id
    FROM daily_booking_metrics
    WHERE event_type = 'booking.created'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        AND id_hash NOT IN (SELECT arrayJoin(unclear))
    UNION ALL
    SELECT booking_id, argMin(driver_id, (event_timestamp, UUIDToNum(event_id)))
    FROM daily_booking_metrics
    WHERE event_type = 'booking.created'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        AND id_hash IN (SELECT arrayJoin(unclear))
    GROUP BY booking_id
)
GROUP BY driver_id
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
