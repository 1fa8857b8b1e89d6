-- +goose Up

-- Amounts as they nearly always are, a few small whole numbers, are recognised
-- by their text: that costs a third of taking them apart. Whatever does not
-- look like it is taken apart as before, so the rule is the same. Rows that are
-- there already were held to it.
ALTER TABLE audit_entry
    DROP CONSTRAINT audit_amounts_not_numbers,
    ADD CONSTRAINT audit_amounts_not_numbers CHECK (
        length(amounts::text) <= 200 AND amounts::text ~ '^\{("[a-z_]{1,40}": -?[0-9]{1,18}(, )?)*\}$'
        OR audit_amounts_are_numbers(amounts)) NOT VALID;

-- A task is leased, sent and answered: room on its page for the lease spares
-- every index a new entry.
ALTER TABLE erasure_task SET (fillfactor = 60);
