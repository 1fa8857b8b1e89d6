-- +goose Up

-- No statement looks a content up by its body: that is done in memory, among
-- the versions of its subject.
DROP INDEX schemas_schema_by_body;
