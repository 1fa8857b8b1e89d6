-- +goose Up
UPDATE catalog_field SET words = to_tsvector('simple', catalog_words(path || ' ' || doc));
CREATE INDEX catalog_field_words ON catalog_field USING gin (words);

-- +goose StatementBegin
DO $$
BEGIN
    CREATE INDEX catalog_field_haystack ON catalog_field USING gin (lower(path) gin_trgm_ops);
EXCEPTION WHEN undefined_object THEN
    RAISE NOTICE 'pg_trgm is not available; search inside words will read every field';
END $$;
-- +goose StatementEnd
