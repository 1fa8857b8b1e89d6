-- +goose Up
-- Sign-in under way, one row a browser that went to the issuer. A row is
-- deleted by the answer it waits for, so state and nonce serve once.
CREATE TABLE server_login (
    id         bytea PRIMARY KEY,        -- SHA-256 of the browser's cookie
    state      bytea NOT NULL,           -- SHA-256 of the state sent to the issuer
    nonce      text NOT NULL,
    verifier   text NOT NULL,            -- PKCE, RFC 7636
    return_to  text NOT NULL,            -- a path of ours
    expires_at timestamptz NOT NULL DEFAULT now() + interval '10 minutes',
    CONSTRAINT server_login_id_is_hash CHECK (octet_length(id) = 32),
    CONSTRAINT server_login_state_is_hash CHECK (octet_length(state) = 32),
    CONSTRAINT server_login_return_is_path CHECK (return_to ~ '^/($|[^/\\])')
);
CREATE INDEX server_login_expiry ON server_login (expires_at);

-- Browsers signed in. Only hashes of the cookies are kept, and no token of the
-- issuer. An id is replaced now and then: the new one waits in next_id until
-- the browser has shown that it arrived, and the old one then serves a moment
-- longer for requests already on their way.
CREATE TABLE server_session (
    id             bytea PRIMARY KEY,
    next_id        bytea,
    previous_id    bytea,
    previous_until timestamptz,
    principal_id   uuid NOT NULL REFERENCES audit_principal (id),
    name           text NOT NULL,
    roles          text[] NOT NULL,
    teams          text[] NOT NULL,
    signed_in_at   timestamptz NOT NULL DEFAULT now(),
    seen_at        timestamptz NOT NULL DEFAULT now(),
    rotated_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT server_session_id_is_hash CHECK (octet_length(id) = 32),
    CONSTRAINT server_session_previous_ends CHECK ((previous_id IS NULL) = (previous_until IS NULL))
);
CREATE UNIQUE INDEX server_session_next ON server_session (next_id) WHERE next_id IS NOT NULL;
CREATE INDEX server_session_previous ON server_session (previous_id) WHERE previous_id IS NOT NULL;
CREATE INDEX server_session_seen ON server_session (seen_at);
CREATE INDEX server_session_principal ON server_session (principal_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON server_login, server_session TO lethe_app;
