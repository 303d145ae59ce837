-- Whom a run is for, when it is taken up; those whom a replica was sending to when it died are nobody's to repeat.
-- Here and wherever addresses are compared, what differs in case only is the same.
-- $1 execution id.
WITH uncertain AS (
    UPDATE report_deliveries
    SET status = 'uncertain', reason = 'the service stopped while it was being sent', updated_at = now()
    WHERE execution_id = $1 AND status = 'sending'
)
INSERT INTO report_deliveries (execution_id, address, position)
SELECT e.id, r.address, r.position
FROM report_executions AS e
JOIN report_schedules AS s ON s.id = e.schedule_id
CROSS JOIN unnest(CASE WHEN e.trigger = 'dry_run' THEN ARRAY[s.owner_email] ELSE s.recipients END)
    WITH ORDINALITY AS r (address, position)
WHERE e.id = $1 AND e.attempts = 1 AND (e.trigger = 'dry_run' OR NOT EXISTS (
    SELECT FROM report_unsubscribed AS u WHERE u.schedule_id = s.id AND lower(u.address) = lower(r.address)
))
ON CONFLICT DO NOTHING
