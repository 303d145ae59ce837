-- Let a run wait. $1 execution id, $2 claim, $3 not before, $4 why, $5 whether the attempt counts.
-- Result: its id, if it was ours.
UPDATE report_executions
SET
    status = 'pending', claim = NULL, lease_until = NULL, retry_at = $3, error_message = $4,
    attempts = attempts - CASE WHEN $5 THEN 0 ELSE 1 END
WHERE id = $1 AND claim = $2
RETURNING id
