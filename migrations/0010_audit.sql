-- +goose Up

-- Whoever acts: a person, a service, Lethe itself. The audit log keeps only
-- the id, so a principal can be erased: the row stays, the names go.
CREATE TABLE audit_principal (
    id         uuid PRIMARY KEY,
    issuer     text,
    subject    text,
    name       text,
    created_at timestamptz NOT NULL DEFAULT now(),
    erased_at  timestamptz,
    CONSTRAINT audit_principal_known_or_erased CHECK (
        num_nulls(issuer, subject, name) = CASE WHEN erased_at IS NULL THEN 0 ELSE 3 END),
    CONSTRAINT audit_principal_taken UNIQUE (issuer, subject)
);

-- Lethe acting on its own account: access.System.
INSERT INTO audit_principal (id, issuer, subject, name)
VALUES ('00000000-0000-7000-8000-000000000001', 'lethe', 'system', 'lethe');

-- Amounts are an object of whole numbers under short plain names. Nothing else
-- fits in, so no text about a person does.
-- +goose StatementBegin
-- In plpgsql, whose plans are kept: one in sql would be planned anew for each
-- statement, at ten times the cost of everything else an entry does.
CREATE FUNCTION audit_amounts_are_numbers(amounts jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN CASE WHEN jsonb_typeof(amounts) <> 'object' THEN false ELSE
        NOT EXISTS (
            SELECT FROM jsonb_each(amounts) AS a
             WHERE a.key !~ '^[a-z_]{1,40}$'
                OR CASE WHEN jsonb_typeof(a.value) <> 'number' THEN true
                        ELSE scale(a.value::numeric) > 0
                          OR a.value::numeric NOT BETWEEN -9223372036854775808 AND 9223372036854775807 END)
        AND (SELECT count(*) FROM jsonb_object_keys(amounts)) <= 32 END;
END $$;
-- +goose StatementEnd

-- One act: who did what to which thing, when, with what outcome. There is no
-- column for prose. The time is the database's own: the server's role may not
-- write it.
CREATE TABLE audit_entry (
    id         uuid PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor_id   uuid NOT NULL,
    act        text NOT NULL,
    entity_id  uuid,
    request_id uuid,
    code       text NOT NULL DEFAULT '',
    digest     bytea,
    day        date,
    amounts    jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT audit_act_malformed CHECK (act ~ '^[a-z]+(\.[a-z_]+)+$' AND length(act) <= 64),
    CONSTRAINT audit_code_malformed CHECK (code ~ '^([A-Z][A-Z0-9_]{0,63})?$'),
    CONSTRAINT audit_digest_not_sha256 CHECK (octet_length(digest) = 32),
    -- Thirty-two printable characters are a text in disguise: SHA-256 yields
    -- one such digest in 10^13.
    CONSTRAINT audit_digest_is_text CHECK (encode(digest, 'escape') !~ '^[ -~]{32}$'),
    CONSTRAINT audit_amounts_not_numbers CHECK (audit_amounts_are_numbers(amounts))
);
CREATE INDEX audit_entry_by_actor ON audit_entry (actor_id, id);
CREATE INDEX audit_entry_by_act ON audit_entry (act, id);
CREATE INDEX audit_entry_by_entity ON audit_entry (entity_id, id) WHERE entity_id IS NOT NULL;
CREATE INDEX audit_entry_by_request ON audit_entry (request_id, id) WHERE request_id IS NOT NULL;

-- Entries that wait for the sealer. A row stands here from the entry's own
-- transaction until the sealing one, so an entry that commits late is not
-- passed over, as it would be by any watermark on ids.
CREATE TABLE audit_unsealed (
    entry_id uuid PRIMARY KEY
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- The leaves of the Merkle tree (RFC 6962), in the order of sealing.
CREATE TABLE audit_leaf (
    index    bigint PRIMARY KEY CONSTRAINT audit_leaf_index_negative CHECK (index >= 0),
    entry_id uuid NOT NULL CONSTRAINT audit_entry_sealed_twice UNIQUE,
    hash     bytea NOT NULL CONSTRAINT audit_leaf_hash_not_sha256 CHECK (octet_length(hash) = 32)
);

-- The inner nodes of the tree: the n-th complete subtree of 2^level leaves.
CREATE TABLE audit_node (
    level smallint NOT NULL CONSTRAINT audit_node_level_out_of_range CHECK (level BETWEEN 1 AND 62),
    n     bigint NOT NULL CONSTRAINT audit_node_n_negative CHECK (n >= 0),
    hash  bytea NOT NULL CONSTRAINT audit_node_hash_not_sha256 CHECK (octet_length(hash) = 32),
    PRIMARY KEY (level, n)
);

-- What was signed: a C2SP tlog-checkpoint as a signed note, one a sealing.
CREATE TABLE audit_checkpoint (
    size      bigint PRIMARY KEY CONSTRAINT audit_checkpoint_size_not_positive CHECK (size > 0),
    note      text NOT NULL,
    sealed_at timestamptz NOT NULL
);

-- An entry queues itself for sealing, and is refused when nobody is known by
-- its actor. This is no foreign key because every act of Lethe itself would
-- lock the one row of its principal; principals are never deleted.
-- +goose StatementBegin
CREATE FUNCTION audit_entries_arrive() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM fresh f
                WHERE NOT EXISTS (SELECT FROM audit_principal p WHERE p.id = f.actor_id)) THEN
        RAISE EXCEPTION 'an audit entry names an actor that nobody is known by'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'audit_actor_unknown', TABLE = 'audit_entry';
    END IF;
    INSERT INTO audit_unsealed (entry_id) SELECT id FROM fresh;
    RETURN NULL;
END $$;

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append only'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'audit_append_only', TABLE = TG_TABLE_NAME;
END $$;
-- +goose StatementEnd

CREATE TRIGGER audit_entries_arrive AFTER INSERT ON audit_entry
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_arrive();

CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_leaf
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_node
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

GRANT SELECT, INSERT, UPDATE (issuer, subject, name, erased_at) ON audit_principal TO lethe_app;
GRANT SELECT, INSERT (id, actor_id, act, entity_id, request_id, code, digest, day, amounts) ON audit_entry TO lethe_app;
GRANT SELECT, INSERT, DELETE ON audit_unsealed TO lethe_app;
GRANT SELECT, INSERT ON audit_leaf, audit_node, audit_checkpoint TO lethe_app;
