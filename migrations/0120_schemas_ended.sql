-- +goose Up

-- Ids whose content was deleted for good, and which content that was. Messages
-- written with such an id are still about, so an import may bring the id back
-- for the same content and for no other.
CREATE TABLE schemas_ended (
    context text  NOT NULL,
    id      int   NOT NULL,
    hash    bytea NOT NULL CONSTRAINT schemas_ended_hash_sha256 CHECK (octet_length(hash) = 32),
    CONSTRAINT schemas_ended_once PRIMARY KEY (context, id)
);
GRANT SELECT, INSERT ON schemas_ended TO lethe_app;
