-- +goose Up

-- That one dataset is made from another, as somebody stated it. What follows
-- from the catalog (copies, declared readers) and what the clusters show is not
-- repeated here. An edge is closed, never deleted, so that the way data took
-- at the time of a request can be told later.
CREATE TABLE lineage_edge (
    id            uuid PRIMARY KEY,
    upstream_id   uuid NOT NULL CONSTRAINT lineage_edge_upstream_known REFERENCES catalog_dataset (id),
    downstream_id uuid NOT NULL CONSTRAINT lineage_edge_downstream_known REFERENCES catalog_dataset (id),
    service_id    uuid CONSTRAINT lineage_edge_service_known REFERENCES catalog_service (id),
    source        text NOT NULL CONSTRAINT lineage_edge_source_known CHECK (source IN ('DECLARED', 'OPENLINEAGE')),
    stated_by     uuid NOT NULL,
    valid_from    timestamptz NOT NULL DEFAULT now(),
    valid_to      timestamptz,
    CONSTRAINT lineage_edge_validity CHECK (valid_to IS NULL OR valid_to >= valid_from),
    CONSTRAINT lineage_edge_leads_elsewhere CHECK (upstream_id <> downstream_id)
);
CREATE UNIQUE INDEX lineage_edge_once ON lineage_edge
    (upstream_id, downstream_id, coalesce(service_id, '00000000-0000-0000-0000-000000000000'), source) WHERE valid_to IS NULL;
CREATE INDEX lineage_edge_back ON lineage_edge (downstream_id, upstream_id);

GRANT SELECT, INSERT, UPDATE (valid_to) ON lineage_edge TO lethe_app;
