-- +goose Up
-- What a field says, for the search: the words of its path and of its description.
-- Whoever enters a field writes them (catalog/field.go). Of a field without any they
-- are written when it is entered again.
ALTER TABLE catalog_field ADD COLUMN words tsvector NOT NULL DEFAULT '';
