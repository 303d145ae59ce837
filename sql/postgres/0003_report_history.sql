-- What is forgotten of reports: runs that ended long ago are found by when they did.

CREATE INDEX report_executions_ended ON report_executions (completed_at) WHERE status NOT IN ('pending', 'running');
CREATE INDEX report_schedules_deleted ON report_schedules (deleted_at) WHERE deleted_at IS NOT NULL;
