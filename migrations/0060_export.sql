-- +goose Up
-- Copies of personal data on their way to the data subject. The bytes lie in
-- storage, under keys of the key store; here is only what describes them.

-- A part is what one service hands over about one dataset, or a piece of it.
-- received is how much of it is safe; progress is the state of its digest and
-- its count there, sealed under the part's own key.
CREATE TABLE erasure_part (
    id          uuid PRIMARY KEY,
    task_id     bigint NOT NULL CONSTRAINT erasure_part_task_known REFERENCES erasure_task (id),
    request_id  uuid NOT NULL CONSTRAINT erasure_part_request_known REFERENCES erasure_request (id),
    dataset_id  uuid NOT NULL CONSTRAINT erasure_part_dataset_known REFERENCES catalog_dataset (id),
    n           int NOT NULL CONSTRAINT erasure_part_n_range CHECK (n BETWEEN 1 AND 100000),
    state       text NOT NULL DEFAULT 'REQUESTED' CONSTRAINT erasure_part_state_known
                CHECK (state IN ('REQUESTED', 'UPLOADING', 'UPLOADED', 'ACCEPTED', 'QUARANTINED')),
    bytes       bigint NOT NULL CONSTRAINT erasure_part_bytes_range CHECK (bytes >= 0),
    sha256      bytea NOT NULL CONSTRAINT erasure_part_sha256_length CHECK (octet_length(sha256) = 32),
    received    bigint NOT NULL DEFAULT 0 CONSTRAINT erasure_part_received_range CHECK (received BETWEEN 0 AND bytes),
    progress    bytea,
    shape       text CONSTRAINT erasure_part_shape_known CHECK (shape IN ('EMPTY', 'OBJECTS', 'ARRAY', 'LINES')),
    records     bigint CONSTRAINT erasure_part_records_range CHECK (records >= -1),
    longest     bigint,
    format      text CONSTRAINT erasure_part_format_known CHECK (format IN ('ndjson', 'json', 'csv', 'binary')),
    code        text CONSTRAINT erasure_part_code_form CHECK (code ~ '^[A-Z][A-Z0-9_]{0,63}$'),
    holder      uuid,
    lease_until timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    uploaded_at timestamptz,
    accepted_at timestamptz,
    removed_at  timestamptz,
    CONSTRAINT erasure_part_taken UNIQUE (task_id, dataset_id, n),
    CONSTRAINT erasure_part_complete CHECK (
        state IN ('REQUESTED', 'UPLOADING') OR (received = bytes AND uploaded_at IS NOT NULL AND shape IS NOT NULL AND holder IS NULL)),
    CONSTRAINT erasure_part_accepted CHECK (state <> 'ACCEPTED' OR (accepted_at IS NOT NULL AND format IS NOT NULL)),
    CONSTRAINT erasure_part_quarantined CHECK ((state = 'QUARANTINED') = (code IS NOT NULL))
);
CREATE INDEX erasure_part_by_request ON erasure_part (request_id, dataset_id, n);
CREATE INDEX erasure_part_stored ON erasure_part (request_id) WHERE removed_at IS NULL;

-- A package is everything that was handed over for a request, in one encrypted
-- file. A later package holds everything again, and names what was late.
CREATE TABLE erasure_package (
    id           uuid PRIMARY KEY,
    request_id   uuid NOT NULL CONSTRAINT erasure_package_request_known REFERENCES erasure_request (id),
    no           int NOT NULL CONSTRAINT erasure_package_no_positive CHECK (no > 0),
    state        text NOT NULL DEFAULT 'ASSEMBLING' CONSTRAINT erasure_package_state_known
                 CHECK (state IN ('ASSEMBLING', 'SEALED', 'DELIVERED', 'EXPIRED')),
    fence        int NOT NULL DEFAULT 1,
    content      bytea CONSTRAINT erasure_package_content_length CHECK (octet_length(content) = 32),
    bytes        bigint CONSTRAINT erasure_package_bytes_range CHECK (bytes > 0),
    sha256       bytea CONSTRAINT erasure_package_sha256_length CHECK (octet_length(sha256) = 32),
    complete     boolean,
    late_parts   int NOT NULL DEFAULT 0,
    missing      uuid[] NOT NULL DEFAULT '{}', -- services of which something was missing when it was built
    lock         text CONSTRAINT erasure_package_lock_known CHECK (lock IN ('RECIPIENT', 'CHOSEN', 'GENERATED')),
    passphrase   bytea,                        -- sealed in the vault; only one that Lethe made
    started_at   timestamptz NOT NULL DEFAULT now(),
    sealed_at    timestamptz,
    delivered_at timestamptz,
    expires_at   timestamptz,
    CONSTRAINT erasure_package_no_taken UNIQUE (request_id, no),
    CONSTRAINT erasure_package_sealed CHECK (
        state = 'ASSEMBLING' OR num_nulls(content, bytes, sha256, complete, lock, sealed_at, expires_at) = 0),
    CONSTRAINT erasure_package_locked CHECK (state IN ('ASSEMBLING', 'EXPIRED') OR (lock = 'GENERATED') = (passphrase IS NOT NULL)),
    CONSTRAINT erasure_package_delivered CHECK (state <> 'DELIVERED' OR delivered_at IS NOT NULL)
);
CREATE UNIQUE INDEX erasure_package_assembling ON erasure_package (request_id) WHERE state = 'ASSEMBLING';
CREATE INDEX erasure_package_expiring ON erasure_package (expires_at) WHERE state IN ('SEALED', 'DELIVERED');

-- For whom a request's packages are encrypted, where somebody said so; without
-- a row a passphrase is made for each package. A chosen passphrase stays, sealed
-- in the vault, until the package is built, and then goes.
CREATE TABLE erasure_handover (
    request_id uuid PRIMARY KEY CONSTRAINT erasure_handover_request_known REFERENCES erasure_request (id),
    id         uuid NOT NULL,
    recipient  text CONSTRAINT erasure_handover_recipient_form CHECK (recipient ~ '^age1[a-z0-9]{50,}$'),
    passphrase bytea,
    set_by     uuid NOT NULL,
    set_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT erasure_handover_one CHECK (num_nonnulls(recipient, passphrase) <= 1)
);

-- Which parts a package holds; late ones were not in the package before it,
-- although it was sealed.
CREATE TABLE erasure_package_part (
    package_id uuid NOT NULL CONSTRAINT erasure_package_part_package_known REFERENCES erasure_package (id),
    part_id    uuid NOT NULL CONSTRAINT erasure_package_part_part_known REFERENCES erasure_part (id),
    late       boolean NOT NULL,
    PRIMARY KEY (package_id, part_id)
);

-- Links to one package. The token is nowhere but in the link.
CREATE TABLE erasure_package_link (
    token_sha256 bytea PRIMARY KEY CONSTRAINT erasure_package_link_token_length CHECK (octet_length(token_sha256) = 32),
    package_id   uuid NOT NULL CONSTRAINT erasure_package_link_package_known REFERENCES erasure_package (id),
    made_by      uuid NOT NULL,
    made_at      timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL
);
CREATE INDEX erasure_package_link_by_package ON erasure_package_link (package_id);

-- The steps that parts and packages may take. Any other is refused, whoever
-- tries.
INSERT INTO erasure_transition (machine, step_from, step_to, why) VALUES
    ('part', 'REQUESTED', 'UPLOADING', 'some of it has arrived'),
    ('part', 'REQUESTED', 'UPLOADED', 'it has arrived at once, and its digest is right'),
    ('part', 'UPLOADING', 'UPLOADED', 'it is whole, and its digest is right'),
    ('part', 'UPLOADING', 'REQUESTED', 'its digest was wrong, or it is announced anew: discarded'),
    ('part', 'UPLOADED', 'REQUESTED', 'it is announced anew before it was declared'),
    ('part', 'UPLOADED', 'ACCEPTED', 'the signed result declares the same'),
    ('part', 'UPLOADED', 'QUARANTINED', 'it cannot be read'),
    ('part', 'ACCEPTED', 'QUARANTINED', 'it cannot be read'),
    ('part', 'QUARANTINED', 'REQUESTED', 'it is announced anew'),
    ('package', 'ASSEMBLING', 'SEALED', 'it is built and encrypted'),
    ('package', 'SEALED', 'DELIVERED', 'it was fetched whole'),
    ('package', 'SEALED', 'EXPIRED', 'its time is over, or a later one replaces it'),
    ('package', 'DELIVERED', 'EXPIRED', 'its time is over, or a later one replaces it');

-- +goose StatementBegin
CREATE FUNCTION erasure_export_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> NEW.state AND NOT EXISTS (
       SELECT FROM erasure_transition WHERE machine = TG_ARGV[0] AND step_from = OLD.state AND step_to = NEW.state) THEN
        RAISE EXCEPTION 'a % cannot go from % to %', TG_ARGV[0], OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_step_known', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER erasure_part_step BEFORE UPDATE OF state ON erasure_part
    FOR EACH ROW EXECUTE FUNCTION erasure_export_step('part');
CREATE TRIGGER erasure_package_step BEFORE UPDATE OF state ON erasure_package
    FOR EACH ROW EXECUTE FUNCTION erasure_export_step('package');

GRANT SELECT, INSERT, UPDATE, DELETE ON erasure_part, erasure_handover, erasure_package_link TO lethe_app;
GRANT SELECT, INSERT, UPDATE ON erasure_package TO lethe_app;
GRANT SELECT, INSERT, DELETE ON erasure_package_part TO lethe_app;
