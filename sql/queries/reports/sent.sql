-- What became of a recipient. $1 execution id, $2 claim of whoever sent, $3 address, $4 status, $5 reason.
-- It is known late perhaps, after another replica has taken the run over: that one leaves such recipients alone.
UPDATE report_deliveries
SET status = $4, reason = $5, updated_at = now()
WHERE execution_id = $1 AND address = $3 AND claim = $2 AND status IN ('sending', 'uncertain')
