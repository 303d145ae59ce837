-- Begin to send to one recipient. $1 execution id, $2 claim, $3 address.
-- Result: the address; none if the run is no longer ours, or the recipient has had it or wants it no more.
UPDATE report_deliveries AS d
SET status = 'sending', claim = $2, updated_at = now()
FROM report_executions AS e
WHERE d.execution_id = $1 AND d.address = $3 AND e.id = d.execution_id AND e.claim = $2 AND e.lease_until > now()
    AND (d.status = 'pending' OR (d.status = 'sending' AND d.claim = $2))
    AND (e.trigger = 'dry_run' OR NOT EXISTS (
        SELECT FROM report_unsubscribed AS u WHERE u.schedule_id = e.schedule_id AND u.address = d.address
    ))
RETURNING d.address
