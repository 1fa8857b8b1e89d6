-- +goose Up
-- What a stream remembers a session by while its id moves on. Nobody outside
-- sees it. The table holds the browsers that are signed in now, so that
-- writing it anew takes no time.
ALTER TABLE server_session ADD COLUMN handle uuid NOT NULL DEFAULT gen_random_uuid();
CREATE UNIQUE INDEX server_session_handle ON server_session (handle);
