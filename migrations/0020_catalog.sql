-- +goose Up
-- What the organisation holds, who owns it, and what it may be used for.
-- Closed lists are CHECKs, open vocabularies are rows of catalog_term. Mutable
-- rows carry rev; assertions carry half-open validity [valid_from, valid_to).
-- Validity and keys are read against the database's clock.

-- One row: counts the changes that can change a plan.
CREATE TABLE catalog_generation (
    one        boolean PRIMARY KEY DEFAULT true CONSTRAINT catalog_generation_one_row CHECK (one),
    generation bigint NOT NULL
);

CREATE TABLE catalog_controller (
    id            uuid PRIMARY KEY,
    ref           text NOT NULL CONSTRAINT catalog_controller_ref_form CHECK (ref ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
    name          text NOT NULL CONSTRAINT catalog_controller_name_present CHECK (name <> ''),
    country       text NOT NULL CONSTRAINT catalog_controller_country_form CHECK (country ~ '^[A-Z]{2}$'),
    region        text,
    time_zone     text NOT NULL,
    daily_ceiling int NOT NULL DEFAULT 200 CONSTRAINT catalog_controller_ceiling_positive CHECK (daily_ceiling > 0),
    rev           int NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT catalog_controller_ref_taken UNIQUE (ref)
);

CREATE TABLE catalog_owner (
    id         uuid PRIMARY KEY,
    kind       text NOT NULL CONSTRAINT catalog_owner_kind_known CHECK (kind IN ('TEAM', 'PERSON')),
    ref        text NOT NULL CONSTRAINT catalog_owner_ref_form CHECK (ref ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
    name       text NOT NULL CONSTRAINT catalog_owner_name_present CHECK (name <> ''),
    active     boolean NOT NULL DEFAULT true,
    rev        int NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT catalog_owner_ref_taken UNIQUE (ref)
);

CREATE TABLE catalog_service (
    id               uuid PRIMARY KEY,
    ref              text NOT NULL CONSTRAINT catalog_service_ref_form CHECK (ref ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
    name             text NOT NULL CONSTRAINT catalog_service_name_present CHECK (name <> ''),
    doc              text NOT NULL DEFAULT '',
    owner_id         uuid CONSTRAINT catalog_service_owner_known REFERENCES catalog_owner (id),
    controller_id    uuid NOT NULL CONSTRAINT catalog_service_controller_known REFERENCES catalog_controller (id),
    party_role       text NOT NULL DEFAULT 'CONTROLLER' CONSTRAINT catalog_service_party_role_known
                     CHECK (party_role IN ('CONTROLLER', 'PROCESSOR', 'JOINT_CONTROLLER', 'RECIPIENT')),
    endpoint         text,
    identifier_types text[] NOT NULL DEFAULT '{}',
    resolves         text[] NOT NULL DEFAULT '{}',
    allowed_networks cidr[] NOT NULL DEFAULT '{}',
    state            text NOT NULL DEFAULT 'DECLARED' CONSTRAINT catalog_service_state_known
                     CHECK (state IN ('DECLARED', 'ACTIVE', 'DISABLED')),
    rate_per_second  double precision NOT NULL DEFAULT 20 CONSTRAINT catalog_service_rate_range CHECK (rate_per_second > 0 AND rate_per_second <= 10000),
    max_in_flight    int NOT NULL DEFAULT 100 CONSTRAINT catalog_service_in_flight_range CHECK (max_in_flight BETWEEN 1 AND 100000),
    recipient        text CONSTRAINT catalog_service_recipient_form CHECK (recipient ~ '^age1[a-z0-9]{50,}$'),
    rev              int NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT catalog_service_ref_taken UNIQUE (ref),
    CONSTRAINT catalog_service_active_has_endpoint CHECK (state <> 'ACTIVE' OR endpoint IS NOT NULL)
);
CREATE INDEX catalog_service_by_controller ON catalog_service (controller_id, id);
CREATE INDEX catalog_service_by_owner ON catalog_service (owner_id, id);

-- The keys a service signs with. Two may be valid at a time, so that a service
-- changes keys without a gap. One key never speaks for two services.
CREATE TABLE catalog_service_key (
    service_id uuid NOT NULL CONSTRAINT catalog_service_key_service_known REFERENCES catalog_service (id),
    id         text NOT NULL CONSTRAINT catalog_service_key_id_form CHECK (id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
    public_key bytea NOT NULL CONSTRAINT catalog_service_key_length CHECK (octet_length(public_key) = 32),
    valid_from timestamptz NOT NULL DEFAULT now(),
    valid_to   timestamptz,
    revoked_at timestamptz,
    CONSTRAINT catalog_service_key_pk PRIMARY KEY (service_id, id),
    CONSTRAINT catalog_service_key_taken UNIQUE (public_key),
    CONSTRAINT catalog_service_key_validity CHECK (valid_to IS NULL OR valid_to >= valid_from)
);

-- The open question to a service: sign this nonce with the key you register.
CREATE TABLE catalog_service_challenge (
    service_id uuid PRIMARY KEY CONSTRAINT catalog_service_challenge_service_known REFERENCES catalog_service (id),
    nonce      text NOT NULL,
    endpoint   text NOT NULL,
    begun_by   uuid NOT NULL,
    begun_at   timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE TABLE catalog_store (
    id                  uuid PRIMARY KEY,
    ref                 text NOT NULL CONSTRAINT catalog_store_ref_form CHECK (ref ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
    name                text NOT NULL CONSTRAINT catalog_store_name_present CHECK (name <> ''),
    doc                 text NOT NULL DEFAULT '',
    service_id          uuid CONSTRAINT catalog_store_service_known REFERENCES catalog_service (id),
    technology          text NOT NULL CONSTRAINT catalog_store_technology_known
                        CHECK (technology IN ('POSTGRESQL', 'MONGODB', 'REDIS', 'ELASTICSEARCH', 'NEPTUNE', 'INFLUXDB', 'S3', 'SQS',
                                              'CLICKHOUSE', 'KAFKA', 'EXTERNAL', 'OTHER')),
    access_mode         text NOT NULL DEFAULT 'READ_WRITE' CONSTRAINT catalog_store_access_mode_known
                        CHECK (access_mode IN ('READ', 'WRITE', 'READ_WRITE', 'APPEND_ONLY')),
    residency           text,
    backup_horizon_days int CONSTRAINT catalog_store_horizon_range CHECK (backup_horizon_days BETWEEN 0 AND 36500),
    backup_evidence_on  date,
    rev                 int NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT catalog_store_ref_taken UNIQUE (ref),
    CONSTRAINT catalog_store_evidence_has_horizon CHECK (backup_evidence_on IS NULL OR backup_horizon_days IS NOT NULL)
);
CREATE INDEX catalog_store_by_service ON catalog_store (service_id, id);

-- A service that reads a store which is not its own.
CREATE TABLE catalog_store_reader (
    id         uuid PRIMARY KEY,
    store_id   uuid NOT NULL CONSTRAINT catalog_store_reader_store_known REFERENCES catalog_store (id),
    service_id uuid NOT NULL CONSTRAINT catalog_store_reader_service_known REFERENCES catalog_service (id),
    reason     text NOT NULL DEFAULT '',
    valid_from timestamptz NOT NULL DEFAULT now(),
    valid_to   timestamptz,
    CONSTRAINT catalog_store_reader_validity CHECK (valid_to IS NULL OR valid_to >= valid_from)
);
CREATE UNIQUE INDEX catalog_store_reader_once ON catalog_store_reader (store_id, service_id) WHERE valid_to IS NULL;
CREATE INDEX catalog_store_reader_by_service ON catalog_store_reader (service_id, id);

CREATE TABLE catalog_retention_policy (
    id              uuid PRIMARY KEY,
    ref             text NOT NULL CONSTRAINT catalog_retention_policy_ref_form CHECK (ref ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
    name            text NOT NULL CONSTRAINT catalog_retention_policy_name_present CHECK (name <> ''),
    duration        text NOT NULL CONSTRAINT catalog_retention_policy_duration_form
                    CHECK (duration ~ '^P(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?)$' AND duration ~ '\d'),
    days            int NOT NULL CONSTRAINT catalog_retention_policy_days_positive CHECK (days >= 0),
    trigger         text NOT NULL CONSTRAINT catalog_retention_policy_trigger_known
                    CHECK (trigger IN ('EVENT_TIME', 'CREATION', 'LAST_ACTIVITY', 'ACCOUNT_CLOSURE', 'CONTRACT_END', 'END_OF_FISCAL_YEAR')),
    action          text NOT NULL CONSTRAINT catalog_retention_policy_action_known CHECK (action IN ('DELETE', 'ANONYMISE', 'ARCHIVE')),
    ground          text CONSTRAINT catalog_retention_policy_ground_known
                    CHECK (ground IN ('17(3)(a)', '17(3)(b)', '17(3)(c)', '17(3)(d)', '17(3)(e)')),
    legal_reference text,
    rev             int NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT catalog_retention_policy_ref_taken UNIQUE (ref),
    CONSTRAINT catalog_retention_policy_ground_has_law CHECK (ground IS NULL OR legal_reference IS NOT NULL)
);

-- A dataset is identified by (environment, namespace, name); all names it ever
-- had are in catalog_dataset_alias, the present one too.
CREATE TABLE catalog_dataset (
    id                  uuid PRIMARY KEY,
    environment         text NOT NULL DEFAULT 'production' CONSTRAINT catalog_dataset_environment_form CHECK (environment ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
    namespace           text NOT NULL CONSTRAINT catalog_dataset_namespace_form CHECK (length(namespace) BETWEEN 1 AND 512 AND namespace !~ '[[:cntrl:][:space:]]'),
    name                text NOT NULL CONSTRAINT catalog_dataset_name_form CHECK (length(name) BETWEEN 1 AND 512 AND name !~ '[[:cntrl:][:space:]]'),
    kind                text NOT NULL CONSTRAINT catalog_dataset_kind_known
                        CHECK (kind IN ('TABLE', 'COLLECTION', 'CACHE', 'TOPIC', 'QUEUE', 'OBJECTS', 'INDEX', 'GRAPH', 'SERIES', 'EXTERNAL', 'OTHER')),
    doc                 text NOT NULL DEFAULT '',
    store_id            uuid CONSTRAINT catalog_dataset_store_known REFERENCES catalog_store (id),
    service_id          uuid CONSTRAINT catalog_dataset_service_known REFERENCES catalog_service (id),
    owner_id            uuid CONSTRAINT catalog_dataset_owner_known REFERENCES catalog_owner (id),
    derived             boolean NOT NULL DEFAULT false,
    lifecycle           text NOT NULL DEFAULT 'ACTIVE' CONSTRAINT catalog_dataset_lifecycle_known
                        CHECK (lifecycle IN ('DRAFT', 'ACTIVE', 'DEPRECATED', 'RETIRED')),
    erase_by            text NOT NULL DEFAULT 'DELETE' CONSTRAINT catalog_dataset_erase_by_known
                        CHECK (erase_by IN ('DELETE', 'ANONYMISE', 'EXPIRE', 'CRYPTO_SHRED')),
    usual_max           bigint CONSTRAINT catalog_dataset_usual_max_positive CHECK (usual_max > 0),
    retention_policy_id uuid CONSTRAINT catalog_dataset_retention_policy_known REFERENCES catalog_retention_policy (id),
    rev                 int NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT catalog_dataset_name_taken UNIQUE (environment, namespace, name)
);
CREATE INDEX catalog_dataset_by_service ON catalog_dataset (service_id, id);
CREATE INDEX catalog_dataset_by_store ON catalog_dataset (store_id, id);

CREATE TABLE catalog_dataset_alias (
    environment text NOT NULL,
    namespace   text NOT NULL,
    name        text NOT NULL,
    dataset_id  uuid NOT NULL CONSTRAINT catalog_dataset_alias_dataset_known REFERENCES catalog_dataset (id),
    since       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT catalog_dataset_alias_taken PRIMARY KEY (environment, namespace, name)
);
CREATE INDEX catalog_dataset_alias_by_dataset ON catalog_dataset_alias (dataset_id);

-- What a read model or a copy is made from, as declared.
CREATE TABLE catalog_dataset_source (
    dataset_id uuid NOT NULL CONSTRAINT catalog_dataset_source_dataset_known REFERENCES catalog_dataset (id),
    source_id  uuid NOT NULL CONSTRAINT catalog_dataset_source_known REFERENCES catalog_dataset (id) DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (dataset_id, source_id),
    CONSTRAINT catalog_dataset_source_other CHECK (dataset_id <> source_id)
);
CREATE INDEX catalog_dataset_source_back ON catalog_dataset_source (source_id, dataset_id);

-- What the cluster itself says about a topic; null until it was observed.
CREATE TABLE catalog_topic (
    dataset_id            uuid PRIMARY KEY CONSTRAINT catalog_topic_dataset_known REFERENCES catalog_dataset (id),
    cluster               text NOT NULL CONSTRAINT catalog_topic_cluster_form CHECK (cluster ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$'),
    topic                 text NOT NULL CONSTRAINT catalog_topic_name_form CHECK (topic ~ '^[A-Za-z0-9._-]{1,249}$'),
    partitions            int CONSTRAINT catalog_topic_partitions_positive CHECK (partitions > 0),
    cleanup_policy        text CONSTRAINT catalog_topic_cleanup_policy_known CHECK (cleanup_policy IN ('delete', 'compact', 'compact,delete')),
    retention_ms          bigint,
    retention_bytes       bigint,
    segment_ms            bigint,
    max_compaction_lag_ms bigint,
    delete_retention_ms   bigint,
    observed_at           timestamptz,
    CONSTRAINT catalog_topic_taken UNIQUE (cluster, topic)
);

CREATE TABLE catalog_field (
    id            uuid PRIMARY KEY,
    dataset_id    uuid NOT NULL CONSTRAINT catalog_field_dataset_known REFERENCES catalog_dataset (id),
    path          text NOT NULL CONSTRAINT catalog_field_path_length CHECK (length(path) BETWEEN 1 AND 1000),
    data_type     text NOT NULL DEFAULT '',
    nullable      boolean NOT NULL DEFAULT true,
    doc           text NOT NULL DEFAULT '',
    opaque        boolean NOT NULL DEFAULT false,
    source        text NOT NULL DEFAULT 'DECLARED' CONSTRAINT catalog_field_source_known CHECK (source IN ('DECLARED', 'SCHEMA')),
    first_version int,
    last_version  int,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT catalog_field_path_taken UNIQUE (dataset_id, path),
    CONSTRAINT catalog_field_of_dataset UNIQUE (id, dataset_id),
    CONSTRAINT catalog_field_versions_ordered CHECK (first_version IS NULL OR last_version >= first_version)
);

-- The vocabulary. Shipped terms come with the program (see catalog/taxonomy);
-- data categories and uses are facts of Fideslang by Ethyca, CC BY 4.0.
CREATE TABLE catalog_term (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL CONSTRAINT catalog_term_kind_known CHECK (kind IN ('CATEGORY', 'USE', 'SUBJECT', 'SENSITIVITY')),
    key         text NOT NULL CONSTRAINT catalog_term_key_form CHECK (key ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$'),
    name        text NOT NULL,
    doc         text NOT NULL DEFAULT '',
    special     text CONSTRAINT catalog_term_special_known CHECK (special IN ('ART9', 'ART10', 'CHILD')),
    sensitivity text,
    attribution text NOT NULL DEFAULT '',
    CONSTRAINT catalog_term_key_taken UNIQUE (kind, key)
);

CREATE TABLE catalog_tag_assertion (
    id         uuid PRIMARY KEY,
    dataset_id uuid NOT NULL CONSTRAINT catalog_tag_assertion_dataset_known REFERENCES catalog_dataset (id),
    field_id   uuid,
    term_id    uuid NOT NULL CONSTRAINT catalog_tag_assertion_term_known REFERENCES catalog_term (id),
    polarity   text NOT NULL DEFAULT '+' CONSTRAINT catalog_tag_assertion_polarity_known CHECK (polarity IN ('+', '-')),
    source     text NOT NULL CONSTRAINT catalog_tag_assertion_source_known CHECK (source IN ('MANUAL', 'SCHEMA', 'DETECTOR', 'IMPORT', 'RULE')),
    state      text NOT NULL CONSTRAINT catalog_tag_assertion_state_known CHECK (state IN ('SUGGESTED', 'CONFIRMED', 'REJECTED')),
    reason     text NOT NULL DEFAULT '' CONSTRAINT catalog_tag_assertion_reason_length CHECK (length(reason) <= 1000),
    valid_from timestamptz NOT NULL DEFAULT now(),
    valid_to   timestamptz,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT catalog_tag_assertion_field_known FOREIGN KEY (field_id, dataset_id) REFERENCES catalog_field (id, dataset_id),
    CONSTRAINT catalog_tag_assertion_validity CHECK (valid_to IS NULL OR valid_to >= valid_from),
    CONSTRAINT catalog_tag_assertion_no_has_reason CHECK (polarity = '+' OR reason <> '')
);
CREATE UNIQUE INDEX catalog_tag_assertion_once ON catalog_tag_assertion
    (dataset_id, coalesce(field_id, '00000000-0000-0000-0000-000000000000'), term_id, source) WHERE valid_to IS NULL;
CREATE INDEX catalog_tag_assertion_by_dataset ON catalog_tag_assertion (dataset_id, term_id);
CREATE INDEX catalog_tag_assertion_by_term ON catalog_tag_assertion (term_id, dataset_id);

-- What holds now: confirmed, valid, and not denied for the same target.
CREATE VIEW catalog_effective_tag AS
    SELECT DISTINCT a.dataset_id, a.field_id, a.term_id, t.kind, t.key
      FROM catalog_tag_assertion a
      JOIN catalog_term t ON t.id = a.term_id
     WHERE a.polarity = '+' AND a.state = 'CONFIRMED' AND a.valid_from <= now() AND (a.valid_to IS NULL OR a.valid_to > now())
       AND NOT EXISTS (
           SELECT FROM catalog_tag_assertion n
            WHERE n.dataset_id = a.dataset_id AND n.term_id = a.term_id AND n.field_id IS NOT DISTINCT FROM a.field_id
              AND n.polarity = '-' AND n.state = 'CONFIRMED' AND n.valid_from <= now() AND (n.valid_to IS NULL OR n.valid_to > now()));

-- The datasets that hold personal data, by those tags.
CREATE VIEW catalog_personal AS
    SELECT DISTINCT dataset_id, key
      FROM catalog_effective_tag
     WHERE kind = 'CATEGORY' AND (key = 'user' OR key LIKE 'user.%');

CREATE TABLE catalog_purpose (
    id          uuid PRIMARY KEY,
    ref         text NOT NULL CONSTRAINT catalog_purpose_ref_form CHECK (ref ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
    name        text NOT NULL CONSTRAINT catalog_purpose_name_present CHECK (name <> ''),
    doc         text NOT NULL DEFAULT '',
    use_id      uuid NOT NULL CONSTRAINT catalog_purpose_use_known REFERENCES catalog_term (id),
    legal_basis text NOT NULL CONSTRAINT catalog_purpose_legal_basis_known
                CHECK (legal_basis IN ('CONSENT', 'CONTRACT', 'LEGAL_OBLIGATION', 'VITAL_INTERESTS', 'PUBLIC_TASK', 'LEGITIMATE_INTERESTS')),
    rev         int NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT catalog_purpose_ref_taken UNIQUE (ref)
);

CREATE TABLE catalog_permitted_use (
    id         uuid PRIMARY KEY,
    dataset_id uuid NOT NULL CONSTRAINT catalog_permitted_use_dataset_known REFERENCES catalog_dataset (id),
    field_id   uuid,
    purpose_id uuid NOT NULL CONSTRAINT catalog_permitted_use_purpose_known REFERENCES catalog_purpose (id),
    valid_from timestamptz NOT NULL DEFAULT now(),
    valid_to   timestamptz,
    created_by uuid NOT NULL,
    CONSTRAINT catalog_permitted_use_field_known FOREIGN KEY (field_id, dataset_id) REFERENCES catalog_field (id, dataset_id),
    CONSTRAINT catalog_permitted_use_validity CHECK (valid_to IS NULL OR valid_to >= valid_from)
);
CREATE UNIQUE INDEX catalog_permitted_use_once ON catalog_permitted_use
    (dataset_id, coalesce(field_id, '00000000-0000-0000-0000-000000000000'), purpose_id) WHERE valid_to IS NULL;

-- Who says it reads a dataset, and what for. Fields null: not told; empty: none.
CREATE TABLE catalog_consumption (
    id         uuid PRIMARY KEY,
    service_id uuid NOT NULL CONSTRAINT catalog_consumption_service_known REFERENCES catalog_service (id),
    dataset_id uuid NOT NULL CONSTRAINT catalog_consumption_dataset_known REFERENCES catalog_dataset (id),
    fields     text[],
    valid_from timestamptz NOT NULL DEFAULT now(),
    valid_to   timestamptz,
    created_by uuid NOT NULL,
    CONSTRAINT catalog_consumption_validity CHECK (valid_to IS NULL OR valid_to >= valid_from)
);
CREATE UNIQUE INDEX catalog_consumption_once ON catalog_consumption (service_id, dataset_id) WHERE valid_to IS NULL;
CREATE INDEX catalog_consumption_by_dataset ON catalog_consumption (dataset_id, service_id);

CREATE TABLE catalog_consumption_purpose (
    consumption_id uuid NOT NULL CONSTRAINT catalog_consumption_purpose_consumption_known REFERENCES catalog_consumption (id),
    purpose_id     uuid NOT NULL CONSTRAINT catalog_consumption_purpose_known REFERENCES catalog_purpose (id),
    PRIMARY KEY (consumption_id, purpose_id)
);

-- Which service hides behind a name that a Kafka cluster knows.
CREATE TABLE catalog_actor_alias (
    id         uuid PRIMARY KEY,
    cluster    text NOT NULL,
    kind       text NOT NULL CONSTRAINT catalog_actor_alias_kind_known CHECK (kind IN ('GROUP', 'CLIENT_ID', 'PRINCIPAL')),
    name       text NOT NULL CONSTRAINT catalog_actor_alias_name_length CHECK (length(name) BETWEEN 1 AND 300),
    service_id uuid NOT NULL CONSTRAINT catalog_actor_alias_service_known REFERENCES catalog_service (id),
    rev        int NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT catalog_actor_alias_taken UNIQUE (cluster, kind, name)
);
CREATE INDEX catalog_actor_alias_by_service ON catalog_actor_alias (service_id, id);

-- Who was seen reading, by the clusters' own account. service_id is what the
-- observer knew; an alias declared later speaks louder (see ObservedReads).
CREATE TABLE catalog_observed_read (
    cluster        text NOT NULL,
    consumer_group text NOT NULL,
    dataset_id     uuid NOT NULL CONSTRAINT catalog_observed_read_dataset_known REFERENCES catalog_dataset (id),
    service_id     uuid CONSTRAINT catalog_observed_read_service_known REFERENCES catalog_service (id),
    first_seen     timestamptz NOT NULL,
    last_seen      timestamptz NOT NULL,
    PRIMARY KEY (cluster, consumer_group, dataset_id)
);
CREATE INDEX catalog_observed_read_by_dataset ON catalog_observed_read (dataset_id);

CREATE TABLE catalog_finding (
    id          uuid PRIMARY KEY,
    code        text NOT NULL CONSTRAINT catalog_finding_code_form CHECK (code ~ '^[A-Z][A-Z0-9_]{0,63}$'),
    severity    text NOT NULL CONSTRAINT catalog_finding_severity_known CHECK (severity IN ('ERROR', 'WARNING')),
    fingerprint text NOT NULL,
    entity_kind text NOT NULL,
    entity_id   uuid NOT NULL,
    message     text NOT NULL,
    state       text NOT NULL DEFAULT 'OPEN' CONSTRAINT catalog_finding_state_known CHECK (state IN ('OPEN', 'FIXED')),
    first_seen  timestamptz NOT NULL DEFAULT now(),
    last_seen   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT catalog_finding_fingerprint_taken UNIQUE (fingerprint)
);
CREATE INDEX catalog_finding_by_entity ON catalog_finding (entity_id, id);
CREATE INDEX catalog_finding_by_state ON catalog_finding (state, id);

-- Before and after of every change: ordinary data, which may be erased.
CREATE TABLE catalog_change (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    actor       uuid NOT NULL,
    act         text NOT NULL,
    entity_kind text NOT NULL,
    entity_id   uuid NOT NULL,
    before      jsonb,
    after       jsonb
);
CREATE INDEX catalog_change_by_entity ON catalog_change (entity_id, seq);

-- One row for whatever can be found by typing.
CREATE TABLE catalog_search_doc (
    entity_id uuid PRIMARY KEY,
    kind      text NOT NULL,
    ref       text NOT NULL,
    name      text NOT NULL,
    haystack  text NOT NULL,
    words     tsvector NOT NULL
);
CREATE INDEX catalog_search_doc_words ON catalog_search_doc USING gin (words);

-- Trigrams make the search inside words fast. They are a convenience: without
-- the extension the same statements run, only slower on very large catalogs.
-- +goose StatementBegin
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX catalog_search_doc_haystack ON catalog_search_doc USING gin (haystack gin_trgm_ops);
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR undefined_object THEN
    RAISE NOTICE 'pg_trgm is not available; search inside words will read the whole index';
END $$;
-- +goose StatementEnd

-- customerEmail, customer_email and customer-email are the same two words.
-- +goose StatementBegin
CREATE FUNCTION catalog_words(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(regexp_replace(regexp_replace($1, '([a-z0-9])([A-Z])', '\1 \2', 'g'), '[^[:alnum:]]+', ' ', 'g'))
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION catalog_index() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    r     jsonb := to_jsonb(NEW);
    label text;
    title text;
BEGIN
    CASE TG_ARGV[0]
        WHEN 'DATASET' THEN
            label := (r->>'namespace') || '/' || (r->>'name');
            title := r->>'name';
        WHEN 'FIELD' THEN
            SELECT d.namespace || '/' || d.name || '#' || (r->>'path') INTO label
              FROM catalog_dataset d WHERE d.id = (r->>'dataset_id')::uuid;
            title := r->>'path';
        WHEN 'TERM' THEN
            label := r->>'key';
            title := r->>'name';
        ELSE
            label := r->>'ref';
            title := r->>'name';
    END CASE;
    INSERT INTO catalog_search_doc (entity_id, kind, ref, name, haystack, words)
    VALUES ((r->>'id')::uuid, TG_ARGV[0], label, title, lower(label || ' ' || title),
            setweight(to_tsvector('simple', catalog_words(title || ' ' || CASE WHEN TG_ARGV[0] = 'FIELD' THEN '' ELSE label END)), 'A') ||
            setweight(to_tsvector('simple', catalog_words(coalesce(r->>'doc', ''))), 'C'))
    ON CONFLICT (entity_id) DO UPDATE
       SET ref = excluded.ref, name = excluded.name, haystack = excluded.haystack, words = excluded.words;
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER catalog_service_indexed AFTER INSERT OR UPDATE OF ref, name, doc ON catalog_service
    FOR EACH ROW EXECUTE FUNCTION catalog_index('SERVICE');
CREATE TRIGGER catalog_store_indexed AFTER INSERT OR UPDATE OF ref, name, doc ON catalog_store
    FOR EACH ROW EXECUTE FUNCTION catalog_index('STORE');
CREATE TRIGGER catalog_dataset_indexed AFTER INSERT OR UPDATE OF namespace, name, doc ON catalog_dataset
    FOR EACH ROW EXECUTE FUNCTION catalog_index('DATASET');
CREATE TRIGGER catalog_field_indexed AFTER INSERT OR UPDATE OF path, doc ON catalog_field
    FOR EACH ROW EXECUTE FUNCTION catalog_index('FIELD');
CREATE TRIGGER catalog_term_indexed AFTER INSERT OR UPDATE OF key, name, doc ON catalog_term
    FOR EACH ROW EXECUTE FUNCTION catalog_index('TERM');

GRANT SELECT, INSERT, UPDATE ON catalog_generation, catalog_controller, catalog_owner, catalog_service, catalog_service_key,
    catalog_store, catalog_store_reader, catalog_retention_policy, catalog_dataset, catalog_dataset_alias, catalog_topic, catalog_field,
    catalog_term, catalog_tag_assertion, catalog_purpose, catalog_permitted_use, catalog_consumption, catalog_actor_alias,
    catalog_observed_read, catalog_finding, catalog_search_doc TO lethe_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON catalog_service_challenge, catalog_dataset_source TO lethe_app;
GRANT SELECT ON catalog_effective_tag, catalog_personal TO lethe_app;
GRANT SELECT, INSERT ON catalog_consumption_purpose TO lethe_app;
GRANT SELECT, INSERT, DELETE ON catalog_change TO lethe_app;
