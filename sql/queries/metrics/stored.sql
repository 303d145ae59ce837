-- How much has been stored of what answers about a range read: it grows with every such event, however late it comes.
-- Parameters: since, until (half-open; what is in the hours of its edges counts too).
-- Result: event_type, inside (1: from since on; 0: before), events.
-- Read from the projection by hour (0013): so few rows are read by one thread in half the time of two.
SELECT event_type, toStartOfHour(minute) >= toStartOfHour({since:DateTime64(3, 'UTC')}) AS inside, sum(events) AS events
FROM hourly_realtime_metrics
WHERE toStartOfHour(minute) < {until:DateTime64(3, 'UTC')}
GROUP BY event_type, inside
SETTINGS max_threads = 1
