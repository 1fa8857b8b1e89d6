-- +goose Up
-- A data subject's request, its plan, its tasks and what became of them.
-- Nothing here is personal in clear: identifiers are sealed under the
-- request's key, which lies in another database.

CREATE SEQUENCE erasure_case_number;

CREATE TABLE erasure_request (
    id               uuid PRIMARY KEY,
    case_number      text NOT NULL CONSTRAINT erasure_case_number_taken UNIQUE,
    kind             text NOT NULL CONSTRAINT erasure_kind_known CHECK (kind IN ('ERASURE', 'ACCESS', 'PORTABILITY')),
    ground           text CONSTRAINT erasure_ground_known CHECK (ground IN ('17(1)(a)', '17(1)(b)', '17(1)(c)', '17(1)(d)', '17(1)(e)', '17(1)(f)')),
    controller_id    uuid NOT NULL CONSTRAINT erasure_controller_known REFERENCES catalog_controller (id),
    state            text NOT NULL CONSTRAINT erasure_state_known CHECK (state IN
                       ('RECEIVED', 'IDENTITY_PENDING', 'VERIFIED', 'BLOCKED', 'PLANNED', 'EXECUTING', 'VERIFYING', 'CLOSED', 'MERGED')),
    outcome          text CONSTRAINT erasure_outcome_known CHECK (outcome IN
                       ('FULFILLED', 'FULFILLED_WITH_RETENTION', 'PARTIALLY_FULFILLED', 'NO_DATA_HELD', 'REFUSED', 'CANCELLED', 'CANCELLED_AFTER_PARTIAL')),
    block            text CONSTRAINT erasure_block_known CHECK (block IN
                       ('TWO_PEOPLE', 'COUNT_UNUSUAL', 'DAILY_CEILING', 'RESOLVE_FAILED', 'RESIDUE', 'TASK_STOPPED', 'GAPS')),
    blocked_from     text,
    refusal          text CONSTRAINT erasure_refusal_known CHECK (refusal IN
                       ('CANNOT_IDENTIFY', 'MANIFESTLY_UNFOUNDED', 'EXCESSIVE', 'EXEMPT_17_3', 'OUTSIDE_SCOPE')),
    received_at      timestamptz NOT NULL,
    received_on      date NOT NULL,            -- in the controller's time zone
    due_on           date NOT NULL,            -- what governs now
    due_unpaused_on  date NOT NULL,
    extended_on      date,
    extension_reason text CONSTRAINT erasure_extension_reason_known CHECK (extension_reason IN ('COMPLEXITY', 'NUMBER_OF_REQUESTS')),
    calendar         text NOT NULL,            -- which holiday calendar the dates were computed from
    paused_on        date,
    pause_reason     text CONSTRAINT erasure_pause_reason_known CHECK (pause_reason IN ('IDENTITY_DOUBT', 'CLARIFICATION')),
    paused_days      int NOT NULL DEFAULT 0 CONSTRAINT erasure_paused_days_positive CHECK (paused_days >= 0),
    identity_method  text CONSTRAINT erasure_identity_method_known CHECK (identity_method IN
                       ('ACCOUNT_LOGIN', 'KNOWN_ADDRESS', 'DOCUMENT', 'IN_PERSON', 'REPRESENTATIVE')),
    opened_by        uuid NOT NULL REFERENCES audit_principal (id),
    opened_at        timestamptz NOT NULL,
    opening_key      bytea,                    -- SHA-256 of the caller's idempotency key
    opening_body     bytea,                    -- keyed mark of what was asked for under that key
    plan_no          int NOT NULL DEFAULT 0,
    plan_digest      bytea CONSTRAINT erasure_plan_digest_sha256 CHECK (length(plan_digest) = 32),
    planned_at       timestamptz,
    approved_by      uuid REFERENCES audit_principal (id),
    approved_at      timestamptz,
    erase_before     timestamptz NOT NULL,     -- what happened later is a new relationship
    unusual_accepted boolean NOT NULL DEFAULT false,
    reopened         smallint NOT NULL DEFAULT 0,
    merged_into      uuid REFERENCES erasure_request (id),
    closed_at        timestamptz,
    closed_with_gaps_by uuid REFERENCES audit_principal (id),
    key_destroy_on   date,
    key_destroyed_at timestamptz,
    nudge_at         timestamptz NOT NULL DEFAULT now(), -- when the clock looks at it again
    rev              int NOT NULL DEFAULT 1,
    CONSTRAINT erasure_approver_is_requester CHECK (approved_by <> opened_by),
    CONSTRAINT erasure_erasure_has_ground CHECK ((kind = 'ERASURE') = (ground IS NOT NULL)),
    CONSTRAINT erasure_closed_has_outcome CHECK ((state = 'CLOSED') = (outcome IS NOT NULL)),
    CONSTRAINT erasure_blocked_has_reason CHECK ((state = 'BLOCKED') = (block IS NOT NULL AND blocked_from IS NOT NULL)),
    CONSTRAINT erasure_merged_has_target CHECK ((state = 'MERGED') = (merged_into IS NOT NULL)),
    CONSTRAINT erasure_executing_is_approved CHECK (state NOT IN ('EXECUTING', 'VERIFYING') OR approved_by IS NOT NULL),
    CONSTRAINT erasure_refused_has_ground CHECK ((outcome IS NOT DISTINCT FROM 'REFUSED') = (refusal IS NOT NULL)),
    CONSTRAINT erasure_paused_has_reason CHECK (paused_on IS NULL OR pause_reason IS NOT NULL),
    CONSTRAINT erasure_opening_repeated UNIQUE (opened_by, opening_key)
);
CREATE INDEX erasure_request_due ON erasure_request (due_on, id);
CREATE INDEX erasure_request_open ON erasure_request (state, due_on) WHERE state NOT IN ('CLOSED', 'MERGED');
CREATE INDEX erasure_request_nudge ON erasure_request (nudge_at) WHERE state IN ('VERIFIED', 'EXECUTING', 'VERIFYING');
CREATE INDEX erasure_request_key ON erasure_request (key_destroy_on) WHERE key_destroyed_at IS NULL;

-- The state machine, as data: docs/states.md is drawn from it and a trigger
-- refuses every other step.
CREATE TABLE erasure_transition (
    machine text NOT NULL,
    step_from text NOT NULL,
    step_to text NOT NULL,
    why text NOT NULL,
    PRIMARY KEY (machine, step_from, step_to)
);
INSERT INTO erasure_transition (machine, step_from, step_to, why) VALUES
    ('request', 'RECEIVED', 'IDENTITY_PENDING', 'reasonable doubt about the identity, Art. 12(6)'),
    ('request', 'RECEIVED', 'VERIFIED', 'the identity is proved'),
    ('request', 'RECEIVED', 'CLOSED', 'refused or cancelled'),
    ('request', 'IDENTITY_PENDING', 'VERIFIED', 'the identity is proved'),
    ('request', 'IDENTITY_PENDING', 'CLOSED', 'refused or cancelled'),
    ('request', 'VERIFIED', 'MERGED', 'another request for the same person is open'),
    ('request', 'VERIFIED', 'BLOCKED', 'a person must decide'),
    ('request', 'VERIFIED', 'PLANNED', 'everyone was located and the plan is frozen'),
    ('request', 'VERIFIED', 'CLOSED', 'refused or cancelled'),
    ('request', 'PLANNED', 'VERIFIED', 'planned anew from the beginning'),
    ('request', 'PLANNED', 'BLOCKED', 'a person must decide'),
    ('request', 'PLANNED', 'EXECUTING', 'the plan''s digest was approved'),
    ('request', 'PLANNED', 'CLOSED', 'refused, cancelled, or nothing is held'),
    ('request', 'EXECUTING', 'VERIFYING', 'every task is terminal; probes are out'),
    ('request', 'EXECUTING', 'BLOCKED', 'a person must decide'),
    ('request', 'EXECUTING', 'CLOSED', 'every task is terminal and nothing is to be probed, or cancelled'),
    ('request', 'VERIFYING', 'EXECUTING', 'a probe found residue; erased again'),
    ('request', 'VERIFYING', 'BLOCKED', 'residue was found again'),
    ('request', 'VERIFYING', 'CLOSED', 'the first probe is clean'),
    ('request', 'BLOCKED', 'VERIFIED', 'a person decided to go on'),
    ('request', 'BLOCKED', 'PLANNED', 'a person decided to go on'),
    ('request', 'BLOCKED', 'EXECUTING', 'a person decided to go on'),
    ('request', 'BLOCKED', 'VERIFYING', 'a person decided to go on'),
    ('request', 'BLOCKED', 'CLOSED', 'refused, cancelled, or closed in part by a person'),
    ('request', 'CLOSED', 'PLANNED', 'reopened: resurrection, a gap was filled, a complaint'),
    ('task', 'WAITING', 'READY', 'the wave opened'),
    ('task', 'WAITING', 'CANCELLED', 'the request was cancelled'),
    ('task', 'READY', 'SENT', 'the service took it (202)'),
    ('task', 'READY', 'WORKING', 'the answer came before our 202 was read'),
    ('task', 'READY', 'DONE', 'the answer came before our 202 was read'),
    ('task', 'READY', 'REFUSED', 'the service will not do it'),
    ('task', 'READY', 'POISONED', 'the service answers what nobody can read'),
    ('task', 'READY', 'CANCELLED', 'the request was cancelled'),
    ('task', 'SENT', 'WORKING', 'the service says it works'),
    ('task', 'SENT', 'DONE', 'the service says it is done'),
    ('task', 'SENT', 'REFUSED', 'the service will not do it'),
    ('task', 'SENT', 'POISONED', 'the service answers what nobody can read'),
    ('task', 'SENT', 'CANCELLED', 'the request was cancelled'),
    ('task', 'WORKING', 'DONE', 'the service says it is done'),
    ('task', 'WORKING', 'REFUSED', 'the service will not do it'),
    ('task', 'WORKING', 'POISONED', 'the service answers what nobody can read'),
    ('task', 'WORKING', 'CANCELLED', 'the request was cancelled'),
    ('task', 'REFUSED', 'CANCELLED', 'the request was cancelled'),
    ('task', 'POISONED', 'CANCELLED', 'the request was cancelled');

-- +goose StatementBegin
CREATE FUNCTION erasure_request_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM erasure_transition WHERE machine = 'request' AND step_from = OLD.state AND step_to = NEW.state) THEN
        RAISE EXCEPTION 'a request cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'erasure_request_step_known';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER erasure_request_step BEFORE UPDATE OF state ON erasure_request
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION erasure_request_step();

-- The person's identifiers, one sealed list a request; types are in clear
-- because the plan needs them.
CREATE TABLE erasure_subject (
    request_id uuid PRIMARY KEY REFERENCES erasure_request (id),
    sealed     bytea,                         -- null once the key was destroyed
    types      text[] NOT NULL
);

-- Keyed marks of the identifiers of open requests, to find duplicates; they
-- go when the request closes.
CREATE TABLE erasure_mark (
    request_id uuid NOT NULL REFERENCES erasure_request (id),
    mark       bytea NOT NULL CONSTRAINT erasure_mark_sha256 CHECK (length(mark) = 32),
    PRIMARY KEY (request_id, mark)
);
CREATE INDEX erasure_mark_by_mark ON erasure_mark (mark);

CREATE TABLE erasure_node (
    request_id    uuid NOT NULL REFERENCES erasure_request (id),
    plan_no       int NOT NULL,
    no            int NOT NULL,
    kind          text NOT NULL CONSTRAINT erasure_node_kind_known CHECK (kind IN ('ASK', 'KEEP', 'EXPIRE', 'GAP', 'EXCLUDED')),
    dataset_id    uuid NOT NULL CONSTRAINT erasure_node_dataset_known REFERENCES catalog_dataset (id),
    service_id    uuid CONSTRAINT erasure_node_service_known REFERENCES catalog_service (id),
    action        text CONSTRAINT erasure_node_action_known CHECK (action IN ('ERASE', 'EXPORT')),
    wave          smallint,
    reason        text NOT NULL CONSTRAINT erasure_node_reason_code CHECK (reason ~ '^[A-Z][A-Z0-9_]{0,63}$'),
    reader        text CONSTRAINT erasure_node_reader_name CHECK (reader ~ '^[A-Za-z0-9._-]{1,200}$'),
    count         bigint,                     -- what locate said; null: not known
    ground        text CONSTRAINT erasure_node_ground_known CHECK (ground ~ '^17\(3\)\([a-e]\)$'),
    until         date,
    effective_by  date,                       -- the last byte can be gone by then
    PRIMARY KEY (request_id, plan_no, no),
    CONSTRAINT erasure_node_asked_has_service CHECK (kind NOT IN ('ASK', 'KEEP') OR (service_id IS NOT NULL AND action IS NOT NULL AND wave IS NOT NULL)),
    CONSTRAINT erasure_node_kept_has_ground CHECK (kind <> 'KEEP' OR ground IS NOT NULL),
    CONSTRAINT erasure_node_expiring_has_date CHECK (kind <> 'EXPIRE' OR effective_by IS NOT NULL)
);

-- +goose StatementBegin
CREATE FUNCTION erasure_task_rank(state text) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE state WHEN 'WAITING' THEN 0 WHEN 'READY' THEN 10 WHEN 'SENT' THEN 20 WHEN 'WORKING' THEN 30
                      WHEN 'POISONED' THEN 80 WHEN 'REFUSED' THEN 90 WHEN 'DONE' THEN 100 WHEN 'CANCELLED' THEN 110 END::smallint
$$;
-- +goose StatementEnd

-- Tasks are their own queue. A row is narrow, and is leased, sent, polled and
-- answered in place; its rank only rises within a round.
CREATE TABLE erasure_task (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         uuid NOT NULL CONSTRAINT erasure_task_key_taken UNIQUE,
    request_id  uuid NOT NULL REFERENCES erasure_request (id),
    service_id  uuid NOT NULL CONSTRAINT erasure_task_service_known REFERENCES catalog_service (id),
    action      text NOT NULL CONSTRAINT erasure_task_action_known CHECK (action IN ('RESOLVE', 'LOCATE', 'ERASE', 'EXPORT', 'PROBE')),
    wave        smallint NOT NULL,
    state       text NOT NULL CONSTRAINT erasure_task_state_known CHECK (erasure_task_rank(state) IS NOT NULL),
    round       smallint NOT NULL DEFAULT 1,
    attempt     int NOT NULL DEFAULT 0,
    next_at     timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz,
    fence       int NOT NULL DEFAULT 0,
    seq_seen    int NOT NULL DEFAULT 0,
    sent_at     timestamptz,
    answered_at timestamptz,
    code        text CONSTRAINT erasure_task_code_known CHECK (code ~ '^[A-Z][A-Z0-9_]{0,63}$'),
    CONSTRAINT erasure_task_once UNIQUE (request_id, service_id, action, wave)
) WITH (fillfactor = 80);
CREATE INDEX erasure_task_due ON erasure_task (service_id, next_at) WHERE state IN ('READY', 'SENT', 'WORKING');

-- +goose StatementBegin
CREATE FUNCTION erasure_task_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.round > OLD.round AND NEW.state IN ('READY', 'WAITING') THEN
        RETURN NEW; -- a new round is asked for on purpose and starts from the beginning
    END IF;
    IF NEW.round < OLD.round OR erasure_task_rank(NEW.state) < erasure_task_rank(OLD.state)
       OR NOT EXISTS (SELECT FROM erasure_transition WHERE machine = 'task' AND step_from = OLD.state AND step_to = NEW.state) THEN
        RAISE EXCEPTION 'a task cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'erasure_task_step_known';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER erasure_task_step BEFORE UPDATE OF state, round ON erasure_task
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.round IS DISTINCT FROM NEW.round) EXECUTE FUNCTION erasure_task_step();

-- What a task is about.
CREATE TABLE erasure_scope (
    task_id    bigint NOT NULL REFERENCES erasure_task (id),
    dataset_id uuid NOT NULL REFERENCES catalog_dataset (id),
    PRIMARY KEY (task_id, dataset_id)
);

-- What a service said became of a dataset. Rows are only added: a new round
-- adds, a contradiction adds a row marked so and decides nothing.
CREATE TABLE erasure_outcome (
    task_id      bigint NOT NULL REFERENCES erasure_task (id),
    dataset_id   uuid NOT NULL REFERENCES catalog_dataset (id),
    round        smallint NOT NULL,
    seq          int NOT NULL,
    outcome      text NOT NULL CONSTRAINT erasure_task_outcome_known CHECK (outcome IN
                   ('ERASED', 'ANONYMISED', 'PARTIALLY_ERASED', 'CRYPTO_SHREDDED', 'PENDING_EXPIRY', 'NOT_FOUND', 'RETAINED',
                    'NOT_APPLICABLE', 'PRESENT', 'ABSENT', 'EXPORTED')),
    count        bigint CONSTRAINT erasure_task_outcome_count_positive CHECK (count >= 0),
    method       text CONSTRAINT erasure_task_outcome_method_known CHECK (method IN
                   ('DELETE', 'ANONYMISE', 'CRYPTO_SHRED', 'TOMBSTONE', 'EXPIRE')),
    ground       text CONSTRAINT erasure_task_outcome_ground_known CHECK (ground ~ '^17\(3\)\([a-e]\)$'),
    until        date,
    effective_by date,
    conflict     boolean NOT NULL DEFAULT false,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (task_id, dataset_id, round, seq),
    CONSTRAINT erasure_retained_has_ground CHECK (outcome <> 'RETAINED' OR ground IS NOT NULL)
);

-- Every message of a service that was ever acted upon, for ever: a repeated
-- message is recognised, an altered one is refused.
CREATE TABLE erasure_inbox (
    service_id  uuid NOT NULL REFERENCES catalog_service (id),
    message     text NOT NULL CONSTRAINT erasure_inbox_message_id CHECK (message ~ '^[A-Za-z0-9_-]{1,64}$'),
    body        bytea NOT NULL CONSTRAINT erasure_inbox_body_sha256 CHECK (length(body) = 32),
    received_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT erasure_message_repeated PRIMARY KEY (service_id, message)
);

-- How deliveries to a service fare, shared by all replicas.
CREATE TABLE erasure_delivery (
    service_id uuid PRIMARY KEY REFERENCES catalog_service (id),
    failures   int NOT NULL DEFAULT 0,
    open_until timestamptz,                   -- the breaker: nothing is sent before
    free_at    timestamptz NOT NULL DEFAULT now(), -- the rate: the next message may leave then
    last_code  text CONSTRAINT erasure_delivery_code CHECK (last_code ~ '^[A-Z][A-Z0-9_]{0,63}$'),
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- Emergency stops. A null service means all of them.
CREATE TABLE erasure_stop (
    id         uuid PRIMARY KEY,
    service_id uuid REFERENCES catalog_service (id),
    set_by     uuid NOT NULL REFERENCES audit_principal (id),
    set_at     timestamptz NOT NULL DEFAULT now(),
    lifted_by  uuid REFERENCES audit_principal (id),
    lifted_at  timestamptz
);
CREATE UNIQUE INDEX erasure_stop_once ON erasure_stop (coalesce(service_id, '00000000-0000-0000-0000-000000000000')) WHERE lifted_at IS NULL;

-- Later probes of a closed request.
CREATE TABLE erasure_followup (
    request_id uuid NOT NULL REFERENCES erasure_request (id),
    wave       smallint NOT NULL,
    due_at     timestamptz NOT NULL,
    started_at timestamptz,
    PRIMARY KEY (request_id, wave)
);
CREATE INDEX erasure_followup_due ON erasure_followup (due_at) WHERE started_at IS NULL;

-- What the data subject must be told, and when they were.
CREATE TABLE erasure_notice (
    id          uuid PRIMARY KEY,
    request_id  uuid NOT NULL REFERENCES erasure_request (id),
    kind        text NOT NULL CONSTRAINT erasure_notice_kind_known CHECK (kind IN
                  ('RECEIPT', 'IDENTITY_REQUEST', 'EXTENSION', 'REFUSAL', 'OUTCOME', 'MERGED')),
    due_on      date NOT NULL,
    sent_on     date,
    channel     text CONSTRAINT erasure_notice_channel_known CHECK (channel IN ('EMAIL', 'LETTER', 'PORTAL', 'IN_PERSON')),
    recorded_by uuid REFERENCES audit_principal (id),
    attempt     int NOT NULL DEFAULT 0,
    CONSTRAINT erasure_notice_sent_has_channel CHECK ((sent_on IS NULL) = (channel IS NULL))
);
CREATE INDEX erasure_notice_of ON erasure_notice (request_id);

CREATE TABLE erasure_certificate (
    request_id uuid NOT NULL REFERENCES erasure_request (id),
    no         int NOT NULL,
    root       bytea NOT NULL CONSTRAINT erasure_certificate_root_sha256 CHECK (length(root) = 32),
    body       text NOT NULL,
    issued_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (request_id, no)
);

GRANT SELECT ON erasure_transition TO lethe_app;
GRANT USAGE ON SEQUENCE erasure_case_number TO lethe_app;
GRANT SELECT, INSERT, UPDATE ON erasure_request, erasure_subject, erasure_task, erasure_delivery, erasure_stop, erasure_followup, erasure_notice TO lethe_app;
GRANT SELECT, INSERT, DELETE ON erasure_mark, erasure_node, erasure_scope TO lethe_app;
GRANT SELECT, INSERT ON erasure_outcome, erasure_inbox, erasure_certificate TO lethe_app;
