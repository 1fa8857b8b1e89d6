-- +goose Up
-- What is said about a schema beside its text. Both are part of what hash is
-- taken over; body_hash is the same without them, so that who names neither
-- finds the content by its text, and is null where the two do not differ.
ALTER TABLE schemas_schema
    ADD COLUMN metadata jsonb CONSTRAINT schemas_schema_metadata_object CHECK (jsonb_typeof(metadata) = 'object'),
    ADD COLUMN rule_set jsonb CONSTRAINT schemas_schema_rule_set_object CHECK (jsonb_typeof(rule_set) = 'object'),
    ADD COLUMN body_hash bytea CONSTRAINT schemas_schema_body_hash_sha256 CHECK (octet_length(body_hash) = 32);
CREATE INDEX schemas_schema_by_body ON schemas_schema (context, coalesce(body_hash, hash));

-- The guid of a content is the beginning of its hash: the same in every
-- context and every registry.
CREATE INDEX schemas_schema_by_guid ON schemas_schema (substring(hash FROM 1 FOR 16));
