-- +goose Up

-- A replica asks before it answers from memory which changes its last look at
-- this table did not see: those of the newest transactions, by their number.
CREATE INDEX schemas_change_by_xid ON schemas_change (xid);
