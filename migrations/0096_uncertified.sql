-- +goose Up

-- Closed requests whose certificate is still to be issued. A row stands here
-- from the closing's own transaction until the certificate's.
CREATE TABLE erasure_uncertified (
    request_id uuid PRIMARY KEY REFERENCES erasure_request (id),
    ordered_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- What an earlier release closed and had not certified yet.
INSERT INTO erasure_uncertified (request_id)
SELECT r.id FROM erasure_request r
 WHERE r.state = 'CLOSED'
   AND NOT EXISTS (SELECT FROM erasure_certificate c WHERE c.request_id = r.id AND c.issued_at >= r.closed_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON erasure_uncertified TO lethe_app;
