package erasure

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/audit/tree"
	"github.com/flowmart/lethe/erasure/certificate"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/jobs"
	"github.com/flowmart/lethe/internal/postgres"
)

// Certificate is an issued certificate of a request.
type Certificate struct {
	RequestID uuid.UUID
	No        int
	Root      []byte // Merkle root over the nodes
	Body      string // the document, to be kept byte for byte
	IssuedAt  time.Time
}

// CertificatesOf finds the latest certificate of each of several requests.
func CertificatesOf(ctx context.Context, db postgres.DB, requests []uuid.UUID) (map[uuid.UUID]Certificate, error) {
	const q = `
		SELECT DISTINCT ON (request_id) request_id, no, root, body, issued_at
		  FROM erasure_certificate
		 WHERE request_id = ANY($1)
		 ORDER BY request_id, no DESC`
	rows, err := postgres.Many[Certificate](ctx, db, q, requests)
	out := make(map[uuid.UUID]Certificate, len(rows))
	for _, c := range rows {
		out[c.RequestID] = c
	}
	return out, err
}

// conclusion records, in the closing's own unit of work, the root over what
// became of every node, so that the audit log proves the certificate.
func (s *Requests) conclusion(ctx context.Context, tx pgx.Tx, by access.Principal, r Request, k reckoning) error {
	nodes := certifiedNodes(k)
	return record(ctx, tx, audit.Entry{
		Actor: by.ID, Act: certificate.Act, Entity: r.ID, Request: r.ID, Code: string(*r.Outcome),
		Digest: certificate.Root(nodes), Amounts: map[string]int64{"nodes": int64(len(nodes))},
	})
}

// certifiedNodes is the plan of a request with what became of each node. Once
// the request is closed it never changes, so that it can be computed again.
func certifiedNodes(k reckoning) []certificate.Node {
	out := make([]certificate.Node, len(k.nodes))
	for i, n := range k.nodes {
		d := k.datasets[n.DatasetID]
		out[i] = certifiedNode(n, k.final)
		out[i].Dataset, out[i].Service = d.Namespace+" "+d.Name, k.services[value(n.ServiceID)].Ref
	}
	return out
}

func certifiedNode(n Node, final map[uuid.UUID]task.Outcome) certificate.Node {
	c := certificate.Node{Number: n.No, Kind: string(n.Kind), Reason: n.Reason, Reader: value(n.Reader),
		Ground: value(n.Ground), Until: date(n.Until), EffectiveBy: date(n.EffectiveBy)}
	o, answered := final[n.DatasetID]
	switch {
	case n.Kind == Gap:
		c.Outcome = "NOT_ASKED"
	case n.Kind == Expire:
		c.Outcome = "PENDING_EXPIRY"
	case n.Kind == Excluded:
		c.Outcome = "NOT_APPLICABLE"
	case !answered:
		c.Outcome = "NOT_ANSWERED"
	default:
		c.Outcome, c.Count, c.Method = o.Outcome, value(o.Count), value(o.Method)
		c.Ground, c.Until = value(o.Ground), date(o.Until)
		if o.EffectiveBy != nil {
			c.EffectiveBy = date(o.EffectiveBy)
		}
	}
	return c
}

// orderCertificate has the certificate of a closed request issued once the
// closing is sealed: now, or with the journal.
func (s *Requests) orderCertificate(ctx context.Context, tx pgx.Tx, request uuid.UUID) error {
	if j, ok := tx.(*journal); ok {
		j.uncertified = append(j.uncertified, request)
		return nil
	}
	return s.orderCertificates(ctx, tx, []uuid.UUID{request})
}

func (s *Requests) orderCertificates(ctx context.Context, tx pgx.Tx, requests []uuid.UUID) error {
	const q = `INSERT INTO erasure_uncertified (request_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING`
	if _, err := tx.Exec(ctx, q, requests); err != nil {
		return err
	}
	how := jobs.Once()
	how.ScheduledAt, how.Priority = time.Now().Add(sealedAfter), lowest
	return s.insertJobs(ctx, tx, river.InsertManyParams{Args: certify{}, InsertOpts: how})
}

// uncertified reports whether a certificate is still to be issued.
func uncertified(ctx context.Context, db postgres.DB) (bool, error) {
	const q = `SELECT EXISTS (SELECT FROM erasure_uncertified)`
	return postgres.Scalar[bool](ctx, db, q)
}

// certifyMost is how many certificates one unit of work issues.
const certifyMost = 200

// Certify issues certificates of closed requests, those that have waited
// longest first, and says how many. One whose closing is not sealed in the
// audit log yet goes on waiting: try again after a second. Several replicas may
// do it at once; each certificate is issued once.
func (s *Requests) Certify(ctx context.Context) (issued int, err error) {
	err = postgres.Work(ctx, s.db, func(tx pgx.Tx) error {
		ids, err := takeUncertified(ctx, tx)
		if err != nil || len(ids) == 0 {
			return err
		}
		issued, err = s.certify(ctx, tx, ids)
		return err
	})
	return issued, err
}

func takeUncertified(ctx context.Context, tx pgx.Tx) ([]uuid.UUID, error) {
	const q = `SELECT request_id FROM erasure_uncertified ORDER BY ordered_at, request_id LIMIT $1 FOR UPDATE SKIP LOCKED`
	return postgres.Scalars[uuid.UUID](ctx, tx, q, certifyMost)
}

// certify issues what it can of the certificates of several requests, and
// takes them off the queue.
func (s *Requests) certify(ctx context.Context, tx pgx.Tx, ids []uuid.UUID) (int, error) {
	const q = `DELETE FROM erasure_uncertified WHERE request_id = ANY($1)`
	requests, err := lockRequests(ctx, tx, ids)
	if err != nil {
		return 0, err
	}
	concluded, err := audit.LatestOfEach(ctx, tx, ids, certificate.Act)
	if err != nil {
		return 0, err
	}
	var settled []uuid.UUID
	var closed []Request
	for _, id := range ids {
		r, entry := requests[id], concluded[id]
		switch {
		case r.State != Closed:
			settled = append(settled, id) // opened again; its next closing orders the next one
		case entry.ID == uuid.Nil:
			return 0, errors.New("a closed request without a conclusion in the audit log")
		case entry.Index != nil:
			closed = append(closed, r)
		}
	}
	issued, err := s.issue(ctx, tx, closed, concluded)
	if err != nil {
		return 0, err
	}
	settled = append(settled, issued...)
	_, err = tx.Exec(ctx, q, settled)
	return len(settled), err
}

// issue issues the certificates of closed requests, each with the proof of the
// entry that concluded it, and names those that it issued.
func (s *Requests) issue(ctx context.Context, tx pgx.Tx, closed []Request, concluded map[uuid.UUID]audit.Record) (issued []uuid.UUID, err error) {
	if len(closed) == 0 {
		return nil, nil
	}
	ids, entries := make([]uuid.UUID, len(closed)), make([]uuid.UUID, len(closed))
	for i, r := range closed {
		ids[i], entries[i] = r.ID, concluded[r.ID].ID
	}
	before, err := CertificatesOf(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	all, err := task.Of(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	reckoned, err := reckonAll(ctx, tx, closed, all)
	if err != nil {
		return nil, err
	}
	proofs, err := s.log.Proofs(ctx, access.System, entries...)
	if err != nil {
		return nil, err
	}
	var made []Certificate
	for i, r := range closed {
		statement := s.statement(r, reckoned[r.ID], all[r.ID], before[r.ID].No+1)
		if !records(concluded[r.ID], statement) {
			// What the log holds is no longer what became of the nodes: a name
			// in the catalog has changed. It is concluded anew, then certified.
			if err := s.conclusion(ctx, tx, access.System, r, reckoned[r.ID]); err != nil {
				return nil, err
			}
			continue
		}
		c, err := s.certificate(r, statement, proofs[i])
		if err != nil {
			return nil, err
		}
		made, issued = append(made, c), append(issued, r.ID)
	}
	return issued, insertCertificates(ctx, tx, made)
}

// certificate signs a statement, and verifies what came of it.
func (s *Requests) certificate(r Request, st certificate.Statement, proof tree.Bundle) (Certificate, error) {
	document, err := certificate.Issue(st, proof, s.keys...)
	if err != nil {
		return Certificate{}, err
	}
	if err := s.holds(document, proof); err != nil {
		return Certificate{}, err
	}
	root, err := hex.DecodeString(st.Root)
	return Certificate{RequestID: r.ID, No: st.Number, Root: root, Body: string(document)}, err
}

// records reports whether an entry of the audit log records what a statement
// says.
func records(entry audit.Record, st certificate.Statement) bool {
	return hex.EncodeToString(entry.Digest) == st.Root && entry.Code == st.Outcome
}

// concludedAlready reports whether the audit log has recorded k as what became
// of r.
func (s *Requests) concludedAlready(ctx context.Context, db postgres.DB, r Request, k reckoning) (bool, error) {
	found, err := audit.LatestOfEach(ctx, db, []uuid.UUID{r.ID}, certificate.Act)
	entry := found[r.ID]
	return string(entry.Digest) == string(certificate.Root(certifiedNodes(k))) && entry.Code == string(*r.Outcome), err
}

// holds verifies a certificate as a stranger would, before it is given to
// anybody.
func (s *Requests) holds(document []byte, proof tree.Bundle) error {
	trusted := certificate.Keys{Signing: certificate.Fingerprint(s.keys[0].Public().(ed25519.PublicKey))}
	for _, encoded := range proof.Keys {
		k, err := tree.ParseKey(encoded)
		if err != nil {
			return err
		}
		trusted.Audit = append(trusted.Audit, k.Fingerprint())
	}
	if _, err := certificate.Verify(document, trusted); err != nil {
		return fmt.Errorf("the certificate does not hold: %w", err)
	}
	return nil
}

func insertCertificates(ctx context.Context, db postgres.DB, issued []Certificate) error {
	const q = `
		INSERT INTO erasure_certificate (request_id, no, root, body)
		SELECT c.request_id, c.no, c.root, c.body FROM unnest($1::uuid[], $2::int[], $3::bytea[], $4::text[]) AS c (request_id, no, root, body)`
	n := len(issued)
	requests, numbers, roots, bodies := make([]uuid.UUID, n), make([]int32, n), make([][]byte, n), make([]string, n)
	entries := make([]audit.Entry, n)
	for i, c := range issued {
		requests[i], numbers[i], roots[i], bodies[i] = c.RequestID, int32(c.No), c.Root, c.Body
		entries[i] = audit.Entry{Actor: access.System.ID, Act: "request.certified", Entity: c.RequestID, Request: c.RequestID, Digest: c.Root}
	}
	if _, err := db.Exec(ctx, q, requests, numbers, roots, bodies); err != nil {
		return err
	}
	return audit.Append(ctx, db, entries...)
}

func (s *Requests) statement(r Request, k reckoning, all []task.Task, number int) certificate.Statement {
	nodes := certifiedNodes(k)
	st := certificate.Statement{
		Spec: certificate.Spec, Issuer: s.issuer, Case: r.CaseNumber, Request: r.ID.String(), Number: number, Right: string(r.Kind),
		Ground: value(r.Ground), Controller: k.controllers[r.ControllerID].Ref, ReceivedOn: date(&r.ReceivedOn), DueOn: date(&r.DueOn),
		ClosedAt: r.ClosedAt.UTC().Format(time.RFC3339), Outcome: string(*r.Outcome), PlanNumber: r.PlanNo,
		PlanDigest: hex.EncodeToString(r.PlanDigest), Nodes: nodes, Probes: probeResults(r, k, all), Root: hex.EncodeToString(certificate.Root(nodes)),
	}
	for _, n := range nodes {
		if n.Kind == string(Gap) {
			st.Gaps++
		}
		// Dates are written so that their order is that of their letters.
		st.LastByteBy = maxText(st.LastByteBy, maxText(n.EffectiveBy, n.Until))
	}
	return st
}

func maxText(a, b string) string {
	if strings.Compare(a, b) > 0 {
		return a
	}
	return b
}

func probeResults(r Request, k reckoning, all []task.Task) []certificate.Probe {
	probes := r.lastProbes(all)
	left := residue(k.said, probes)
	out := make([]certificate.Probe, 0, len(probes))
	for _, t := range probes {
		if t.AnsweredAt == nil {
			continue
		}
		out = append(out, certificate.Probe{Service: k.services[t.ServiceID].Ref, At: t.AnsweredAt.UTC().Format(time.RFC3339), Clean: len(left[t.ServiceID]) == 0})
	}
	return out
}
