-- The executions of a schedule, the newest first. $1 schedule_id, $2 status or NULL for any, $3 limit, $4 offset.
-- Result: the rows, and their files.
SELECT e.*, f.name AS file_name, length(f.content) AS file_size
FROM report_executions AS e
LEFT JOIN report_files AS f ON f.execution_id = e.id
WHERE e.schedule_id = $1 AND ($2::text IS NULL OR e.status = $2)
ORDER BY e.created_at DESC, e.due_at DESC NULLS LAST, e.id
LIMIT $3 OFFSET $4
