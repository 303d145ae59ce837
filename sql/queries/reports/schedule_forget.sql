-- Forget schedules that were deleted before $1, once nothing of their runs is left.
DELETE FROM report_schedules AS s
WHERE s.deleted_at < $1 AND NOT EXISTS (SELECT FROM report_executions AS e WHERE e.schedule_id = s.id)
