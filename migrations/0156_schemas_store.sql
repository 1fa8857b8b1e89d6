-- +goose Up
-- What pipelines say of the tables of a store: how strict its gate is, and each
-- state of its tables that was pushed. A state is what package tables writes.
CREATE TABLE schemas_store (
    store_id  uuid PRIMARY KEY CONSTRAINT schemas_store_known REFERENCES catalog_store (id),
    namespace text CONSTRAINT schemas_store_namespace_length CHECK (length(namespace) BETWEEN 1 AND 512),
    policy    text NOT NULL DEFAULT 'WARN' CONSTRAINT schemas_store_policy_known CHECK (policy IN ('ENFORCE', 'WARN', 'OFF'))
);

CREATE TABLE schemas_store_version (
    store_id  uuid NOT NULL CONSTRAINT schemas_store_version_of REFERENCES schemas_store (store_id),
    version   int NOT NULL CONSTRAINT schemas_store_version_positive CHECK (version > 0),
    hash      bytea NOT NULL CONSTRAINT schemas_store_version_hash_sha256 CHECK (octet_length(hash) = 32),
    tables    jsonb NOT NULL CONSTRAINT schemas_store_version_tables_list CHECK (jsonb_typeof(tables) = 'array'),
    pushed_at timestamptz NOT NULL DEFAULT now(),
    pushed_by uuid NOT NULL,
    CONSTRAINT schemas_store_version_once PRIMARY KEY (store_id, version)
);

GRANT SELECT, INSERT, UPDATE ON schemas_store TO lethe_app;
GRANT SELECT, INSERT ON schemas_store_version TO lethe_app;
