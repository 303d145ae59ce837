-- Hold a run for longer. $1 execution id, $2 claim, $3 seconds. Result: its id, if it is still ours.
UPDATE report_executions SET lease_until = now() + $3 * INTERVAL '1 second'
WHERE id = $1 AND claim = $2
RETURNING id
