-- +goose Up
-- Processes that work jobs, by the database's clock: one that is silent has
-- ended, and the others take over what it was at. The id is that of its jobs
-- (the last of river_job.attempted_by) and leases (erasure_task.lease_by).
CREATE TABLE server_process (
    id           uuid PRIMARY KEY,
    seen_at      timestamptz NOT NULL DEFAULT now(),
    steady_since timestamptz NOT NULL DEFAULT now() -- since when it has not missed a beat: who was silent itself judges nobody
) WITH (fillfactor = 50);

-- Whose turn it is at what all replicas could do and one should.
CREATE TABLE server_turn (
    name    text PRIMARY KEY,
    next_at timestamptz NOT NULL,
    taken   bigint NOT NULL DEFAULT 1, -- so many times
    CONSTRAINT server_turn_name_is_word CHECK (name ~ '^[a-z_]{1,64}$')
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, UPDATE, DELETE ON server_process TO lethe_app;
GRANT SELECT, INSERT, UPDATE ON server_turn TO lethe_app;
