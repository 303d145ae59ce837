-- Say that a notice is about to go: from now on nobody sends it again. $1 execution id, $2 which try.
-- Result: the id; none if it is somebody else's by now.
UPDATE report_executions SET notice = 'sending'
WHERE id = $1 AND notice_tries = $2 AND notice IN ('due', 'sending')
RETURNING id
