-- How many executions `execution_list` finds. $1 schedule_id, $2 status. Result: total.
SELECT count(*) AS total FROM report_executions WHERE schedule_id = $1 AND ($2::text IS NULL OR status = $2)
