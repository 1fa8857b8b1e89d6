-- +goose Up
ALTER TABLE schemas_change VALIDATE CONSTRAINT schemas_change_kind_known;
