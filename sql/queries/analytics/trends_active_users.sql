-- People who acted in each bucket of a range.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending: on quarter
-- hours, but for the first.
-- Result: bucket (one of the edges; buckets without acts are left out; or 0: the range as a whole), value (distinct
-- people). Quarters that are wholly in the range need no more than their actors; for the two on its edges, if it does
-- not begin and end on quarter hours, the times of the acts tell.
WITH
    toStartOfInterval({since:DateTime64(3, 'UTC')}, INTERVAL 15 MINUTE, 'UTC') AS first_quarter,
    toStartOfInterval({until:DateTime64(3, 'UTC')}, INTERVAL 15 MINUTE, 'UTC') AS last_quarter
SELECT roundDown(toUnixTimestamp(quarter), {edges:Array(UInt32)}) AS bucket, uniqExact(actor) AS value
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
GROUP BY GROUPING SETS ((bucket), ())
