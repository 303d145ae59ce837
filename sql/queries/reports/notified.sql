-- What became of a notice. $1 execution id, $2 notice, $3 not before.
UPDATE report_executions SET notice = $2, notice_at = $3 WHERE id = $1 AND notice = 'sending'
