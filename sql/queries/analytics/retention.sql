-- Of the people who registered in a range, how many acted 1, 7 and 30 local days later.
-- Parameters: since, until (half-open): of their first registrations; role: as registered, '' for all; edges: where
-- each local day begins, seconds since 1970, ascending, on quarter hours, from the first day of the range to 31 days
-- after its last; acted_since, acted_until (half-open): the days after the first, without the last edge's; today: where
-- today begins, seconds since 1970; rolling: 1 if acts after day N count too, else 0.
-- Result: one row: people; and for N of 1, 7, 30: eligible_dN (those whose day N is over), retained_dN (of them, those
-- who acted on day N; if rolling, also later, until now).
-- Who registered more than once did so first, be it before the range: so all registrations of those who did in the
-- range are looked at.
WITH
    {edges:Array(UInt32)} AS edges,
    CAST(range(1, length(edges) + 1), 'Array(UInt16)') AS numbers
SELECT
    count() AS people,
    countIf(edges[day + 1] < {today:UInt32}) AS eligible_d1,
    countIf(edges[day + 7] < {today:UInt32}) AS eligible_d7,
    countIf(edges[day + 30] < {today:UInt32}) AS eligible_d30,
    countIf(edges[day + 1] < {today:UInt32}
        AND if({rolling:UInt8} = 1, acted_last >= edges[day + 1], has(acted_on, edges[day + 1]))) AS retained_d1,
    countIf(edges[day + 7] < {today:UInt32}
        AND if({rolling:UInt8} = 1, acted_last >= edges[day + 7], has(acted_on, edges[day + 7]))) AS retained_d7,
    countIf(edges[day + 30] < {today:UInt32}
        AND if({rolling:UInt8} = 1, acted_last >= edges[day + 30], has(acted_on, edges[day + 30]))) AS retained_d30
FROM
(
    SELECT
        transform(roundDown(toUInt32(intDiv(born, 1000)), edges), edges, numbers) AS day,
        acted_last,
        acted_on
    FROM
    (
        SELECT
            person,
            toInt64(bitShiftRight(min(turn), 128)) AS born,
            argMin(registered_as, turn) AS role,
            max(acted_at) AS acted_last,
            if({rolling:UInt8} = 1, [], groupUniqArray(roundDown(acted_at, edges))) AS acted_on
        FROM
        (
            SELECT
                user_id AS person,
                bitShiftLeft(toUInt256(toUnixTimestamp64Milli(event_timestamp)), 128) + toUInt128(event_id) AS turn,
                toString(role) AS registered_as,
                toUInt32(0) AS acted_at -- never
            FROM daily_user_metrics
            WHERE event_type = 'user.registered' AND event_timestamp < {until:DateTime64(3, 'UTC')}
            UNION ALL
            SELECT actor, bitNot(toUInt256(0)) /* never */, '', toUnixTimestamp(quarter)
            FROM actor_activity
            WHERE quarter >= toDateTime({acted_since:DateTime64(3, 'UTC')})
                AND ({rolling:UInt8} = 1 OR quarter < toDateTime({acted_until:DateTime64(3, 'UTC')}))
                AND act != 'registration'
        )
        WHERE person IN
        (
            SELECT user_id
            FROM daily_user_metrics
            WHERE event_type = 'user.registered'
                AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
        )
        GROUP BY person
        HAVING born >= toUnixTimestamp64Milli({since:DateTime64(3, 'UTC')})
            AND ({role:String} = '' OR role = {role:String})
    )
)
SETTINGS distributed_product_mode = 'global', use_index_for_in_with_subqueries = 0,
    group_by_two_level_threshold = 0, group_by_two_level_threshold_bytes = 0
