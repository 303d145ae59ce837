-- Keep the file of a run. $1 execution id, $2 name, $3 media_type, $4 content, $5 expires_at.
INSERT INTO report_files (execution_id, name, media_type, content, expires_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (execution_id) DO UPDATE
SET name = excluded.name, media_type = excluded.media_type, content = excluded.content, expires_at = excluded.expires_at
