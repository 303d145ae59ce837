-- How many events of one kind each hour has, so that what is compared at once can be bounded.
-- Parameters: table, a typed table.
-- Result: hour (as a DateTime64), rows.
SELECT CAST(toStartOfHour(event_timestamp, 'UTC'), 'DateTime64(3, \'UTC\')') AS hour, count() AS rows
FROM {table:Identifier}
GROUP BY hour
ORDER BY hour
SETTINGS max_threads = 1
