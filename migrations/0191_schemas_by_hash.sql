-- +goose Up
-- A content is found by its hash, which comes first here: two indexes that begin
-- with the context are the same to PostgreSQL while the table is almost empty. A
-- connection that planned then looked for the content of each new version among
-- all of the context, for as long as it lasted.
ALTER TABLE schemas_schema
    DROP CONSTRAINT schemas_content_has_one_id,
    ADD CONSTRAINT schemas_content_has_one_id UNIQUE (hash, context);
