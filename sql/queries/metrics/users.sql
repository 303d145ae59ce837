-- People by the end of a range: who registered, how far drivers have come.
-- Parameters: since, until (half-open).
-- Result: one row:
--   new_registrations  distinct people registered in the range
--   total_users        distinct people ever registered before until
--   drivers            people who before until registered as drivers, or became drivers
--   verified           of those: whose latest KYC decision before until is VERIFIED
--   on_road            of those: who have a route of which the latest creation, activation or cancellation before until
--                      is no cancellation
-- Latest is the greatest (event_timestamp, event id as text), told by one number, their `turn`: tuples are compared many
-- times as slowly. People are counted as distinct ids, not one by one: groups of one row each take half as long again.
-- One thread: two would make sets of their own, and merge them.
WITH
    bitShiftLeft(toUInt256(toUnixTimestamp64Milli(event_timestamp)), 128) + toUInt128(event_id) AS turn,
    event_type = 'user.registered' AS registers,
    event_type = 'user.upgraded_to_driver' OR role = 'DRIVER' AS drives
SELECT
    uniqExactIf(user_id, registers AND event_timestamp >= {since:DateTime64(3, 'UTC')}) AS new_registrations,
    uniqExactIf(user_id, registers) AS total_users,
    uniqExactIf(user_id, drives) AS drivers,
    uniqExactIf(user_id, drives AND user_id IN
    (
        SELECT user_id
        FROM
        (
            SELECT user_id, argMax(kyc_status, turn) AS decision
            FROM daily_user_metrics
            WHERE event_type = 'user.kyc_verified' AND event_timestamp < {until:DateTime64(3, 'UTC')}
            GROUP BY user_id
        )
        WHERE decision = 'VERIFIED'
    )) AS verified,
    uniqExactIf(user_id, drives AND user_id IN
    (
        SELECT driver_id
        FROM
        (
            SELECT
                argMax(driver_id, turn) AS driver_id,
                argMax(event_type != 'route.cancelled', turn) AS is_live
            FROM route_history
            WHERE event_type IN ('route.created', 'route.activated', 'route.cancelled')
                AND event_timestamp < {until:DateTime64(3, 'UTC')}
            GROUP BY route_id
        )
        WHERE is_live
    )) AS on_road
FROM daily_user_metrics
WHERE event_type IN ('user.registered', 'user.upgraded_to_driver') AND event_timestamp < {until:DateTime64(3, 'UTC')}
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0, max_threads = 1
