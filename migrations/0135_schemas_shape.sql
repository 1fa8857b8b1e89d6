-- +goose Up
-- What a text says, however it is put into words: whether its types stand in it
-- or are referred to, and in which order its properties come. Inside a subject
-- a schema is found by it. Null where it is the hash without metadata and
-- rules; of what was registered before this column, that has to do.
ALTER TABLE schemas_schema
    ADD COLUMN shape_hash bytea CONSTRAINT schemas_schema_shape_hash_sha256 CHECK (octet_length(shape_hash) = 32);
