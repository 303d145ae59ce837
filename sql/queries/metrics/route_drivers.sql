-- Who drives routes of which no event is known: the driver whom bookings of each name that were confirmed in a range.
-- Parameters: since, until (half-open); routes.
-- Result: route_id, driver_id (the least as text, should they differ), of those of the routes that have such bookings.
SELECT route_id, argMin(driver_id, UUIDToNum(driver_id)) AS driver_id
FROM daily_booking_metrics
WHERE event_type = 'booking.confirmed'
    AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
    AND route_id IN {routes:Array(UUID)}
GROUP BY route_id
