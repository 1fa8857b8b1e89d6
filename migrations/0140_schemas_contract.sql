-- +goose Up

-- The schemas that consumers read a subject's data with, as they declare them.
-- A service may have several programs that read; each has a name.
CREATE TABLE schemas_reader (
    id          uuid PRIMARY KEY,
    subject_id  uuid NOT NULL CONSTRAINT schemas_reader_subject_known REFERENCES schemas_subject (id),
    service_id  uuid NOT NULL CONSTRAINT schemas_reader_service_known REFERENCES catalog_service (id),
    name        text NOT NULL CONSTRAINT schemas_reader_name_length CHECK (length(name) <= 200),
    type        text NOT NULL CONSTRAINT schemas_reader_type_known CHECK (type IN ('AVRO', 'JSON', 'PROTOBUF')),
    text        text NOT NULL,
    refs        jsonb NOT NULL DEFAULT '[]' CONSTRAINT schemas_reader_refs_list CHECK (jsonb_typeof(refs) = 'array'),
    version     int, -- of the subject, where the schema was named by it
    declared_by uuid NOT NULL,
    declared_at timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz CONSTRAINT schemas_reader_validity CHECK (ended_at >= declared_at)
);
CREATE UNIQUE INDEX schemas_reader_once ON schemas_reader (subject_id, service_id, name) WHERE ended_at IS NULL;

-- That the owner of a consumer agrees to a change that breaks it. The
-- fingerprint is of the content, of what it follows and of whom it breaks: with
-- any of them changed the approval covers nothing.
CREATE TABLE schemas_approval (
    id          uuid PRIMARY KEY,
    subject_id  uuid NOT NULL CONSTRAINT schemas_approval_subject_known REFERENCES schemas_subject (id),
    fingerprint bytea NOT NULL CONSTRAINT schemas_approval_fingerprint_sha256 CHECK (octet_length(fingerprint) = 32),
    service_id  uuid CONSTRAINT schemas_approval_service_known REFERENCES catalog_service (id), -- null: the subject belongs to nobody
    reason      text NOT NULL CONSTRAINT schemas_approval_reason_length CHECK (length(reason) BETWEEN 1 AND 1000),
    approved_by uuid NOT NULL,
    approved_at timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL CONSTRAINT schemas_approval_lives CHECK (expires_at > approved_at)
);
CREATE INDEX schemas_approval_of ON schemas_approval (subject_id, fingerprint);

GRANT SELECT, INSERT, UPDATE (ended_at) ON schemas_reader TO lethe_app;
GRANT SELECT, INSERT ON schemas_approval TO lethe_app;
