-- Recipients who left a schedule's list after a run of it began. $1 execution id.
DELETE FROM report_deliveries AS d
USING report_executions AS e, report_unsubscribed AS u
WHERE d.execution_id = $1 AND e.id = d.execution_id AND e.trigger <> 'dry_run' AND d.status = 'pending'
    AND u.schedule_id = e.schedule_id AND u.address = d.address
