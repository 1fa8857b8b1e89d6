-- +goose Up
-- In the mode FORWARD another registry is written to. The modes only grow, so
-- the rows that are there hold; and there may be one a subject, so PostgreSQL
-- is not asked to look.
ALTER TABLE schemas_config
    DROP CONSTRAINT schemas_config_mode_known,
    ADD CONSTRAINT schemas_config_mode_known CHECK (mode IN ('READWRITE', 'READONLY', 'READONLY_OVERRIDE', 'IMPORT', 'FORWARD')) NOT VALID;
