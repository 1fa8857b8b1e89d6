-- +goose Up
-- The key store is a database of its own, so that a dump or a backup of the
-- main database decrypts nothing once a request's key has been destroyed.
GRANT USAGE ON SCHEMA public TO lethe_app;
GRANT SELECT ON goose_db_version TO lethe_app;

CREATE TABLE vault_key (
    request_id   uuid PRIMARY KEY,
    kek_id       text NOT NULL,          -- which key-encryption key wraps it
    wrapped      bytea,                  -- null once destroyed
    created_at   timestamptz NOT NULL DEFAULT now(),
    destroyed_at timestamptz,
    CONSTRAINT vault_key_destroyed_has_no_key CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
);

-- Keys of the blind index, one an epoch; the newest marks, all are searched.
CREATE TABLE vault_pepper (
    epoch      int PRIMARY KEY,
    kek_id     text NOT NULL,
    wrapped    bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT, UPDATE ON vault_key TO lethe_app;
GRANT SELECT, INSERT, UPDATE ON vault_pepper TO lethe_app;
