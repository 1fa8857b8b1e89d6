-- +goose Up
-- A field is found by the name of its dataset, too. Who renames that now renames
-- its fields in the search index without touching them, so that what comes with a
-- version of a schema need only be compared with what was there. A dataset is
-- looked up for each field that is another (OFFSET 0): where it is joined,
-- PostgreSQL reads every dataset of the catalog for twenty fields.

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION catalog_fields_entered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_search_doc (entity_id, kind, ref, name, haystack, words)
    SELECT f.id, 'FIELD', label.ref, f.path, lower(label.ref || ' ' || f.path),
           setweight(to_tsvector('simple', catalog_words(f.path)), 'A') || setweight(to_tsvector('simple', catalog_words(f.doc)), 'C')
      FROM entered f
     CROSS JOIN LATERAL (SELECT d.namespace || '/' || d.name || '#' || f.path AS ref FROM catalog_dataset d WHERE d.id = f.dataset_id OFFSET 0) AS label
     ORDER BY f.id;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION catalog_fields_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_search_doc (entity_id, kind, ref, name, haystack, words)
    SELECT f.id, 'FIELD', label.ref, f.path, lower(label.ref || ' ' || f.path),
           setweight(to_tsvector('simple', catalog_words(f.path)), 'A') || setweight(to_tsvector('simple', catalog_words(f.doc)), 'C')
      FROM changed f
      JOIN former ON former.id = f.id AND (former.doc <> f.doc OR former.path <> f.path OR former.dataset_id <> f.dataset_id)
     CROSS JOIN LATERAL (SELECT d.namespace || '/' || d.name || '#' || f.path AS ref FROM catalog_dataset d WHERE d.id = f.dataset_id OFFSET 0) AS label
     ORDER BY f.id
        ON CONFLICT (entity_id) DO UPDATE
       SET ref = excluded.ref, name = excluded.name, haystack = excluded.haystack, words = excluded.words;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION catalog_fields_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalog_search_doc s
       SET ref = label.ref, haystack = lower(label.ref || ' ' || f.path)
      FROM catalog_field f
     CROSS JOIN LATERAL (SELECT NEW.namespace || '/' || NEW.name || '#' || f.path AS ref) AS label
     WHERE f.dataset_id = NEW.id AND s.entity_id = f.id;
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER catalog_dataset_fields_renamed AFTER UPDATE OF namespace, name ON catalog_dataset
    FOR EACH ROW WHEN (OLD.namespace <> NEW.namespace OR OLD.name <> NEW.name) EXECUTE FUNCTION catalog_fields_renamed();
