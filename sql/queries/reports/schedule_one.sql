-- One schedule. $1 id, $2 owner_subject or NULL for anybody's. Result: the row, of one that was deleted too.
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
WHERE s.id = $1 AND ($2::text IS NULL OR s.owner_subject = $2)
