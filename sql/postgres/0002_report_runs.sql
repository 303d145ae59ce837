-- Runs of scheduled reports: one for each period, held by one replica at a time; what became of each recipient.

ALTER TABLE report_schedules
    ADD COLUMN covered_until   timestamptz NOT NULL DEFAULT now(), -- periods before it have had their turn
    ADD COLUMN failures        integer NOT NULL DEFAULT 0,         -- failed runs in a row
    ADD COLUMN paused_at       timestamptz,
    ADD COLUMN paused_reason   text,                               -- why the service paused it
    ADD COLUMN deleted_at      timestamptz,                        -- its executions are kept
    ADD COLUMN idempotency_key text,
    ADD COLUMN fingerprint     text;                               -- of the request that came with the key

CREATE UNIQUE INDEX report_schedules_once ON report_schedules (owner_subject, idempotency_key);
CREATE INDEX report_schedules_listed ON report_schedules (owner_subject, created_at DESC) WHERE deleted_at IS NULL;

ALTER TABLE report_executions
    DROP CONSTRAINT report_executions_schedule_id_fkey,
    ADD CONSTRAINT report_executions_schedule_id_fkey
        FOREIGN KEY (schedule_id) REFERENCES report_schedules (id) ON DELETE RESTRICT,
    DROP COLUMN recipients,                                        -- nothing was ever in it: see report_deliveries
    ADD COLUMN trigger      text NOT NULL CHECK (trigger IN ('schedule', 'manual', 'dry_run')),
    ADD COLUMN period_since timestamptz NOT NULL,
    ADD COLUMN period_until timestamptz NOT NULL,
    ADD COLUMN timezone     text NOT NULL,
    ADD COLUMN attempts     integer NOT NULL DEFAULT 0,            -- times it was taken up
    ADD COLUMN retry_at     timestamptz,                           -- not to be taken up again before
    ADD COLUMN claim        uuid,                                  -- of whoever holds it
    ADD COLUMN lease_until  timestamptz,                           -- by this server's clock; then another may take it
    ADD COLUMN notice       text CHECK (notice IN ('due', 'sending', 'sent', 'failed')), -- to the owner, of a failure
    ADD COLUMN notice_at    timestamptz,
    ADD COLUMN notice_tries integer NOT NULL DEFAULT 0;

-- Whatever the replicas' clocks say, and however often a schedule's time is changed.
CREATE UNIQUE INDEX report_executions_once
    ON report_executions (schedule_id, period_since, period_until) WHERE trigger = 'schedule';
-- Of those that were asked for by hand one at a time.
CREATE UNIQUE INDEX report_executions_by_hand
    ON report_executions (schedule_id) WHERE trigger <> 'schedule' AND status IN ('pending', 'running');
CREATE INDEX report_executions_open ON report_executions (created_at) WHERE status IN ('pending', 'running');
CREATE INDEX report_executions_notices ON report_executions (notice_at) WHERE notice = 'due';

CREATE TABLE report_deliveries (
    execution_id uuid NOT NULL REFERENCES report_executions (id) ON DELETE CASCADE,
    address      text NOT NULL,
    position     integer NOT NULL,
    status       text NOT NULL DEFAULT 'pending' CHECK (status IN (
        'pending', 'sending', 'sent', 'refused', 'uncertain')),
    reason       text NOT NULL DEFAULT '',
    claim        uuid, -- of whoever began to send it
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (execution_id, address)
);

CREATE TABLE report_unsubscribed (
    schedule_id uuid NOT NULL REFERENCES report_schedules (id) ON DELETE CASCADE,
    address     text NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (schedule_id, address)
);

-- Files that were linked to instead of attached, for as long as their links live.
CREATE TABLE report_files (
    execution_id uuid PRIMARY KEY REFERENCES report_executions (id) ON DELETE CASCADE,
    name         text NOT NULL,
    media_type   text NOT NULL,
    content      bytea NOT NULL,
    expires_at   timestamptz NOT NULL
);

CREATE INDEX report_files_expiring ON report_files (expires_at);
