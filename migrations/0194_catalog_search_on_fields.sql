-- +goose Up
-- A field is found by its own row, and what its dataset is called is looked up with
-- that. A row in the search index for each field, with the name of the dataset in it,
-- was most of what the first version of a schema cost. A server from before finds no
-- fields from here on.
DROP TRIGGER catalog_field_entered ON catalog_field;
DROP TRIGGER catalog_field_changed ON catalog_field;
DROP TRIGGER catalog_dataset_fields_renamed ON catalog_dataset;
DROP FUNCTION catalog_fields_entered();
DROP FUNCTION catalog_fields_changed();
DROP FUNCTION catalog_fields_renamed();
DELETE FROM catalog_search_doc WHERE kind = 'FIELD';
