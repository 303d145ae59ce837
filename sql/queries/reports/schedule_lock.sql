-- A schedule that is about to be changed. $1 id, $2 owner_subject or NULL for anybody's. Result: the row.
SELECT * FROM report_schedules
WHERE id = $1 AND ($2::text IS NULL OR owner_subject = $2) AND deleted_at IS NULL
FOR UPDATE
