-- What is going on at {now}.
-- Parameters: now; currency.
-- Result: one row:
--   active_users       distinct people who acted (in any role) in the last 15 minutes
--   active_drivers     distinct drivers who acted as such in the last 15 minutes: trips, routes, completed bookings,
--                      cancellations of theirs, positions
--   active_trips       trips started in the last 24 hours, and by now neither completed nor cancelled
--   bookings_last_hour distinct bookings created in the last 60 minutes
--   revenue_last_hour  payments that succeeded in the last 60 minutes, in {currency}; refunds are not taken off
--   waits, waited      trips started in the last 60 minutes, and how many minutes in all their riders waited for them:
--                      from the scheduled to the actual departure, 0 for those that left early. Their mean is the wait
--                      that riders have at the stop; from booking to departure it would be days for a ride ahead
--   stored_last_minute messages stored in the last 60 seconds, whatever the time of their events
--   newest             time of the newest event stored, and not in the future; NULL if nothing was stored in the last
--                      7 days. now - newest is the lag: it grows while ingestion stands still, also if nothing comes
-- 'Last' means event_timestamp in (now - x, now]: events from clocks that run ahead count when their time has come.
WITH
    {now:DateTime64(3, 'UTC')} AS moment,
    moment - INTERVAL 15 MINUTE AS active_since,
    moment - INTERVAL 60 MINUTE AS hour_ago
SELECT *
FROM
(
    SELECT
        uniqExact(actor) AS active_users,
        uniqExactIf(actor, act = 'drive') AS active_drivers
    FROM actor_activity
    WHERE quarter > active_since - INTERVAL 15 MINUTE AND quarter <= moment
        AND arrayExists(
            ms -> toUnixTimestamp64Milli(toDateTime64(quarter, 3, 'UTC')) + ms > toUnixTimestamp64Milli(active_since)
                AND toUnixTimestamp64Milli(toDateTime64(quarter, 3, 'UTC')) + ms <= toUnixTimestamp64Milli(moment),
            moments)
) AS activity
CROSS JOIN
(
    SELECT uniqExact(trip_id) AS active_trips
    FROM daily_trip_metrics
    WHERE event_type = 'trip.started'
        AND event_timestamp > moment - INTERVAL 24 HOUR AND event_timestamp <= moment
        AND trip_id NOT IN
        (
            SELECT trip_id
            FROM daily_trip_metrics
            WHERE event_type IN ('trip.completed', 'trip.cancelled')
                AND event_timestamp > moment - INTERVAL 48 HOUR AND event_timestamp <= moment
        )
) AS trips
CROSS JOIN
(
    SELECT uniqExact(booking_id) AS bookings_last_hour
    FROM daily_booking_metrics
    WHERE event_type = 'booking.created' AND event_timestamp > hour_ago AND event_timestamp <= moment
) AS bookings
CROSS JOIN
(
    SELECT sumIf(first.1, first.2 = {currency:String}) AS revenue_last_hour
    FROM
    (
        SELECT payment_id, argMin((amount, currency), (event_timestamp, UUIDToNum(event_id))) AS first
        FROM daily_payment_metrics
        WHERE event_type = 'payment.success' AND event_timestamp > hour_ago AND event_timestamp <= moment
        GROUP BY payment_id
    )
) AS payments
CROSS JOIN
(
    SELECT count() AS waits, sum(wait) / 60000 AS waited
    FROM
    (
        SELECT
            trip_id,
            argMin(
                greatest(toUnixTimestamp64Milli(actual_departure) - toUnixTimestamp64Milli(scheduled_departure), 0),
                (event_timestamp, UUIDToNum(event_id))) AS wait
        FROM daily_trip_metrics
        WHERE event_type = 'trip.started' AND event_timestamp > hour_ago AND event_timestamp <= moment
        GROUP BY trip_id
    )
) AS waiting
CROSS JOIN
(
    SELECT count() AS stored_last_minute
    FROM recent_event_ids
    WHERE ingested_at > moment - INTERVAL 1 MINUTE AND ingested_at <= moment
) AS stored
CROSS JOIN
(
    SELECT maxOrNull(least(newest, moment)) AS newest
    FROM hourly_realtime_metrics
    WHERE minute > moment - INTERVAL 7 DAY AND minute <= moment
) AS latest
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0
