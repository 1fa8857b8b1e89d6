-- +goose NO TRANSACTION
-- +goose Up
-- Which KEKs are in use is asked at every start, and each batch of wrapping
-- keys anew looks for the next ones under the old KEK. Built without holding up
-- writers: it waits for transactions that run, and nobody waits for it. An
-- attempt that was cut off leaves an index that is not valid.
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS vault_key_by_kek;
CREATE INDEX CONCURRENTLY vault_key_by_kek ON vault_key (kek_id, request_id) WHERE wrapped IS NOT NULL;
RESET lock_timeout;
