-- Of the people who registered in each of several periods in a row: how many, and how many acted in each later one.
-- Parameters: edges: where each period begins, seconds since 1970, ascending, on quarter hours; born_since, born_until
-- (half-open): the periods of the cohorts; acted_since, acted_until (half-open): those in which acts count; periods:
-- for how many each cohort is followed.
-- Result: cohort (0 for the first period), later (periods after it; 0 is the cohort's own, where all of it counts),
-- people. What would be 0 is left out.
-- The periods in which a person acted are bits of one integer: 52 cohorts followed for 52 periods take 103 of them.
-- Who registered more than once belongs where they did first, be it before the first cohort: so all registrations of
-- those who did in the cohorts' time are looked at.
WITH
    {edges:Array(UInt32)} AS edges,
    CAST(range(length(edges)), 'Array(UInt8)') AS numbers
SELECT cohort, later, count() AS people
FROM
(
    SELECT
        transform(roundDown(born, edges), edges, numbers) AS cohort,
        arrayJoin(arrayFilter(
            later -> later < {periods:UInt8},
            arrayPushFront(
                arrayMap(n -> n - cohort, arrayFilter(n -> n > cohort, bitPositionsToArray(acted))),
                0))) AS later
    FROM
    (
        SELECT person, min(registered_at) AS born, groupBitOr(acted_in) AS acted
        FROM
        (
            SELECT user_id AS person, toUnixTimestamp(event_timestamp) AS registered_at, toUInt128(0) AS acted_in
            FROM daily_user_metrics
            WHERE event_type = 'user.registered' AND event_timestamp < {born_until:DateTime64(3, 'UTC')}
            UNION ALL
            SELECT
                actor,
                toUInt32(4294967295), -- never
                bitShiftLeft(toUInt128(1), transform(roundDown(toUnixTimestamp(quarter), edges), edges, numbers))
            FROM actor_activity
            WHERE quarter >= toDateTime({acted_since:DateTime64(3, 'UTC')})
                AND quarter < toDateTime({acted_until:DateTime64(3, 'UTC')})
                AND act != 'registration'
        )
        WHERE person IN
        (
            SELECT user_id
            FROM daily_user_metrics
            WHERE event_type = 'user.registered'
                AND event_timestamp >= {born_since:DateTime64(3, 'UTC')}
                AND event_timestamp < {born_until:DateTime64(3, 'UTC')}
        )
        GROUP BY person
        HAVING born >= edges[1]
    )
)
GROUP BY cohort, later
ORDER BY cohort, later
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0,
    group_by_two_level_threshold = 0, group_by_two_level_threshold_bytes = 0
