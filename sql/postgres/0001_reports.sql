-- Scheduled reports and their executions.

CREATE TABLE report_schedules (
    id             uuid PRIMARY KEY,
    report_name    text NOT NULL,
    report_type    text NOT NULL CHECK (report_type IN (
        'user_metrics', 'booking_metrics', 'payment_metrics', 'trip_metrics', 'driver_earnings', 'comprehensive')),
    owner_subject  text NOT NULL, -- who made it: the subject of the access token
    owner_email    text,          -- told when an execution fails
    frequency      text NOT NULL CHECK (frequency IN ('daily', 'weekly', 'monthly')),
    format         text NOT NULL CHECK (format IN ('excel', 'csv')),
    recipients     text[] NOT NULL CHECK (cardinality(recipients) >= 1),
    parameters     jsonb NOT NULL DEFAULT '{}', -- timezone, time, weekday, day, attach
    active         boolean NOT NULL DEFAULT true,
    description    text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    last_execution timestamptz,
    next_execution timestamptz
);

CREATE INDEX report_schedules_due ON report_schedules (next_execution) WHERE active;

CREATE TABLE report_executions (
    id            uuid PRIMARY KEY,
    schedule_id   uuid NOT NULL REFERENCES report_schedules (id) ON DELETE CASCADE,
    due_at        timestamptz, -- the occurrence this is the execution of; NULL when asked for by hand
    status        text NOT NULL DEFAULT 'pending' CHECK (status IN (
        'pending', 'running', 'completed', 'failed', 'partial', 'missed')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    started_at    timestamptz,
    completed_at  timestamptz,
    file_path     text,
    error_message text,
    rows_exported bigint,
    recipients    jsonb NOT NULL DEFAULT '{}', -- address -> sent | refused | uncertain
    UNIQUE (schedule_id, due_at) -- each due occurrence runs once, on one replica
);

CREATE INDEX report_executions_newest ON report_executions (schedule_id, created_at DESC);
