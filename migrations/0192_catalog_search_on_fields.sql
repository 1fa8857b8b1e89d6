-- +goose Up
-- A field is found by its own row: what it says is indexed where it stands, and
-- what its dataset is called is looked up with that. A row in the search index for
-- each field, with the name of the dataset in it, was most of what the first version
-- of a schema cost.
DROP TRIGGER catalog_field_entered ON catalog_field;
DROP TRIGGER catalog_field_changed ON catalog_field;
DROP TRIGGER catalog_dataset_fields_renamed ON catalog_dataset;
DROP FUNCTION catalog_fields_entered();
DROP FUNCTION catalog_fields_changed();
DROP FUNCTION catalog_fields_renamed();
DELETE FROM catalog_search_doc WHERE kind = 'FIELD';

-- The words as catalog_words cuts them; spelled out, for a function in an index is
-- read anew with each statement.
CREATE VIEW catalog_field_searched AS
    SELECT id, dataset_id, path, lower(path) AS haystack,
           to_tsvector('simple', lower(regexp_replace(regexp_replace(path || ' ' || doc, '([a-z0-9])([A-Z])', '\1 \2', 'g'), '[^[:alnum:]]+', ' ', 'g'))) AS words
      FROM catalog_field;
CREATE INDEX catalog_field_words ON catalog_field USING gin
    (to_tsvector('simple', lower(regexp_replace(regexp_replace(path || ' ' || doc, '([a-z0-9])([A-Z])', '\1 \2', 'g'), '[^[:alnum:]]+', ' ', 'g'))));
GRANT SELECT ON catalog_field_searched TO lethe_app;

-- +goose StatementBegin
DO $$
BEGIN
    CREATE INDEX catalog_field_haystack ON catalog_field USING gin (lower(path) gin_trgm_ops);
EXCEPTION WHEN undefined_object THEN
    RAISE NOTICE 'pg_trgm is not available; search inside words will read every field';
END $$;
-- +goose StatementEnd
