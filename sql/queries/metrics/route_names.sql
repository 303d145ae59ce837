-- What routes are.
-- Parameters: routes. They are few: a second thread would cost more than it brings.
-- Result, of those of which any event is known:
--   route_id
--   route_name, driver_id          as of its latest event
--   origin_city, destination_city  as of its latest creation; '' if there is none
--   seats_total                    by its latest change; 0 if there is none
WITH bitShiftLeft(toUInt256(toUnixTimestamp64Milli(event_timestamp)), 128) + toUInt128(event_id) AS turn
SELECT
    route_id,
    argMax(route_name, turn) AS route_name,
    argMax(driver_id, turn) AS driver_id,
    argMaxIf(origin_city, turn, event_type = 'route.created') AS origin_city,
    argMaxIf(destination_city, turn, event_type = 'route.created') AS destination_city,
    argMaxIf(seats_total, turn, seats_total > 0) AS seats_total
FROM route_history
WHERE route_id IN {routes:Array(UUID)}
GROUP BY route_id
SETTINGS max_threads = 1
