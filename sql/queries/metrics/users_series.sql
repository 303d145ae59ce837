-- People in each bucket of a range: a person counts in every bucket in which they acted, or registered.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending.
-- Result: part (one of the edges; buckets without events are left out), new_registrations, active_users.
-- Buckets of any zone begin with a quarter hour of UTC; the quarters in which the range begins and ends may be in it in
-- part: of those, and only those, the moments are looked at. Who registered and who acted are counted apart: no row has
-- to tell which it is.
WITH
    toStartOfInterval({since:DateTime64(3, 'UTC')}, INTERVAL 15 MINUTE, 'UTC') AS first_quarter,
    toStartOfInterval({until:DateTime64(3, 'UTC')}, INTERVAL 15 MINUTE, 'UTC') AS last_quarter
SELECT part, sum(registered) AS new_registrations, sum(active) AS active_users
FROM
(
    SELECT
        roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS part,
        uniqExact(user_id) AS registered,
        0 AS active
    FROM daily_user_metrics
    WHERE event_type = 'user.registered'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
    GROUP BY part
    UNION ALL
    SELECT roundDown(toUnixTimestamp(quarter), {edges:Array(UInt32)}) AS part, 0 AS registered, uniqExact(actor) AS active
    FROM
    (
        SELECT quarter, actor
        FROM actor_activity
        WHERE quarter > first_quarter AND quarter < last_quarter
        UNION ALL
        SELECT quarter, actor
        FROM actor_activity
        WHERE quarter IN (first_quarter, last_quarter)
            AND arrayExists(
                ms -> toUnixTimestamp64Milli(toDateTime64(quarter, 3, 'UTC')) + ms
                    >= toUnixTimestamp64Milli({since:DateTime64(3, 'UTC')})
                    AND toUnixTimestamp64Milli(toDateTime64(quarter, 3, 'UTC')) + ms
                        < toUnixTimestamp64Milli({until:DateTime64(3, 'UTC')}),
                moments)
    )
    GROUP BY part
)
GROUP BY part
