-- +goose Up
-- What a field says, for the search: the words of its path and of its description.
-- Whoever enters a field writes them (catalog/field.go). Of a field without any they
-- are written when it is entered again.
-- A version notes on all fields that it has them, each time in room on the page.
ALTER TABLE catalog_field SET (fillfactor = 50);
ALTER TABLE catalog_field ADD COLUMN words tsvector NOT NULL DEFAULT '';
