-- Remove files whose links have ended. $1 now.
DELETE FROM report_files WHERE expires_at <= $1
