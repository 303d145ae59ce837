-- Forget runs that ended before $1, so many at a time; but not while a file of theirs is linked to, or their owner is
-- still to be told. $2 now.
DELETE FROM report_executions
WHERE id IN (
    SELECT e.id FROM report_executions AS e
    WHERE e.completed_at < $1 AND e.status NOT IN ('pending', 'running') AND e.notice IS DISTINCT FROM 'due'
        AND NOT EXISTS (SELECT FROM report_files AS f WHERE f.execution_id = e.id AND f.expires_at > $2)
    ORDER BY e.completed_at
    LIMIT 1000
    FOR UPDATE OF e SKIP LOCKED
)
