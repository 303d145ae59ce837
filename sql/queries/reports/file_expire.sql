-- Remove files whose links have ended, so many at a time. $1 now.
DELETE FROM report_files
WHERE execution_id IN (
    SELECT execution_id FROM report_files WHERE expires_at <= $1 ORDER BY expires_at LIMIT 50 FOR UPDATE SKIP LOCKED
)
