-- How many schedules `schedule_list` finds. $1 owner_subject, $2 active, $3 report_type, $4 frequency.
-- Result: total.
SELECT count(*) AS total
FROM report_schedules
WHERE deleted_at IS NULL
    AND ($1::text IS NULL OR owner_subject = $1)
    AND ($2::boolean IS NULL OR active = $2)
    AND ($3::text IS NULL OR report_type = $3)
    AND ($4::text IS NULL OR frequency = $4)
