-- The events of one kind in a range.
-- Parameters: table: the table of its events; since, until (half-open).
-- Result: the table's columns.
SELECT *
FROM {table:Identifier}
WHERE event_timestamp >= {since:DateTime64(3, 'UTC')} AND event_timestamp < {until:DateTime64(3, 'UTC')}
