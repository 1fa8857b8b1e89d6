-- +goose Up

-- Keys by which a machine of a service signs in where its client knows nothing
-- but a user and a password. Only the hash of a key is kept: it is as random as
-- its hash, so no salt and no slow function would make it safer.
CREATE TABLE catalog_api_key (
    id           uuid PRIMARY KEY,
    service_id   uuid  NOT NULL CONSTRAINT catalog_api_key_service_known REFERENCES catalog_service (id),
    role         text  NOT NULL CONSTRAINT catalog_api_key_role_known CHECK (role IN ('ci', 'service')),
    label        text  NOT NULL CONSTRAINT catalog_api_key_label_length CHECK (length(label) BETWEEN 1 AND 100),
    hash         bytea NOT NULL CONSTRAINT catalog_api_key_hash_sha256 CHECK (octet_length(hash) = 32),
    principal_id uuid  NOT NULL,
    created_by   uuid  NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL CONSTRAINT catalog_api_key_lives CHECK (expires_at > created_at),
    revoked_at   timestamptz,
    revoked_by   uuid,
    CONSTRAINT catalog_api_key_hash_taken UNIQUE (hash),
    CONSTRAINT catalog_api_key_revoked_whole CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX catalog_api_key_by_service ON catalog_api_key (service_id, created_at);
GRANT SELECT, INSERT, UPDATE (revoked_at, revoked_by) ON catalog_api_key TO lethe_app;
