-- +goose Up

-- Changes are kept only for as long as following them costs less than reading
-- everything. Whoever has not seen everything of the transactions below this
-- number may have missed a change that is gone, and reads everything anew.
CREATE TABLE schemas_pruned (
    one   boolean PRIMARY KEY DEFAULT true CONSTRAINT schemas_pruned_is_one_row CHECK (one),
    below xid8 NOT NULL
);
INSERT INTO schemas_pruned (below) VALUES ('0');
GRANT SELECT, UPDATE (below) ON schemas_pruned TO lethe_app;
GRANT DELETE ON schemas_change TO lethe_app;
