-- End runs that wait, of schedules that were deleted or (those that nobody asked for by hand) paused; and those whose
-- replica has let its lease end. Some of their recipients may have had it. $1 schedule_id or NULL for all, $2 now.
-- Result: their ids.
WITH called AS (
    UPDATE report_executions AS e
    SET
        status = CASE WHEN EXISTS (
            SELECT FROM report_deliveries AS d
            WHERE d.execution_id = e.id AND d.status IN ('sent', 'sending', 'uncertain')
        ) THEN 'partial' ELSE 'failed' END,
        completed_at = $2, claim = NULL, lease_until = NULL, retry_at = NULL,
        error_message = concat_ws(
            '; before that: ',
            CASE WHEN s.deleted_at IS NULL THEN 'the schedule was paused' ELSE 'the schedule was deleted' END,
            e.error_message
        )
    FROM report_schedules AS s
    WHERE s.id = e.schedule_id
        AND ($1::uuid IS NULL OR s.id = $1)
        AND (e.status = 'pending' OR (e.status = 'running' AND e.lease_until < now()))
        AND (s.deleted_at IS NOT NULL OR (NOT s.active AND e.trigger = 'schedule'))
    RETURNING e.id
), uncertain AS (
    UPDATE report_deliveries
    SET status = 'uncertain', reason = 'the service stopped while it was being sent', updated_at = now()
    WHERE execution_id IN (SELECT id FROM called) AND status = 'sending'
)
SELECT id FROM called
