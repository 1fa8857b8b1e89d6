-- +goose Up

-- The counter of a context's schema ids. Taking the next id locks the row
-- until the unit of work ends, so ids rise in the order of commits, and an id
-- is never given twice: it stands in every message written with its schema.
CREATE TABLE schemas_context (
    name    text PRIMARY KEY CONSTRAINT schemas_context_name_present CHECK (name <> ''),
    next_id int  NOT NULL CONSTRAINT schemas_ids_used_up CHECK (next_id > 0)
);

-- A subject is a line of versions. Its row is the lock of everything that
-- changes it; head is the last change made to it. service_id is the service
-- whose pipeline registered first; where the catalog knows the topic, the
-- owner of the topic counts instead.
CREATE TABLE schemas_subject (
    id         uuid PRIMARY KEY,
    context    text NOT NULL DEFAULT '.',
    name       text NOT NULL CONSTRAINT schemas_subject_name_sound CHECK (name <> '' AND length(name) <= 1000),
    service_id uuid CONSTRAINT schemas_subject_service_known REFERENCES catalog_service (id),
    head       bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    CONSTRAINT schemas_subject_name_taken UNIQUE (context, name)
);

-- The content behind an id, written once. hash is taken over the type, the
-- canonical text, the references, the metadata and the rule set.
CREATE TABLE schemas_schema (
    context    text NOT NULL,
    id         int  NOT NULL CONSTRAINT schemas_schema_id_positive CHECK (id > 0),
    type       text NOT NULL CONSTRAINT schemas_schema_type_known CHECK (type IN ('AVRO', 'JSON', 'PROTOBUF')),
    text       text NOT NULL,
    hash       bytea NOT NULL CONSTRAINT schemas_schema_hash_sha256 CHECK (octet_length(hash) = 32),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (context, id),
    CONSTRAINT schemas_content_has_one_id UNIQUE (context, hash)
);

-- A version ties a subject to a content. A version deleted softly keeps its
-- row and its number, and may be read by whoever asks for deleted ones.
CREATE TABLE schemas_version (
    subject_id    uuid NOT NULL CONSTRAINT schemas_version_subject_known REFERENCES schemas_subject (id),
    version       int  NOT NULL CONSTRAINT schemas_version_positive CHECK (version > 0),
    context       text NOT NULL,
    schema_id     int  NOT NULL,
    registered_by uuid NOT NULL,
    registered_at timestamptz NOT NULL,
    deleted_at    timestamptz,
    PRIMARY KEY (subject_id, version),
    CONSTRAINT schemas_version_schema_known FOREIGN KEY (context, schema_id) REFERENCES schemas_schema (context, id)
);
CREATE UNIQUE INDEX schemas_version_content_once ON schemas_version (subject_id, schema_id) WHERE deleted_at IS NULL;
CREATE INDEX schemas_version_by_schema ON schemas_version (context, schema_id);

-- What a schema takes from other subjects' versions, by the name it uses for
-- it. The target is a stored number, never "latest", and cannot go while
-- something refers to it.
CREATE TABLE schemas_reference (
    context           text NOT NULL,
    schema_id         int  NOT NULL,
    name              text NOT NULL CONSTRAINT schemas_reference_name_present CHECK (name <> ''),
    position          int  NOT NULL,
    target_subject_id uuid NOT NULL,
    target_version    int  NOT NULL,
    PRIMARY KEY (context, schema_id, name),
    CONSTRAINT schemas_reference_schema_known FOREIGN KEY (context, schema_id) REFERENCES schemas_schema (context, id),
    CONSTRAINT schemas_reference_target_known FOREIGN KEY (target_subject_id, target_version) REFERENCES schemas_version (subject_id, version)
);
CREATE INDEX schemas_reference_back ON schemas_reference (target_subject_id, target_version);

-- The configuration of one level: a subject's, or a context's where subject_id
-- is null. A level without a row inherits from the one above.
CREATE TABLE schemas_config (
    context       text NOT NULL,
    subject_id    uuid CONSTRAINT schemas_config_subject_known REFERENCES schemas_subject (id),
    compatibility text CONSTRAINT schemas_config_level_known CHECK (compatibility IN
                  ('NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE', 'FORWARD', 'FORWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE')),
    rev           int NOT NULL DEFAULT 1,
    changed_by    uuid NOT NULL,
    changed_at    timestamptz NOT NULL,
    CONSTRAINT schemas_config_one_a_level UNIQUE NULLS NOT DISTINCT (context, subject_id)
);

-- What replicas follow to keep their snapshots exact. Numbers are handed out
-- before the commit, so a reader takes only rows whose xid is older than every
-- transaction still open: no late row is skipped.
CREATE TABLE schemas_change (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    kind       text NOT NULL CONSTRAINT schemas_change_kind_known CHECK (kind IN ('REGISTERED', 'DELETED', 'CONFIGURED')),
    context    text NOT NULL,
    subject_id uuid,
    version    int,
    at         timestamptz NOT NULL
);

GRANT SELECT, INSERT, UPDATE ON schemas_context, schemas_subject TO lethe_app;
GRANT SELECT, INSERT ON schemas_schema, schemas_reference, schemas_change TO lethe_app;
GRANT SELECT, INSERT, UPDATE (deleted_at) ON schemas_version TO lethe_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON schemas_config TO lethe_app;
