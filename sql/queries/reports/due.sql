-- Schedules that are due. $1 now. Result: the rows, the longest overdue first.
SELECT * FROM report_schedules
WHERE active AND deleted_at IS NULL AND next_execution <= $1
ORDER BY next_execution
LIMIT 100
