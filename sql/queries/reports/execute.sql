-- A run that somebody asked for by hand. $1 execution id, $2 schedule_id, $3 trigger (manual or dry_run), $4 now,
-- $5 period_since, $6 period_until, $7 timezone.
-- Result: its id; none while another one of the schedule has not ended.
INSERT INTO report_executions (id, schedule_id, trigger, status, created_at, period_since, period_until, timezone)
SELECT $1, s.id, $3, 'pending', $4, $5, $6, $7
FROM report_schedules AS s
WHERE s.id = $2 AND s.deleted_at IS NULL
ON CONFLICT (schedule_id) WHERE trigger <> 'schedule' AND status IN ('pending', 'running') DO NOTHING
RETURNING id
