-- The recipients of executions. $1 execution ids. Result: execution_id, address, status, reason, updated_at.
SELECT execution_id, address, status, reason, updated_at
FROM report_deliveries
WHERE execution_id = ANY($1::uuid[])
ORDER BY execution_id, position
