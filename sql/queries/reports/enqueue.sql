-- What a schedule's due occurrences come to: of any number of replicas that find them, one gets here first.
-- $1 schedule_id, $2 covered_until as it was read, $3 covered_until and $4 next_execution from now on, $5 now;
-- and of each occurrence: $6 execution id, $7 status (pending or missed), $8 due_at, $9 period_since,
-- $10 period_until; $11 timezone.
-- Result: id and status of each execution.
WITH moved AS (
    UPDATE report_schedules
    SET covered_until = $3, next_execution = $4
    WHERE id = $1 AND covered_until = $2 AND active AND deleted_at IS NULL
    RETURNING id
)
INSERT INTO report_executions (
    schedule_id, trigger, timezone, created_at, id, status, due_at, period_since, period_until, completed_at
)
SELECT moved.id, 'schedule', $11, $5, o.id, o.status, o.due_at, o.since, o.until,
    CASE WHEN o.status = 'missed' THEN $5::timestamptz END
FROM moved, unnest($6::uuid[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[])
    AS o (id, status, due_at, since, until)
ON CONFLICT DO NOTHING
RETURNING id, status
