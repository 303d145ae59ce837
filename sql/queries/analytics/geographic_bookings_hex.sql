-- Bookings created in a range, by the H3 cell of their pickup.
-- Parameters: since, until (half-open); resolution: of the cells.
-- Result: hex (the cell's index as text), lat, lon (its center), value (distinct bookings, each by the pickup of
-- its first creation in the range).
-- The first of several (least (event_timestamp, event id as text)) is looked for only where there are several, of the
-- `unclear`: to do so for all would cost many times as much.
WITH
(
    SELECT arrayFilter((id, last) -> id = last, arraySort(groupArray(id_hash)) AS sorted, arrayShiftRight(sorted, 1))
    FROM daily_booking_metrics
    WHERE event_type = 'booking.created'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
) AS unclear
SELECT h3ToString(cell) AS hex, h3ToGeo(cell).1 AS lat, h3ToGeo(cell).2 AS lon, value
FROM
(
    SELECT geoToH3(latitude, longitude, {resolution:UInt8}) AS cell, sum(bookings) AS value
    FROM
    (
        SELECT pickup_lat AS latitude, pickup_lon AS longitude, count() AS bookings
        FROM daily_booking_metrics
        WHERE event_type = 'booking.created'
            AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            AND id_hash NOT IN (SELECT arrayJoin(unclear))
        GROUP BY latitude, longitude
        UNION ALL
        SELECT first.1, first.2, 1
        FROM
        (
            SELECT argMin((pickup_lat, pickup_lon), (event_timestamp, UUIDToNum(event_id))) AS first
            FROM daily_booking_metrics
            WHERE event_type = 'booking.created'
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
                AND id_hash IN (SELECT arrayJoin(unclear))
            GROUP BY booking_id
        )
    )
    GROUP BY cell
)
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0, geotoh3_argument_order = 'lat_lon', h3togeo_lon_lat_result_order = 0
