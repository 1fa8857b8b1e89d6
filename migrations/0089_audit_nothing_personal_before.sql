-- +goose Up
ALTER TABLE audit_leaf VALIDATE CONSTRAINT audit_leaf_hash_is_text;
ALTER TABLE audit_node VALIDATE CONSTRAINT audit_node_hash_is_text;
ALTER TABLE audit_checkpoint VALIDATE CONSTRAINT audit_checkpoint_note_malformed;
