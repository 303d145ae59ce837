-- Bookings in a range.
-- Parameters: since, until (half-open).
-- Result: one row:
--   created, confirmed, cancelled, completed   distinct bookings with that event in the range
--   total_value                                of those confirmed: the price at their first confirmation in it
--   by_rider, by_driver, by_system             of those cancelled: who did, at the first cancellation in it
--   converted, dropped, finished               of those created in it: how many were ever confirmed, cancelled,
--                                              completed, whatever the time of that event
-- `sure` tells what became of each booking, and which are unclear: those that had some event more than once. All events
-- of the others are counted together, as `plain`; of the unclear the first event of a type is looked for, the
-- least (event_timestamp, event id as text): to do so for all would cost many times as much.
WITH
    toUUID('00000000-0000-0000-0000-000000000000') AS nobody,
    (
        SELECT
            countIf(is_new) AS created,
            countIf(is_new AND bitTest(seen, 1)) AS converted,
            countIf(is_new AND bitTest(seen, 2)) AS dropped,
            countIf(is_new AND bitTest(seen, 3)) AS finished,
            groupArrayIf(booking_id, NOT clear) AS unclear,
            groupArrayIf(seen, NOT clear) AS unclear_seen
        FROM
        (
            SELECT
                booking_id,
                seen,
                events = bitCount(seen) AS clear,
                clear AND created >= {since:DateTime64(3, 'UTC')} AND created < {until:DateTime64(3, 'UTC')} AS is_new
            FROM agg_popular_routes FINAL
        )
    ) AS sure
SELECT
    sure.created + countIf(again) AS created,
    sumIf(bookings, event_type = 'booking.confirmed') AS confirmed,
    sumIf(bookings, event_type = 'booking.cancelled') AS cancelled,
    sumIf(bookings, event_type = 'booking.completed') AS completed,
    sum(value) AS total_value,
    sum(riders) AS by_rider,
    sum(drivers) AS by_driver,
    sum(systems) AS by_system,
    sure.converted + countIf(again AND bitTest(ever, 1)) AS converted,
    sure.dropped + countIf(again AND bitTest(ever, 2)) AS dropped,
    sure.finished + countIf(again AND bitTest(ever, 3)) AS finished
FROM
(
    SELECT
        event_type,
        plain,
        event_type = 'booking.created' AND NOT plain AS again,
        if(again, transform(booking_id, sure.unclear, sure.unclear_seen, toUInt8(0)), 0) AS ever,
        if(plain, events, 1) AS bookings,
        if(event_type = 'booking.confirmed', if(plain, prices, first.1), 0) AS value,
        if(plain, by_rider, first.2 = 'RIDER') AS riders,
        if(plain, by_driver, first.2 = 'DRIVER') AS drivers,
        if(plain, by_system, first.2 = 'SYSTEM') AS systems
    FROM
    (
        SELECT
            event_type,
            booking.booking_id NOT IN (SELECT arrayJoin(sure.unclear)) AS plain,
            if(plain, nobody, booking.booking_id) AS booking_id,
            count() AS events,
            sum(total_price) AS prices,
            countIf(cancelled_by = 'RIDER') AS by_rider,
            countIf(cancelled_by = 'DRIVER') AS by_driver,
            countIf(cancelled_by = 'SYSTEM') AS by_system,
            argMinIf((total_price, cancelled_by), (event_timestamp, UUIDToNum(event_id)), NOT plain) AS first
        FROM daily_booking_metrics AS booking
        WHERE event_type IN ('booking.created', 'booking.confirmed', 'booking.cancelled', 'booking.completed')
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        GROUP BY event_type, plain, booking_id
    )
)
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
