-- The end of a run, and what it means for its schedule: so many failures in a row pause it.
-- The owner is to be told of one that failed, or did not reach everybody with everything; of a dry run the mail says it.
-- $1 execution id, $2 claim, $3 status, $4 now, $5 error_message, $6 rows_exported, $7 file_path, $8 failures that pause.
-- Result: whether the schedule is paused now; none if the run is no longer ours.
WITH ended AS (
    UPDATE report_executions
    SET
        status = $3, completed_at = $4, error_message = $5, rows_exported = $6, file_path = $7, claim = NULL,
        lease_until = NULL, retry_at = NULL,
        notice = CASE WHEN $3 = 'failed' OR ($3 = 'partial' AND trigger <> 'dry_run') THEN 'due' END
    WHERE id = $1 AND claim = $2
    RETURNING schedule_id, trigger, status
), counted AS (
    SELECT
        s.id,
        e.trigger,
        CASE WHEN e.trigger <> 'schedule' THEN s.failures WHEN e.status = 'failed' THEN s.failures + 1 ELSE 0 END AS failures,
        e.trigger = 'schedule' AND e.status = 'failed' AND s.failures + 1 >= $8 AND s.active AS pauses
    FROM ended AS e JOIN report_schedules AS s ON s.id = e.schedule_id
)
UPDATE report_schedules AS s
SET
    last_execution = CASE WHEN c.trigger = 'dry_run' THEN s.last_execution ELSE $4 END,
    failures = c.failures,
    active = s.active AND NOT c.pauses,
    next_execution = CASE WHEN c.pauses THEN NULL ELSE s.next_execution END,
    paused_at = CASE WHEN c.pauses THEN $4 ELSE s.paused_at END,
    paused_reason = CASE WHEN c.pauses
        THEN c.failures || ' runs in a row failed, the last one: ' || coalesce($5, '') ELSE s.paused_reason END
FROM counted AS c
WHERE s.id = c.id
RETURNING c.pauses
