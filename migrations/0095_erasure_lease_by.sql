-- +goose Up
-- Which process holds the lease of a task, so that the others need not wait for
-- its end once that process has ended.
ALTER TABLE erasure_task ADD COLUMN lease_by uuid;
