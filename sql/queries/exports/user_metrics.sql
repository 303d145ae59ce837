-- People by local day: a row for each day, also for those on which nothing happened.
-- Parameters: since, until (half-open, whole local days); days: where each of them begins, seconds since 1970,
-- ascending; dates: what they are called, as long as days; known: the same as days with the 29 days before.
-- Result: date; dau, wau, mau (distinct people who acted on that day, on the 7 and on the 30 days that end with it);
-- stickiness_of, stickiness_over (dau, mau); new_registrations (distinct people registered on that day); total_users
-- (distinct people ever registered by its end).
-- A person's days are an array, so that a window of 30 days needs no set of people for each day.
SELECT
    toDate({dates:Array(String)}[indexOf({days:Array(UInt32)}, day.bucket)]) AS date,
    active.dau AS dau,
    active.wau AS wau,
    active.mau AS mau,
    active.dau AS stickiness_of,
    active.mau AS stickiness_over,
    registered.people AS new_registrations,
    sum(first.people) OVER (ORDER BY day.bucket ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS total_users
FROM
(
    SELECT arrayJoin({days:Array(UInt32)}) AS bucket
) AS day
LEFT JOIN
(
    SELECT
        {known:Array(UInt32)}[number] AS bucket,
        countIf(has(quarters, number)) AS dau,
        countIf(arrayExists(n -> n <= number AND n + 7 > number, quarters)) AS wau,
        count() AS mau
    FROM
    (
        SELECT
            quarters,
            arrayJoin(arrayDistinct(arrayFlatten(arrayMap(n -> range(n, n + 30), quarters)))) AS number
        FROM
        (
            SELECT
                actor,
                groupUniqArray(indexOf(
                    {known:Array(UInt32)},
                    roundDown(toUnixTimestamp(quarter), {known:Array(UInt32)}))) AS quarters
            FROM actor_activity
            WHERE quarter >= toDateTime({known:Array(UInt32)}[1], 'UTC') AND quarter < toDateTime({until:DateTime64(3, 'UTC')})
            GROUP BY actor
        )
    )
    WHERE number <= length({known:Array(UInt32)})
    GROUP BY number
) AS active ON active.bucket = day.bucket
LEFT JOIN
(
    SELECT
        roundDown(toUnixTimestamp(event_timestamp), {days:Array(UInt32)}) AS bucket,
        uniqExact(user_id) AS people
    FROM daily_user_metrics
    WHERE event_type = 'user.registered'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
    GROUP BY bucket
) AS registered ON registered.bucket = day.bucket
LEFT JOIN
(
    SELECT roundDown(greatest(born, {days:Array(UInt32)}[1]), {days:Array(UInt32)}) AS bucket, count() AS people
    FROM
    (
        SELECT user_id, toUnixTimestamp(min(event_timestamp)) AS born
        FROM daily_user_metrics
        WHERE event_type = 'user.registered' AND event_timestamp < {until:DateTime64(3, 'UTC')}
        GROUP BY user_id
    )
    GROUP BY bucket
) AS first ON first.bucket = day.bucket
