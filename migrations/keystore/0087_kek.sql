-- +goose NO TRANSACTION
-- +goose Up
-- Which KEKs are in use is asked at every start, and each batch of wrapping
-- keys anew looks for the next ones under the old KEK. Built without holding up
-- writers; an attempt that was cut off leaves an index that is not valid.
DROP INDEX CONCURRENTLY IF EXISTS vault_key_by_kek;
CREATE INDEX CONCURRENTLY vault_key_by_kek ON vault_key (kek_id, request_id) WHERE wrapped IS NOT NULL;
