-- +goose Up
-- Each version of a schema notes on every field that it has it. With room on the
-- page no index has to be told.
ALTER TABLE catalog_field SET (fillfactor = 70);
