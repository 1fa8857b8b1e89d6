-- +goose Up
-- The generation of the catalog is a sum. A single row that every change counts on
-- has each wait until the one before is on the disk; a part belongs to one
-- connection at a time. The row from before counts on: programs that were started
-- before this step write there.
CREATE TABLE catalog_generation_part (
    part       int PRIMARY KEY CONSTRAINT catalog_generation_part_in_range CHECK (part BETWEEN 0 AND 255),
    generation bigint NOT NULL
) WITH (fillfactor = 20);
GRANT SELECT, INSERT, UPDATE ON catalog_generation_part TO lethe_app;
