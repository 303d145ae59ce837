-- Take up the oldest run that waits, or whose replica has let its lease end. $1 claim, $2 now, $3 seconds of the
-- lease: it is of the server's clock, since those of replicas differ. Those that `call_off` would end are left to it.
-- Result: the execution with its schedule.
WITH taken AS (
    SELECT e.id
    FROM report_executions AS e
    JOIN report_schedules AS s ON s.id = e.schedule_id
    WHERE ((e.status = 'pending' AND (e.retry_at IS NULL OR e.retry_at <= $2))
        OR (e.status = 'running' AND e.lease_until < now()))
        AND s.deleted_at IS NULL
        AND (s.active OR e.trigger <> 'schedule')
    ORDER BY e.created_at
    FOR UPDATE OF e SKIP LOCKED
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
