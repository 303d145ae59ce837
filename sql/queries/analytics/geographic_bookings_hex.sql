-- Bookings created in a range, by the H3 cell of their pickup.
-- Parameters: since, until (half-open); resolution: of the cells.
-- Result: hex (the cell's index as text), lat, lon (its center), value (distinct bookings, each by the pickup of
-- its first creation in the range).
SELECT h3ToString(cell) AS hex, h3ToGeo(cell).1 AS lat, h3ToGeo(cell).2 AS lon, value
FROM
(
    SELECT geoToH3(first.1, first.2, {resolution:UInt8}) AS cell, count() AS value
    FROM
    (
        SELECT booking_id, argMin((pickup_lat, pickup_lon), (event_timestamp, UUIDToNum(event_id))) AS first
        FROM daily_booking_metrics
        WHERE event_type = 'booking.created'
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        GROUP BY booking_id
    )
    GROUP BY cell
)
SETTINGS geotoh3_argument_order = 'lat_lon', h3togeo_lon_lat_result_order = 0
