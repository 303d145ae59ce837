-- A schedule as it is from now on. $1 id, $2 report_name, $3 report_type, $4 owner_email, $5 frequency, $6 format,
-- $7 recipients, $8 parameters, $9 active, $10 description, $11 now, $12 next_execution, $13 covered_until,
-- $14 whether it begins anew after a pause.
UPDATE report_schedules
SET
    report_name = $2, report_type = $3, owner_email = $4, frequency = $5, format = $6, recipients = $7,
    parameters = $8::jsonb, active = $9, description = $10, updated_at = $11, next_execution = $12,
    covered_until = $13,
    failures = CASE WHEN $14 THEN 0 ELSE failures END,
    paused_at = CASE WHEN $14 THEN NULL ELSE paused_at END,
    paused_reason = CASE WHEN $14 THEN NULL ELSE paused_reason END
WHERE id = $1
