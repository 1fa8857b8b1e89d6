-- +goose Up
-- A level has a mode and, beside the compatibility, the settings of the API by
-- their names there; what is absent inherits. subject_id null is a context's
-- level; the context '.__GLOBAL' is the one that every other falls back on.
ALTER TABLE schemas_config
    ADD COLUMN mode text CONSTRAINT schemas_config_mode_known CHECK (mode IN ('READWRITE', 'READONLY', 'READONLY_OVERRIDE', 'IMPORT')),
    ADD COLUMN settings jsonb NOT NULL DEFAULT '{}' CONSTRAINT schemas_config_settings_object CHECK (jsonb_typeof(settings) = 'object');

-- A subject with an alias is read as another.
ALTER TABLE schemas_subject
    ADD COLUMN alias_context text,
    ADD COLUMN alias_name text,
    ADD CONSTRAINT schemas_subject_alias_whole CHECK ((alias_context IS NULL) = (alias_name IS NULL));
