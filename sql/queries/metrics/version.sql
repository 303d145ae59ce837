-- What has been stored of a range, as one number: it grows with every event of it that is stored, however late.
-- Parameters: since, until (half-open; what is in the minutes of its edges counts too).
-- Result: one row: version.
SELECT sum(events) AS version
FROM hourly_realtime_metrics
WHERE minute >= toStartOfMinute({since:DateTime64(3, 'UTC')}) AND minute < {until:DateTime64(3, 'UTC')}
