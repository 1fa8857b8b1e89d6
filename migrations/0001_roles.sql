-- +goose Up
-- The server's role is made by whoever makes the database; it owns nothing.
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'lethe_app') THEN
        RAISE EXCEPTION 'role lethe_app is missing'
            USING HINT = 'as a superuser: CREATE ROLE lethe_app LOGIN PASSWORD ''…'' NOSUPERUSER NOCREATEDB NOCREATEROLE';
    END IF;
END $$;
-- +goose StatementEnd
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO lethe_app;
GRANT SELECT ON goose_db_version TO lethe_app;
