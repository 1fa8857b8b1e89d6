-- +goose Up
-- A name of a cluster's actor ends when it is a service's no more; it may be
-- declared again, of the same service or of another.
ALTER TABLE catalog_actor_alias
    ADD COLUMN valid_to timestamptz,
    ADD CONSTRAINT catalog_actor_alias_validity CHECK (valid_to >= created_at),
    DROP CONSTRAINT catalog_actor_alias_taken;
CREATE UNIQUE INDEX catalog_actor_alias_taken ON catalog_actor_alias (cluster, kind, name) WHERE valid_to IS NULL;

-- That somebody has explained why a group was seen reading a dataset: it need
-- not be asked, and every plan says so with the reason and who gave it. It
-- covers what was seen before valid_to and nothing that is seen from then on.
CREATE TABLE catalog_reader_dismissal (
    id             uuid PRIMARY KEY,
    cluster        text NOT NULL,
    consumer_group text NOT NULL,
    dataset_id     uuid NOT NULL,
    reason         text NOT NULL CONSTRAINT catalog_reader_dismissal_reason CHECK (length(reason) BETWEEN 1 AND 1000),
    valid_from     timestamptz NOT NULL DEFAULT now(),
    valid_to       timestamptz NOT NULL,
    ended_at       timestamptz,            -- taken back, or another took its place
    created_by     uuid NOT NULL,
    CONSTRAINT catalog_reader_dismissal_seen FOREIGN KEY (cluster, consumer_group, dataset_id)
        REFERENCES catalog_observed_read (cluster, consumer_group, dataset_id),
    CONSTRAINT catalog_reader_dismissal_validity CHECK (valid_to > valid_from AND ended_at >= valid_from)
);
CREATE UNIQUE INDEX catalog_reader_dismissal_once ON catalog_reader_dismissal (cluster, consumer_group, dataset_id) WHERE ended_at IS NULL;
CREATE INDEX catalog_reader_dismissal_of ON catalog_reader_dismissal (dataset_id);

-- Who reads what, as it is known now: the service that was declared for the
-- group, or else the one the observer knew; what explains the reading, if
-- anything does; and whether the group has gone: its cluster has shown the
-- topic, and not the group, for a week longer.
CREATE VIEW catalog_reader AS
    SELECT o.cluster, o.consumer_group, o.dataset_id, coalesce(a.service_id, o.service_id) AS service_id, o.first_seen, o.last_seen,
           d.id AS dismissal_id, coalesce(t.observed_at >= o.last_seen + interval '7 days', false) AS gone
      FROM catalog_observed_read o
      LEFT JOIN catalog_actor_alias a ON a.cluster = o.cluster AND a.kind = 'GROUP' AND a.name = o.consumer_group AND a.valid_to IS NULL
      LEFT JOIN catalog_reader_dismissal d ON d.cluster = o.cluster AND d.consumer_group = o.consumer_group AND d.dataset_id = o.dataset_id
            AND d.ended_at IS NULL AND d.valid_to > o.last_seen
      LEFT JOIN catalog_topic t ON t.dataset_id = o.dataset_id AND t.cluster = o.cluster;

GRANT SELECT, INSERT, UPDATE (ended_at) ON catalog_reader_dismissal TO lethe_app;
GRANT SELECT ON catalog_reader TO lethe_app;
