-- Begin to send to one recipient. $1 execution id, $2 claim, $3 address.
-- Result: the address; none if the run is no longer ours, or the recipient has had it or is not to have it any more.
UPDATE report_deliveries AS d
SET status = 'sending', claim = $2, updated_at = now()
FROM report_executions AS e, report_schedules AS s
WHERE d.execution_id = $1 AND d.address = $3 AND e.id = d.execution_id AND e.claim = $2 AND e.lease_until > now()
    AND s.id = e.schedule_id
    AND (d.status = 'pending' OR (d.status = 'sending' AND d.claim = $2))
    AND (e.trigger = 'dry_run' OR (
        lower(d.address) IN (SELECT lower(r.address) FROM unnest(s.recipients) AS r (address)) AND NOT EXISTS (
            SELECT FROM report_unsubscribed AS u WHERE u.schedule_id = s.id AND lower(u.address) = lower(d.address)
        )
    ))
RETURNING d.address
