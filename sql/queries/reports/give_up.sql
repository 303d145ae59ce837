-- The last try is over: who has not been reached is given up. $1 execution id, $2 claim, $3 what is said before the
-- reason.
UPDATE report_deliveries AS d
SET status = 'refused', reason = $3 || d.reason, updated_at = now()
FROM report_executions AS e
WHERE d.execution_id = $1 AND e.id = d.execution_id AND e.claim = $2 AND d.status = 'pending'
