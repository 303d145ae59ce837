-- Revenue of a range, by the H3 cell of the pickup that was paid for.
-- Parameters: since, until (half-open); currency: others are left out; resolution: of the cells.
-- Result: hex (the cell's index as text; 'Unknown' if no such booking is known), lat, lon (its center, or NULL),
-- value (of payments by their first success in the range). The pickup is that of the booking's first creation, at
-- any time.
-- The cell is computed once for each point of pickup: there are far fewer of these. The first of several (least
-- (event_timestamp, event id as text)) is looked for only where there are several, of the `unclear`: to do so for all
-- would cost many times as much.
WITH
(
    SELECT arrayFilter((id, last) -> id = last, arraySort(groupArray(id_hash)) AS sorted, arrayShiftRight(sorted, 1))
    FROM agg_booking_payments
    WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
) AS unclear
SELECT
    if(found, h3ToString(cell), 'Unknown') AS hex,
    if(found, h3ToGeo(cell).1, NULL) AS lat,
    if(found, h3ToGeo(cell).2, NULL) AS lon,
    value
FROM
(
    SELECT found, geoToH3(latitude, longitude, {resolution:UInt8}) AS cell, sum(amounts) AS value
    FROM
    (
        SELECT known = 1 AS found, latitude, longitude, sum(amount) AS amounts
        FROM
        (
            SELECT booking_id, amount
            FROM agg_booking_payments
            WHERE currency = {currency:String}
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
                AND id_hash NOT IN (SELECT arrayJoin(unclear))
            UNION ALL
            SELECT first.1, first.2
            FROM
            (
                SELECT argMin((booking_id, amount, currency), (event_timestamp, UUIDToNum(event_id))) AS first
                FROM agg_booking_payments
                WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
                    AND id_hash IN (SELECT arrayJoin(unclear))
                GROUP BY payment_id
            )
            WHERE first.3 = {currency:String}
        ) AS paid
        LEFT ANY JOIN
        (
            SELECT booking_id, lat AS latitude, lon AS longitude, 1 AS known
            FROM agg_geographic_metrics FINAL
        ) AS booking USING (booking_id)
        GROUP BY found, latitude, longitude
    )
    GROUP BY found, cell
)
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0, join_use_nulls = 0,
    join_algorithm = 'full_sorting_merge', geotoh3_argument_order = 'lat_lon', h3togeo_lon_lat_result_order = 0
