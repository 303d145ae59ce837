-- Revenue of a range, by the H3 cell of the pickup that was paid for.
-- Parameters: since, until (half-open); currency: others are left out; resolution: of the cells.
-- Result: hex (the cell's index as text; 'Unknown' if no such booking is known), lat, lon (its center, or NULL),
-- value (of payments by their first success in the range). The pickup is that of the booking's first creation, at
-- any time.
SELECT
    if(found, h3ToString(cell), 'Unknown') AS hex,
    if(found, h3ToGeo(cell).1, NULL) AS lat,
    if(found, h3ToGeo(cell).2, NULL) AS lon,
    value
FROM
(
    SELECT
        booking.found = 1 AS found,
        geoToH3(booking.pickup.2, booking.pickup.3, {resolution:UInt8}) AS cell,
        sum(entity_value) AS value
    FROM
    (
        SELECT first.2 AS booking_id, sum(first.1) AS entity_value
        FROM
        (
            SELECT payment_id, argMin((amount, booking_id, currency), (event_timestamp, UUIDToNum(event_id))) AS first
            FROM daily_payment_metrics
            WHERE event_type = 'payment.success'
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
            GROUP BY payment_id
        )
        WHERE first.3 = {currency:String}
        GROUP BY booking_id
    ) AS counted
    LEFT JOIN
    (
        SELECT booking_id, argMinMerge(pickup) AS pickup, 1 AS found
        FROM agg_geographic_metrics
        WHERE booking_id IN
        (
            SELECT booking_id
            FROM daily_payment_metrics
            WHERE event_type = 'payment.success'
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        )
        GROUP BY booking_id
    ) AS booking ON booking.booking_id = counted.booking_id
    GROUP BY found, cell
)
SETTINGS
    distributed_product_mode = 'global',
    join_use_nulls = 0,
    geotoh3_argument_order = 'lat_lon',
    h3togeo_lon_lat_result_order = 0
