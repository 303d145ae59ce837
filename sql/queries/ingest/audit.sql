-- What must be equal if every message is stored once in every table: one row a check and group.
-- Asked of events at or after `since`, a full hour, so that rows which expired in one table and not yet in another
-- do not count; positions of drivers of those at or after `location_since`.
-- Result: check, group, expected, found.
WITH raw AS
(
    SELECT event_type, count() AS messages, uniqExact(event_id) AS ids
    FROM events_raw
    WHERE event_timestamp >= if(event_type = 'driver.location.updated', {location_since:DateTime64(3, 'UTC')}, {since:DateTime64(3, 'UTC')})
    GROUP BY event_type
)
SELECT
    'each offset once' AS check,
    concat(kafka_epoch, ' ', kafka_topic, '/', toString(kafka_partition)) AS `group`,
    toInt64(uniqExact(kafka_offset)) AS expected,
    toInt64(count()) AS found
FROM events_raw
WHERE event_timestamp >= {since:DateTime64(3, 'UTC')}
GROUP BY kafka_epoch, kafka_topic, kafka_partition

UNION ALL
SELECT 'typed tables', event_type, toInt64(sum(messages)), toInt64(sum(rows))
FROM
(
    SELECT event_type, messages, 0 AS rows FROM raw
    UNION ALL SELECT event_type, 0, count() FROM user_events WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} GROUP BY event_type
    UNION ALL SELECT event_type, 0, count() FROM booking_events WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} GROUP BY event_type
    UNION ALL SELECT event_type, 0, count() FROM payment_events WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} GROUP BY event_type
    UNION ALL SELECT event_type, 0, count() FROM trip_events WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} GROUP BY event_type
    UNION ALL SELECT event_type, 0, count() FROM route_events WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} GROUP BY event_type
    UNION ALL SELECT event_type, 0, count() FROM location_events WHERE event_timestamp >= {location_since:DateTime64(3, 'UTC')} GROUP BY event_type
)
GROUP BY event_type

UNION ALL
SELECT 'metrics tables', event_type, toInt64(sum(known)), toInt64(sum(rows))
FROM
(
    SELECT event_type, ids AS known, 0 AS rows FROM raw WHERE event_type != 'driver.location.updated'
    UNION ALL SELECT event_type, 0, uniqExact(event_id) FROM daily_user_metrics WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} GROUP BY event_type
    UNION ALL SELECT event_type, 0, uniqExact(event_id) FROM daily_booking_metrics WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} GROUP BY event_type
    UNION ALL SELECT event_type, 0, uniqExact(event_id) FROM daily_payment_metrics WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} GROUP BY event_type
    UNION ALL SELECT event_type, 0, uniqExact(event_id) FROM daily_trip_metrics WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} GROUP BY event_type
    UNION ALL SELECT event_type, 0, uniqExact(event_id) FROM route_history WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} GROUP BY event_type
)
GROUP BY event_type

UNION ALL
SELECT 'realtime', event_type, toInt64(sum(known)), toInt64(sum(rows))
FROM
(
    SELECT event_type, messages AS known, 0 AS rows FROM raw
    UNION ALL
    SELECT event_type, 0, sum(events)
    FROM hourly_realtime_metrics
    WHERE minute >= if(event_type = 'driver.location.updated', {location_since:DateTime64(3, 'UTC')}, {since:DateTime64(3, 'UTC')})
    GROUP BY event_type
)
GROUP BY event_type

UNION ALL
SELECT 'driver earnings', 'cents', toInt64(sum(known)), toInt64(sum(rows))
FROM
(
    SELECT toInt64(sum(earned) * 100) AS known, 0 AS rows
    FROM
    (
        SELECT any(driver_earnings) AS earned
        FROM trip_events
        WHERE event_type = 'trip.completed' AND event_timestamp >= {since:DateTime64(3, 'UTC')}
        GROUP BY event_id
    )
    UNION ALL
    SELECT 0, toInt64(sum(earned) * 100)
    FROM
    (
        SELECT any(driver_earnings) AS earned
        FROM agg_driver_earnings
        WHERE event_timestamp >= {since:DateTime64(3, 'UTC')}
        GROUP BY event_id
    )
)

UNION ALL
SELECT 'booking outcomes', outcome, toInt64(sum(known)), toInt64(sum(rows))
FROM
(
    SELECT splitByChar('.', event_type)[2] AS outcome, uniqExact(booking_id, route_id) AS known, 0 AS rows
    FROM daily_booking_metrics
    WHERE event_type != 'booking.created'
    GROUP BY event_type
    UNION ALL
    SELECT outcome, 0, sum(had)
    FROM
    (
        SELECT max(confirmed) AS was_confirmed, max(cancelled) AS was_cancelled, max(completed) AS was_completed
        FROM agg_popular_routes
        GROUP BY route_id, booking_id
    )
    ARRAY JOIN ['confirmed', 'cancelled', 'completed'] AS outcome, [was_confirmed, was_cancelled, was_completed] AS had
    GROUP BY outcome
)
GROUP BY outcome

UNION ALL
SELECT 'places of bookings', 'bookings', toInt64(sum(known)), toInt64(sum(rows))
FROM
(
    SELECT uniqExact(booking_id) AS known, 0 AS rows FROM daily_booking_metrics WHERE event_type = 'booking.created'
    UNION ALL
    SELECT 0, uniqExact(booking_id) FROM agg_geographic_metrics
)
