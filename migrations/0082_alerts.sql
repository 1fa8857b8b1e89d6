-- +goose Up
-- Since when a service can do a task: it was ready to be sent, or asked for
-- again. Patience and alerts count from here, by the room's clock.
ALTER TABLE erasure_task ADD COLUMN waits_since timestamptz NOT NULL DEFAULT now();

-- What people must be told about a request without being asked to decide: one
-- row a task and reason, told again each day while it holds.
CREATE TABLE erasure_alert (
    id         uuid PRIMARY KEY,
    request_id uuid NOT NULL REFERENCES erasure_request (id),
    task_id    bigint NOT NULL REFERENCES erasure_task (id),
    reason     text NOT NULL CONSTRAINT erasure_alert_reason_known CHECK (reason IN ('TASK_UNDONE', 'UNPLANNED_DATASET')),
    code       text CONSTRAINT erasure_alert_code CHECK (code ~ '^[A-Z][A-Z0-9_]{0,63}$'), -- of the last failure
    raised_at  timestamptz NOT NULL,
    told_at    timestamptz NOT NULL,          -- last, in log and audit log
    times      int NOT NULL DEFAULT 1,
    over_at    timestamptz,                   -- it no longer holds
    CONSTRAINT erasure_alert_once UNIQUE (task_id, reason)
);
CREATE INDEX erasure_alert_of ON erasure_alert (request_id);
CREATE INDEX erasure_alert_open ON erasure_alert (raised_at, id) WHERE over_at IS NULL;

GRANT SELECT, INSERT, UPDATE ON erasure_alert TO lethe_app;
