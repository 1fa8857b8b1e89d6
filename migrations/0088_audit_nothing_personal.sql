-- +goose Up
-- The rest of the log takes no text either: thirty-two printable characters are
-- no digest (see 0010), and a note is a checkpoint, signed under the log's own
-- name, and nothing besides. Rows that are there already are looked at by the
-- next step, which holds nobody up.
ALTER TABLE audit_leaf ADD CONSTRAINT audit_leaf_hash_is_text
    CHECK (encode(hash, 'escape') !~ '^[ -~]{32}$') NOT VALID;
ALTER TABLE audit_node ADD CONSTRAINT audit_node_hash_is_text
    CHECK (encode(hash, 'escape') !~ '^[ -~]{32}$') NOT VALID;
ALTER TABLE audit_checkpoint ADD CONSTRAINT audit_checkpoint_note_malformed
    CHECK (note ~ '^([A-Za-z0-9._/:-]{1,100})\n[1-9][0-9]{0,18}\n[A-Za-z0-9+/]{43}=\n(sealed [0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\n)?\n(— \1 [A-Za-z0-9+/]{91}=\n){1,4}$') NOT VALID;
