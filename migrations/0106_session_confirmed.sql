-- +goose Up
-- The roles of a session are the issuer's, which is asked again with the
-- refresh token it gave. The token is sealed under a key that only the browser
-- holds, in a cookie of its own: the database alone opens nothing.
ALTER TABLE server_session
    ADD COLUMN refresh      bytea,                              -- sealed; null where the issuer gave none
    ADD COLUMN confirmed_at timestamptz NOT NULL DEFAULT now(), -- when the issuer last said so
    ADD COLUMN asked_at     timestamptz,                        -- since when somebody asks it, or when it was asked in vain
    ADD COLUMN away         boolean NOT NULL DEFAULT false;     -- it did not answer the last time
