-- A recipient wants a schedule's reports no more. $1 schedule_id, $2 address.
-- Result: the address, if it is one of its recipients.
INSERT INTO report_unsubscribed (schedule_id, address)
SELECT id, $2 FROM report_schedules WHERE id = $1 AND $2 = ANY(recipients)
ON CONFLICT (schedule_id, address) DO UPDATE SET at = report_unsubscribed.at
RETURNING address
