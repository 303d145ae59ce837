-- The file of a run. $1 execution id, $2 now. Result: name, media_type, content.
SELECT name, media_type, content FROM report_files WHERE execution_id = $1 AND expires_at > $2
