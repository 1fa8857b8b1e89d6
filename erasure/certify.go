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

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/audit/tree"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure/certificate"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
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
	nodes, err := certifiedNodes(ctx, tx, k)
	if err != nil {
		return err
	}
	return record(ctx, tx, audit.Entry{
		Actor: by.ID, Act: certificate.Act, Entity: r.ID, Request: r.ID, Code: string(*r.Outcome),
		Digest: certificate.Root(nodes), Amounts: map[string]int64{"nodes": int64(len(nodes))},
	})
}

// certifiedNodes is the plan of a request with what became of each node. Once
// the request is closed it never changes, so that it can be computed again.
func certifiedNodes(ctx context.Context, db postgres.DB, k reckoning) ([]certificate.Node, error) {
	nodes := k.nodes
	var datasetIDs, serviceIDs []uuid.UUID
	for _, n := range nodes {
		datasetIDs = append(datasetIDs, n.DatasetID)
		serviceIDs = append(serviceIDs, value(n.ServiceID))
	}
	datasets, err := catalog.DatasetsByID(ctx, db, datasetIDs)
	if err != nil {
		return nil, err
	}
	services, err := catalog.ServicesByID(ctx, db, serviceIDs)
	if err != nil {
		return nil, err
	}
	out := make([]certificate.Node, len(nodes))
	for i, n := range nodes {
		d := datasets[n.DatasetID]
		out[i] = certifiedNode(n, k.final)
		out[i].Dataset, out[i].Service = d.Namespace+" "+d.Name, services[value(n.ServiceID)].Ref
	}
	return out, nil
}

func certifiedNode(n Node, final map[uuid.UUID]TaskOutcome) certificate.Node {
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

// Certify issues the certificate of a closed request. It needs the closing to
// be sealed in the audit log, and is a Conflict until then: try again after a
// second. Issuing twice gives the same certificate once.
func (s *Requests) Certify(ctx context.Context, request uuid.UUID) error {
	return postgres.Work(ctx, s.db, func(tx pgx.Tx) error {
		r, err := lockRequest(ctx, tx, request)
		if err != nil || r.State != Closed {
			return err
		}
		entry, err := concluded(ctx, tx, request)
		if err != nil {
			return err
		}
		before, err := CertificatesOf(ctx, tx, []uuid.UUID{request})
		if err != nil {
			return err
		}
		if last, ok := before[request]; ok && last.IssuedAt.After(entry.At) {
			return nil // of this closing
		}
		proof, err := s.log.Proof(ctx, access.System, entry.ID)
		if err != nil {
			return err
		}
		statement, k, err := s.statement(ctx, tx, r, before[request].No+1)
		if err != nil {
			return err
		}
		if !records(entry, statement) {
			// What the log holds is no longer what became of the nodes: a name
			// in the catalog has changed. It is concluded anew, then certified.
			if err := s.conclusion(ctx, tx, access.System, r, k); err != nil {
				return err
			}
			return s.postAt(ctx, tx, Certify{r.ID}, time.Now().Add(sealedAfter))
		}
		document, err := certificate.Issue(statement, proof, s.keys...)
		if err != nil {
			return err
		}
		if err := s.holds(document, proof); err != nil {
			return err
		}
		return s.insertCertificate(ctx, tx, r, statement, document)
	})
}

// records reports whether an entry of the audit log records what a statement
// says.
func records(entry audit.Record, st certificate.Statement) bool {
	return hex.EncodeToString(entry.Digest) == st.Root && entry.Code == st.Outcome
}

// concludedAlready reports whether the audit log has recorded k as what became
// of r.
func (s *Requests) concludedAlready(ctx context.Context, db postgres.DB, r Request, k reckoning) (bool, error) {
	entry, err := concluded(ctx, db, r.ID)
	if err != nil {
		return false, err
	}
	nodes, err := certifiedNodes(ctx, db, k)
	return string(entry.Digest) == string(certificate.Root(nodes)) && entry.Code == string(*r.Outcome), err
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

func (s *Requests) insertCertificate(ctx context.Context, tx pgx.Tx, r Request, st certificate.Statement, document []byte) error {
	const q = `INSERT INTO erasure_certificate (request_id, no, root, body) VALUES ($1, $2, $3, $4)`
	root, err := hex.DecodeString(st.Root)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, q, r.ID, st.Number, root, string(document)); err != nil {
		return err
	}
	return audit.Append(ctx, tx, audit.Entry{Actor: access.System.ID, Act: "request.certified", Entity: r.ID, Request: r.ID, Digest: root})
}

// concluded finds the entry that recorded the last closing of a request.
func concluded(ctx context.Context, db postgres.DB, request uuid.UUID) (audit.Record, error) {
	entry, err := audit.LatestOf(ctx, db, request, certificate.Act)
	if errors.Is(err, postgres.ErrNotFound) {
		err = errors.New("a closed request without a conclusion in the audit log")
	}
	return entry, err
}

func (s *Requests) statement(ctx context.Context, db postgres.DB, r Request, number int) (st certificate.Statement, k reckoning, err error) {
	all, err := tasks(ctx, db, r.ID)
	if err != nil {
		return st, k, err
	}
	if k, err = reckon(ctx, db, r, all); err != nil {
		return st, k, err
	}
	nodes, err := certifiedNodes(ctx, db, k)
	if err != nil {
		return st, k, err
	}
	controllers, err := catalog.ControllersByID(ctx, db, []uuid.UUID{r.ControllerID})
	if err != nil {
		return st, k, err
	}
	probes, err := s.probeResults(ctx, db, r, all)
	if err != nil {
		return st, k, err
	}
	st = certificate.Statement{
		Spec: certificate.Spec, Issuer: s.issuer, Case: r.CaseNumber, Request: r.ID.String(), Number: number, Right: string(r.Kind),
		Ground: value(r.Ground), Controller: controllers[r.ControllerID].Ref, ReceivedOn: date(&r.ReceivedOn), DueOn: date(&r.DueOn),
		ClosedAt: r.ClosedAt.UTC().Format(time.RFC3339), Outcome: string(*r.Outcome), PlanNumber: r.PlanNo,
		PlanDigest: hex.EncodeToString(r.PlanDigest), Nodes: nodes, Probes: probes, Root: hex.EncodeToString(certificate.Root(nodes)),
	}
	for _, n := range nodes {
		if n.Kind == string(Gap) {
			st.Gaps++
		}
		// Dates are written so that their order is that of their letters.
		st.LastByteBy = maxText(st.LastByteBy, maxText(n.EffectiveBy, n.Until))
	}
	return st, k, nil
}

func maxText(a, b string) string {
	if strings.Compare(a, b) > 0 {
		return a
	}
	return b
}

func (s *Requests) probeResults(ctx context.Context, db postgres.DB, r Request, all []Task) ([]certificate.Probe, error) {
	probes := r.lastProbes(all)
	if len(probes) == 0 {
		return []certificate.Probe{}, nil
	}
	left, err := residue(ctx, db, probes)
	if err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, len(probes))
	for i, t := range probes {
		ids[i] = t.ServiceID
	}
	services, err := catalog.ServicesByID(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	out := make([]certificate.Probe, 0, len(probes))
	for _, t := range probes {
		if t.AnsweredAt == nil {
			continue
		}
		out = append(out, certificate.Probe{Service: services[t.ServiceID].Ref, At: t.AnsweredAt.UTC().Format(time.RFC3339), Clean: len(left[t.ServiceID]) == 0})
	}
	return out, nil
}

// Unsealed reports whether err only means that the audit log has not sealed an
// entry yet.
func Unsealed(err error) bool {
	f, ok := errors.AsType[*fault.Fault](err)
	return ok && f.Code == "ENTRY_UNSEALED"
}
