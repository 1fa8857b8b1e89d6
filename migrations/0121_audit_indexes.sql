-- +goose Up

-- Most entries are Lethe's own, about tasks sent and answered. Who looks for
-- those walks the log itself and finds them on every page; an index of them
-- would be as long as the log, for nothing.
DROP INDEX audit_entry_by_actor;
DROP INDEX audit_entry_by_act;
CREATE INDEX audit_entry_by_actor ON audit_entry (actor_id, id) WHERE actor_id <> '00000000-0000-7000-8000-000000000001';
CREATE INDEX audit_entry_by_act ON audit_entry (act, id) WHERE act NOT IN ('task.sent', 'task.answered');
