-- Recipients who left a schedule's list, or were taken off it, after a run of it began. $1 execution id.
DELETE FROM report_deliveries AS d
USING report_executions AS e, report_schedules AS s
WHERE d.execution_id = $1 AND e.id = d.execution_id AND s.id = e.schedule_id
    AND e.trigger <> 'dry_run' AND d.status = 'pending'
    AND (lower(d.address) NOT IN (SELECT lower(r.address) FROM unnest(s.recipients) AS r (address)) OR EXISTS (
        SELECT FROM report_unsubscribed AS u WHERE u.schedule_id = s.id AND lower(u.address) = lower(d.address)
    ))
