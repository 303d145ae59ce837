-- What has been stored of what an answer reads, as one number: it grows with every such event, however late it comes.
-- Parameters: since, until (half-open; what is in the minutes of its edges counts too); ever: types of which what was
-- before since counts too.
-- Result: one row: version.
SELECT sum(events) AS version
FROM hourly_realtime_metrics
WHERE minute < {until:DateTime64(3, 'UTC')}
    AND (minute >= toStartOfMinute({since:DateTime64(3, 'UTC')}) OR event_type IN {ever:Array(String)})
