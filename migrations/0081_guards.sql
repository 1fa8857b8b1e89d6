-- +goose Up
-- What an approver accepted is accepted by itself: looking at two people says
-- nothing about counts or the ceiling of a day. unusual_accepted, which lifted
-- all guards at once, is read no more; what was accepted under it and has not
-- been planned is asked again. The older program may still write it.
ALTER TABLE erasure_request
    ADD COLUMN accepted text[] NOT NULL DEFAULT '{}'
        CONSTRAINT erasure_accepted_known CHECK (accepted <@ ARRAY['TWO_PEOPLE', 'COUNT_UNUSUAL', 'COUNT_UNKNOWN', 'DAILY_CEILING']),
    ADD COLUMN replanned smallint NOT NULL DEFAULT 0; -- how often everybody was asked again before a plan was approved

ALTER TABLE erasure_request DROP CONSTRAINT erasure_block_known;
ALTER TABLE erasure_request ADD CONSTRAINT erasure_block_known CHECK (block IN
    ('TWO_PEOPLE', 'COUNT_UNUSUAL', 'COUNT_UNKNOWN', 'DAILY_CEILING', 'RESOLVE_FAILED', 'RESIDUE', 'TASK_STOPPED', 'GAPS'));

-- Whom a request carries on: their dates and notices follow it.
CREATE INDEX erasure_request_merged ON erasure_request (merged_into) WHERE merged_into IS NOT NULL;
