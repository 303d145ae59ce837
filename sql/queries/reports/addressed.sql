-- Who may have a link of a schedule: whom its runs were for, and whom it is for now. $1 schedule_id. Result: address.
SELECT d.address
FROM report_deliveries AS d
JOIN report_executions AS e ON e.id = d.execution_id
WHERE e.schedule_id = $1
UNION
SELECT unnest(recipients) FROM report_schedules WHERE id = $1
