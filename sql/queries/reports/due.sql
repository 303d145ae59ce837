-- Schedules that are due. $1 now, $2 ids of those that are left out. Result: the rows, the longest overdue first.
SELECT * FROM report_schedules
WHERE active AND deleted_at IS NULL AND next_execution <= $1 AND id <> ALL ($2)
ORDER BY next_execution
LIMIT 100
