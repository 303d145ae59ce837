-- A new schedule. $1 id, $2 owner_subject, $3 report_name, $4 report_type, $5 owner_email, $6 frequency, $7 format,
-- $8 recipients, $9 parameters, $10 active, $11 description, $12 now, $13 next_execution, $14 covered_until,
-- $15 idempotency_key, $16 fingerprint.
-- Result: the row.
INSERT INTO report_schedules (
    id, owner_subject, report_name, report_type, owner_email, frequency, format, recipients, parameters, active,
    description, created_at, updated_at, next_execution, covered_until, idempotency_key, fingerprint
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11, $12, $12, $13, $14, $15, $16)
RETURNING *
