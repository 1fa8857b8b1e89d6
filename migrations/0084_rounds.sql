-- +goose Up
-- A task that fails for years is asked for more often than a smallint counts,
-- and a service that is told of a cancelled task is told until it has heard.

-- The trigger names both columns and must stand aside while one is widened.
DROP TRIGGER erasure_task_step ON erasure_task;
ALTER TABLE erasure_task
    ALTER COLUMN round TYPE int,
    ADD COLUMN recall_due boolean NOT NULL DEFAULT false; -- cancelled, and its service has or may have it and was not told
ALTER TABLE erasure_outcome ALTER COLUMN round TYPE int;
CREATE TRIGGER erasure_task_step BEFORE UPDATE OF state, round ON erasure_task
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.round IS DISTINCT FROM NEW.round) EXECUTE FUNCTION erasure_task_step();
