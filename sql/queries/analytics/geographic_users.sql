-- People registered in a range, by where they said they live.
-- Parameters: since, until (half-open).
-- Result: state, city ('Unknown' if not said), value (distinct people, each by the first registration in the range).
SELECT if(first.1 = '', 'Unknown', first.1) AS state, if(first.2 = '', 'Unknown', first.2) AS city, count() AS value
FROM
(
    WITH bitShiftLeft(toUInt256(toUnixTimestamp64Milli(event_timestamp)), 128) + toUInt128(event_id) AS turn
    SELECT user_id, argMin((state, city), turn) AS first
    FROM daily_user_metrics
    WHERE event_type = 'user.registered'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
    GROUP BY user_id
)
GROUP BY state, city
