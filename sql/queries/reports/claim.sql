-- Take up the oldest run that waits, or whose replica has let its lease end. $1 claim, $2 now, $3 seconds of the
-- lease: it is of the server's clock, since those of replicas differ.
-- Result: the execution with its schedule.
WITH taken AS (
    SELECT id FROM report_executions
    WHERE (status = 'pending' AND (retry_at IS NULL OR retry_at <= $2)) OR (status = 'running' AND lease_until < now())
    ORDER BY created_at
    FOR UPDATE SKIP LOCKED
    LIMIT 1
)
UPDATE report_executions AS e
SET
    status = 'running', claim = $1, lease_until = now() + $3 * INTERVAL '1 second', attempts = attempts + 1,
    started_at = coalesce(e.started_at, $2), retry_at = NULL
FROM taken, report_schedules AS s
WHERE e.id = taken.id AND s.id = e.schedule_id
RETURNING
    e.id, e.schedule_id, e.trigger, e.due_at, e.period_since, e.period_until, e.timezone, e.attempts,
    s.report_name, s.report_type, s.format, s.parameters, s.owner_email
