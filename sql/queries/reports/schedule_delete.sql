-- Delete a schedule; its executions stay, those that wait end. $1 id, $2 owner_subject or NULL, $3 now.
-- Result: its id, if there was one.
WITH gone AS (
    UPDATE report_schedules
    SET deleted_at = $3, updated_at = $3, active = false, next_execution = NULL
    WHERE id = $1 AND ($2::text IS NULL OR owner_subject = $2) AND deleted_at IS NULL
    RETURNING id
), ended AS (
    UPDATE report_executions
    SET status = 'failed', completed_at = $3, retry_at = NULL, error_message = 'the schedule was deleted'
    WHERE schedule_id IN (SELECT id FROM gone) AND status = 'pending'
)
SELECT id FROM gone
