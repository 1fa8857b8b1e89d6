-- +goose Up
-- Versions can be deleted for good, and with the last one of a content its id.
-- Holding a content while that is decided asks for the right to change some
-- column of it; created_at says nothing of what the schema is.
GRANT DELETE ON schemas_schema, schemas_reference, schemas_version TO lethe_app;
GRANT UPDATE (created_at) ON schemas_schema TO lethe_app;

-- Whoever follows the changes learns which id a registration used, and which
-- id ended with a version that was deleted for good. The kinds only grow, so
-- the rows that are there hold; the next file has PostgreSQL look.
ALTER TABLE schemas_change
    ADD COLUMN schema_id int,
    DROP CONSTRAINT schemas_change_kind_known,
    ADD CONSTRAINT schemas_change_kind_known CHECK (kind IN ('REGISTERED', 'DELETED', 'PURGED', 'CONFIGURED')) NOT VALID;
