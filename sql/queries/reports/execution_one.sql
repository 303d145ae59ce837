-- One execution. $1 id, $2 the owner_subject of its schedule or NULL for anybody's. Result: the row, and its file.
SELECT e.*, f.name AS file_name, length(f.content) AS file_size
FROM report_executions AS e
JOIN report_schedules AS s ON s.id = e.schedule_id
LEFT JOIN report_files AS f ON f.execution_id = e.id
WHERE e.id = $1 AND ($2::text IS NULL OR s.owner_subject = $2)
