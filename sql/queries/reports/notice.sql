-- Take up a run of which the owner is to be told. Until $2 nobody else takes it up. $1 now.
-- Result: what to tell, and whom.
WITH taken AS (
    SELECT id FROM report_executions
    WHERE notice = 'due' AND (notice_at IS NULL OR notice_at <= $1)
    ORDER BY completed_at
    FOR UPDATE SKIP LOCKED
    LIMIT 1
)
UPDATE report_executions AS e
SET notice_at = $2, notice_tries = e.notice_tries + 1
FROM taken, report_schedules AS s
WHERE e.id = taken.id AND s.id = e.schedule_id
RETURNING
    e.id, e.schedule_id, e.status, e.notice_tries, e.period_since, e.period_until, e.timezone, e.error_message,
    s.report_name, s.owner_email, s.paused_reason
