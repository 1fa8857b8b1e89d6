-- +goose Up
-- The dataset that a service spoke of and the plan did not ask it about; null
-- if the catalog has none of that id.
ALTER TABLE erasure_alert ADD COLUMN dataset_id uuid REFERENCES catalog_dataset (id);
