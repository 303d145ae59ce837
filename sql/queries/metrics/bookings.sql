-- Bookings in a range.
-- Parameters: since, until (half-open).
-- Result: one row:
--   created, confirmed, cancelled, completed   distinct bookings with that event in the range
--   total_value                                of those confirmed: the price at their first confirmation in it
--   by_rider, by_driver, by_system             of those cancelled: who did, at the first cancellation in it
--   converted, dropped, finished               of those created in it: how many were ever confirmed, cancelled,
--                                              completed, whatever the time of that event
-- `created` and the last three come from one reading of the bookings created, so that a rate cannot pass 100 while
-- events arrive. The first event of a booking is the least (event_timestamp, event id as text).
SELECT *
FROM
(
    SELECT
        countIf(event_type = 'booking.confirmed') AS confirmed,
        countIf(event_type = 'booking.cancelled') AS cancelled,
        countIf(event_type = 'booking.completed') AS completed,
        sumIf(first.1, event_type = 'booking.confirmed') AS total_value,
        countIf(event_type = 'booking.cancelled' AND first.2 = 'RIDER') AS by_rider,
        countIf(event_type = 'booking.cancelled' AND first.2 = 'DRIVER') AS by_driver,
        countIf(event_type = 'booking.cancelled' AND first.2 = 'SYSTEM') AS by_system
    FROM
    (
        SELECT
            event_type,
            booking_id,
            argMin((total_price, cancelled_by), (event_timestamp, UUIDToNum(event_id))) AS first
        FROM daily_booking_metrics
        WHERE event_type IN ('booking.confirmed', 'booking.cancelled', 'booking.completed')
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        GROUP BY event_type, booking_id
    )
) AS in_range
CROSS JOIN
(
    SELECT
        count() AS created,
        countIf(outcome.confirmed = 1) AS converted,
        countIf(outcome.cancelled = 1) AS dropped,
        countIf(outcome.completed = 1) AS finished
    FROM
    (
        SELECT DISTINCT booking_id
        FROM daily_booking_metrics
        WHERE event_type = 'booking.created'
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
    ) AS cohort
    LEFT JOIN
    (
        SELECT
            booking_id,
            max(event_type = 'booking.confirmed') AS confirmed,
            max(event_type = 'booking.cancelled') AS cancelled,
            max(event_type = 'booking.completed') AS completed
        FROM daily_booking_metrics
        WHERE event_type IN ('booking.confirmed', 'booking.cancelled', 'booking.completed')
            AND booking_id IN
            (
                SELECT booking_id
                FROM daily_booking_metrics
                WHERE event_type = 'booking.created'
                    AND event_timestamp >= {since:DateTime64(3, 'UTC')}
                    AND event_timestamp < {until:DateTime64(3, 'UTC')}
            )
        GROUP BY booking_id
    ) AS outcome ON outcome.booking_id = cohort.booking_id
) AS of_created
SETTINGS distributed_product_mode = 'global'
