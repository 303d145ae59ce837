-- How many of the bookings created in a range, by driver, that driver ever cancelled.
-- Parameters: since, until (half-open); drivers: the ids asked about.
-- Result: a row for each of them who has bookings: driver_id, created, cancelled (of those, whatever the time of the
-- cancellation). A booking is of the driver whom its first creation in the range names, and cancelled by the driver
-- if a cancellation by DRIVER names the same one.
-- Only bookings that name one of the drivers are looked at: few of all.
WITH
(
    SELECT groupArray(booking_id)
    FROM daily_booking_metrics
    WHERE event_type = 'booking.created'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        AND driver_id IN {drivers:Array(UUID)}
) AS bookings
SELECT driver_id, count() AS created, countIf((booking_id, driver_id) IN
(
    SELECT booking_id, driver_id
    FROM daily_booking_metrics
    WHERE event_type = 'booking.cancelled' AND cancelled_by = 'DRIVER' AND driver_id IN {drivers:Array(UUID)}
)) AS cancelled
FROM
(
    SELECT booking_id, argMin(driver_id, (event_timestamp, UUIDToNum(event_id))) AS driver_id
    FROM daily_booking_metrics
    WHERE event_type = 'booking.created'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        AND booking_id IN (SELECT arrayJoin(bookings))
    GROUP BY booking_id
)
WHERE driver_id IN {drivers:Array(UUID)}
GROUP BY driver_id
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
