-- Registrations in each bucket of a range, by where people said they live.
-- Parameters: since, until (half-open); edges: where each bucket begins, seconds since 1970, ascending; place: the
-- column state or city.
-- Result: bucket (one of the edges, or 0: the range as a whole), label ('Unknown' if not said), value (distinct people,
-- each by the first registration in the bucket, or in the range); what is 0 is left out.
SELECT bucket, if(first = '', 'Unknown', first) AS label, count() AS value
FROM
(
    WITH bitShiftLeft(toUInt256(toUnixTimestamp64Milli(event_timestamp)), 128) + toUInt128(event_id) AS turn
    SELECT
        roundDown(toUnixTimestamp(event_timestamp), {edges:Array(UInt32)}) AS bucket,
        user_id,
        argMin({place:Identifier}, turn) AS first
    FROM daily_user_metrics
    WHERE event_type = 'user.registered'
        AND event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
    GROUP BY GROUPING SETS ((bucket, user_id), (user_id))
)
GROUP BY bucket, label
