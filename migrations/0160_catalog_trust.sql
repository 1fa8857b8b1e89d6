-- +goose Up

-- Which jobs of which pipelines are let in by their provider's own identity
-- token. Numbers decide: names of repositories and owners can be taken over.
CREATE TABLE catalog_trust (
    id          uuid PRIMARY KEY,
    provider    text   NOT NULL CONSTRAINT catalog_trust_provider_known CHECK (provider IN ('github', 'gitlab')),
    issuer      text   NOT NULL CONSTRAINT catalog_trust_issuer_length CHECK (length(issuer) BETWEEN 1 AND 500),
    repository  bigint NOT NULL CONSTRAINT catalog_trust_repository_is_id CHECK (repository > 0),
    owner       bigint NOT NULL CONSTRAINT catalog_trust_owner_is_id CHECK (owner > 0),
    workflow    text   NOT NULL CONSTRAINT catalog_trust_workflow_length CHECK (length(workflow) BETWEEN 1 AND 500),
    ref         text   NOT NULL CONSTRAINT catalog_trust_ref_length CHECK (length(ref) <= 500),
    environment text   NOT NULL CONSTRAINT catalog_trust_environment_length CHECK (length(environment) <= 255),
    events      text[] NOT NULL CONSTRAINT catalog_trust_events_few CHECK (cardinality(events) <= 10),
    service_id  uuid   NOT NULL CONSTRAINT catalog_trust_service_known REFERENCES catalog_service (id),
    verbs       text[] NOT NULL CONSTRAINT catalog_trust_verbs_known CHECK (verbs <@ '{check,register,delete,declare,push}' AND cardinality(verbs) BETWEEN 1 AND 5),
    subjects    text[] NOT NULL CONSTRAINT catalog_trust_subjects_few CHECK (cardinality(subjects) <= 50),
    label       text   NOT NULL CONSTRAINT catalog_trust_label_length CHECK (length(label) BETWEEN 1 AND 100),
    created_by  uuid   NOT NULL,
    created_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    ended_by    uuid,
    CONSTRAINT catalog_trust_ended_whole CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX catalog_trust_by_repository ON catalog_trust (issuer, repository) WHERE ended_at IS NULL;
CREATE INDEX catalog_trust_by_service ON catalog_trust (service_id, created_at);
GRANT SELECT, INSERT, UPDATE (ended_at, ended_by) ON catalog_trust TO lethe_app;

-- The tokens that jobs were given for theirs. Only hashes are kept: of the token
-- and of the identity it was given for, which serves once. A row stays until
-- both have ended.
CREATE TABLE catalog_trust_token (
    hash         bytea NOT NULL CONSTRAINT catalog_trust_token_hash_sha256 CHECK (octet_length(hash) = 32),
    identity     bytea NOT NULL CONSTRAINT catalog_trust_token_identity_sha256 CHECK (octet_length(identity) = 32),
    trust_id     uuid  NOT NULL CONSTRAINT catalog_trust_token_trust_known REFERENCES catalog_trust (id),
    principal_id uuid  NOT NULL,
    verbs        text[] NOT NULL,
    held         text  NOT NULL CONSTRAINT catalog_trust_token_held_length CHECK (length(held) <= 200),
    expires_at   timestamptz NOT NULL,
    kept_until   timestamptz NOT NULL CONSTRAINT catalog_trust_token_kept_long CHECK (kept_until >= expires_at),
    CONSTRAINT catalog_trust_token_hash_taken PRIMARY KEY (hash),
    CONSTRAINT catalog_trust_token_identity_used UNIQUE (identity)
);
CREATE INDEX catalog_trust_token_over ON catalog_trust_token (kept_until);
GRANT SELECT, INSERT, DELETE ON catalog_trust_token TO lethe_app;
