-- People who acted in each bucket of a range.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending: on quarter
-- hours, but for the first.
-- Result: bucket (one of the edges; buckets without acts are left out), value (distinct people). Quarters that are
-- wholly in the range need no more than their actors; for the two on its edges, if it does not begin and end on
-- quarter hours, the times of the acts tell.
WITH {since:DateTime64(3, 'UTC')} AS begins, {until:DateTime64(3, 'UTC')} AS ends
SELECT roundDown(toUnixTimestamp(quarter), {edges:Array(UInt32)}) AS bucket, uniqExact(actor) AS value
FROM
(
    SELECT quarter, actor
    FROM actor_activity
    WHERE quarter >= begins AND quarter <= ends - INTERVAL 15 MINUTE
    UNION ALL
    SELECT quarter, actor
    FROM actor_activity
    WHERE quarter > begins - INTERVAL 15 MINUTE AND quarter < ends
        AND (quarter < begins OR quarter > ends - INTERVAL 15 MINUTE)
        AND arrayExists(
            ms -> toUnixTimestamp64Milli(toDateTime64(quarter, 3, 'UTC')) + ms >= toUnixTimestamp64Milli(begins)
                AND toUnixTimestamp64Milli(toDateTime64(quarter, 3, 'UTC')) + ms < toUnixTimestamp64Milli(ends),
            moments)
)
GROUP BY bucket
