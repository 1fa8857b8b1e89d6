-- +goose Up
-- Fields come many at a time, and with each version of a schema again. They are
-- put into the search index all together, and only where something that is
-- searched is another than before: also the name of their dataset.
DROP TRIGGER catalog_field_indexed ON catalog_field;

-- +goose StatementBegin
CREATE FUNCTION catalog_fields_entered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_search_doc (entity_id, kind, ref, name, haystack, words)
    SELECT f.id, 'FIELD', label.ref, f.path, lower(label.ref || ' ' || f.path),
           setweight(to_tsvector('simple', catalog_words(f.path)), 'A') || setweight(to_tsvector('simple', catalog_words(f.doc)), 'C')
      FROM entered f
      JOIN catalog_dataset d ON d.id = f.dataset_id
     CROSS JOIN LATERAL (SELECT d.namespace || '/' || d.name || '#' || f.path AS ref) AS label
     ORDER BY f.id;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION catalog_fields_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_search_doc (entity_id, kind, ref, name, haystack, words)
    SELECT f.id, 'FIELD', label.ref, f.path, lower(label.ref || ' ' || f.path),
           setweight(to_tsvector('simple', catalog_words(f.path)), 'A') || setweight(to_tsvector('simple', catalog_words(f.doc)), 'C')
      FROM changed f
      JOIN former ON former.id = f.id
      JOIN catalog_dataset d ON d.id = f.dataset_id
     CROSS JOIN LATERAL (SELECT d.namespace || '/' || d.name || '#' || f.path AS ref) AS label
      LEFT JOIN catalog_search_doc s ON s.entity_id = f.id
     WHERE former.doc <> f.doc OR s.ref IS DISTINCT FROM label.ref
     ORDER BY f.id
        ON CONFLICT (entity_id) DO UPDATE
       SET ref = excluded.ref, name = excluded.name, haystack = excluded.haystack, words = excluded.words;
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER catalog_field_entered AFTER INSERT ON catalog_field
    REFERENCING NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION catalog_fields_entered();
CREATE TRIGGER catalog_field_changed AFTER UPDATE ON catalog_field
    REFERENCING OLD TABLE AS former NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalog_fields_changed();
