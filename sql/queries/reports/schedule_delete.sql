-- Delete a schedule; its executions stay. $1 id, $2 owner_subject or NULL, $3 now.
-- Result: its id, if there was one.
UPDATE report_schedules
SET deleted_at = $3, updated_at = $3, active = false, next_execution = NULL
WHERE id = $1 AND ($2::text IS NULL OR owner_subject = $2) AND deleted_at IS NULL
RETURNING id
