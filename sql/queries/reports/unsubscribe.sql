-- Whoever has an address wants a schedule's reports no more, whether or not its list names them now, or does again later.
-- $1 schedule_id, $2 address.
-- Result: the address, if there is such a schedule.
INSERT INTO report_unsubscribed (schedule_id, address)
SELECT id, $2 FROM report_schedules WHERE id = $1
ON CONFLICT (schedule_id, address) DO UPDATE SET at = report_unsubscribed.at
RETURNING address
