-- +goose Up
-- Why a reader in a plan need not be asked: who explained it, and how.
ALTER TABLE erasure_node
    ADD COLUMN dismissal_id uuid CONSTRAINT erasure_node_dismissal_known REFERENCES catalog_reader_dismissal (id),
    ADD CONSTRAINT erasure_node_dismissed_is_excluded CHECK (dismissal_id IS NULL OR kind = 'EXCLUDED');
