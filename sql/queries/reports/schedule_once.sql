-- The schedule that came with an idempotency key. $1 owner_subject, $2 key. Result: the row; none without a key.
SELECT * FROM report_schedules WHERE owner_subject = $1 AND idempotency_key = $2
