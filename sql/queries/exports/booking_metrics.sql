-- Bookings by local day: a row for each day, also for those on which nothing happened.
-- Parameters: since, until (half-open, whole local days); days: where each of them begins, seconds since 1970,
-- ascending; dates: what they are called, as long as days.
-- Result: date; bookings_created, _confirmed, _cancelled, _completed (distinct bookings with that event on the day);
-- of those created on it, how many ever were confirmed, cancelled, completed (conversion_rate_of, ... with
-- bookings_created for ..._over); total_booking_value (of those confirmed on it, at their first confirmation of the
-- day), avg_booking_value_of, _over; cancelled_by_rider, _driver, _system (by the first cancellation of the day).
SELECT
    toDate({dates:Array(String)}[indexOf({days:Array(UInt32)}, day.bucket)]) AS date,
    found.created AS bookings_created,
    found.confirmed AS bookings_confirmed,
    found.cancelled AS bookings_cancelled,
    found.completed AS bookings_completed,
    found.converted AS conversion_rate_of,
    found.created AS conversion_rate_over,
    found.dropped AS cancellation_rate_of,
    found.created AS cancellation_rate_over,
    found.finished AS completion_rate_of,
    found.created AS completion_rate_over,
    found.total_value AS avg_booking_value_of,
    found.confirmed AS avg_booking_value_over,
    found.total_value AS total_booking_value,
    found.by_rider AS cancelled_by_rider,
    found.by_driver AS cancelled_by_driver,
    found.by_system AS cancelled_by_system
FROM
(
    SELECT arrayJoin({days:Array(UInt32)}) AS bucket
) AS day
LEFT JOIN
(
    SELECT
        bucket,
        countIf(event_type = 'booking.created') AS created,
        countIf(event_type = 'booking.confirmed') AS confirmed,
        countIf(event_type = 'booking.cancelled') AS cancelled,
        countIf(event_type = 'booking.completed') AS completed,
        countIf(event_type = 'booking.created' AND ever.confirmed = 1) AS converted,
        countIf(event_type = 'booking.created' AND ever.cancelled = 1) AS dropped,
        countIf(event_type = 'booking.created' AND ever.completed = 1) AS finished,
        sumIf(first.1, event_type = 'booking.confirmed') AS total_value,
        countIf(event_type = 'booking.cancelled' AND first.2 = 'RIDER') AS by_rider,
        countIf(event_type = 'booking.cancelled' AND first.2 = 'DRIVER') AS by_driver,
        countIf(event_type = 'booking.cancelled' AND first.2 = 'SYSTEM') AS by_system
    FROM
    (
        SELECT
            roundDown(toUnixTimestamp(event_timestamp), {days:Array(UInt32)}) AS bucket,
            event_type,
            booking_id,
            argMin((total_price, cancelled_by), (event_timestamp, UUIDToNum(event_id))) AS first
        FROM daily_booking_metrics
        WHERE event_type IN ('booking.created', 'booking.confirmed', 'booking.cancelled', 'booking.completed')
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        GROUP BY bucket, event_type, booking_id
    ) AS counted
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
    ) AS ever ON ever.booking_id = counted.booking_id
    GROUP BY bucket
) AS found ON found.bucket = day.bucket
