-- Schedules, the newest first. $1 owner_subject or NULL for everybody's, $2 active, $3 report_type, $4 frequency
-- (each NULL for any), $5 limit, $6 offset.
-- Result: the rows.
SELECT
    s.*,
    array(
        SELECT r.address FROM unnest(s.recipients) AS r (address)
        WHERE EXISTS (
            SELECT FROM report_unsubscribed AS u WHERE u.schedule_id = s.id AND lower(u.address) = lower(r.address)
        )
        ORDER BY r.address
    ) AS unsubscribed
FROM report_schedules AS s
WHERE s.deleted_at IS NULL
    AND ($1::text IS NULL OR s.owner_subject = $1)
    AND ($2::boolean IS NULL OR s.active = $2)
    AND ($3::text IS NULL OR s.report_type = $3)
    AND ($4::text IS NULL OR s.frequency = $4)
ORDER BY s.created_at DESC, s.id
LIMIT $5 OFFSET $6
