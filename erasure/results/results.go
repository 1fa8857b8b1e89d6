// Package results is erasure's door for what services say: signed task
// results over HTTP, and the keys with which services check what Lethe says.
package results

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/problem"
)

// Results takes the results of services.
type Results struct {
	DB        *pgxpool.Pool
	Requests  *erasure.Requests
	PublicURL string                // the audience that a message must name
	Keys      []signature.PublicKey // Lethe's own, published
	Log       *slog.Logger
	Judged    func(disposition string) // counts results by what became of them; may be nil

	principals sync.Map // ref → id of the service's principal, which never changes
	signers    sync.Map // key id → the signers that have verified a message, whose keys never change
}

// Mount adds the door's paths to mux.
func (d *Results) Mount(mux *http.ServeMux) {
	mux.HandleFunc("POST /rights/v1/results", d.take)
	mux.HandleFunc("GET /rights/v1/keys", d.keys)
}

// keys serves Lethe's public signing keys as a JWKS (RFC 7517).
func (d *Results) keys(w http.ResponseWriter, r *http.Request) {
	set, err := signature.JWKS(d.Keys...)
	if err != nil {
		problem.Write(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=60")
	w.Write(set)
}

// take takes a message and answers after what it means is committed.
func (d *Results) take(w http.ResponseWriter, r *http.Request) {
	body, err := protocol.ReadBody(r.Body, protocol.MaxResultsBytes)
	if err != nil {
		problem.Write(w, err)
		return
	}
	service, signed, err := d.signer(r, body)
	if err != nil {
		problem.Write(w, err)
		return
	}
	verdicts, err := d.receive(r, service, signed, body)
	if errors.Is(err, erasure.ErrKeyGone) {
		d.signers.Delete(service.KeyID)
	}
	if err != nil {
		d.tell(r.Context(), service.ServiceRef, err)
		problem.Write(w, err)
		return
	}
	d.count(r.Context(), service.ServiceRef, verdicts)
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(dispositions(verdicts))
}

func (d *Results) receive(r *http.Request, s catalog.Signer, signed signature.Signed, body []byte) ([]answer.Verdict, error) {
	m, err := protocol.DecodeResults(body)
	if err != nil {
		return nil, err
	}
	switch {
	case m.Issuer != s.ServiceRef:
		return nil, fault.New(fault.Denied, "WRONG_ISSUER", "the message names another service than the one whose key signed it")
	case m.Audience != d.PublicURL:
		return nil, fault.New(fault.Denied, "WRONG_AUDIENCE", "the message is meant for another Lethe; this one is %s", d.PublicURL)
	}
	by, err := d.principal(r.Context(), s.ServiceRef)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	return d.Requests.Receive(r.Context(), by, answer.Message{Service: s.ServiceID, Key: s.KeyID, ID: signed.ID, Body: sum[:], Answers: answer.Of(m.Results)})
}

// tell logs why a service's message was refused: codes, never what it said.
func (d *Results) tell(ctx context.Context, service string, err error) {
	what := "a message of a service was refused"
	if fault.KindOf(err) == fault.Denied {
		what = "security: a service spoke for another"
	}
	faults := fault.All(err)
	for _, f := range faults {
		d.Log.WarnContext(ctx, what, "service", service, "code", f.Code)
	}
	if len(faults) == 0 {
		d.Log.ErrorContext(ctx, "a message of a service was not taken", "service", service, "err", err)
	}
}

// count counts what became of answers, and logs the rejected ones.
func (d *Results) count(ctx context.Context, service string, verdicts []answer.Verdict) {
	for _, v := range verdicts {
		if d.Judged != nil {
			d.Judged(string(v.Disposition))
		}
		if v.Disposition == answer.Rejected || v.Disposition == answer.Conflict {
			d.Log.WarnContext(ctx, "an answer of a service was not taken", "service", service, "code", v.Code, "task_id", v.Task)
		}
	}
}

// principal is whom the audit log knows a service as.
func (d *Results) principal(ctx context.Context, ref string) (access.Principal, error) {
	by := access.Principal{Name: ref, Roles: []access.Role{access.Service}, Service: ref}
	if id, ok := d.principals.Load(ref); ok {
		by.ID = id.(uuid.UUID)
		return by, nil
	}
	id, err := audit.EnsurePrincipal(ctx, d.DB, erasure.ServiceIssuer, ref, ref)
	if err == nil {
		d.principals.Store(ref, id)
	}
	by.ID = id
	return by, err
}

// signer finds out which service signed a message. The header names a key; the
// key itself comes from our register, never from the message. Keys that have
// verified a message before are not looked up again: whether they are still in
// force is asked when the message is taken.
func (d *Results) signer(r *http.Request, body []byte) (catalog.Signer, signature.Signed, error) {
	hint := r.Header.Get(signature.HeaderKey)
	if known, ok := d.signers.Load(hint); ok {
		if k, signed, ok := who(r, body, known.([]catalog.Signer)); ok {
			return k, signed, nil
		}
	}
	candidates, err := catalog.SignersByKey(r.Context(), d.DB, hint)
	if err != nil {
		return catalog.Signer{}, signature.Signed{}, err
	}
	if k, signed, ok := who(r, body, candidates); ok {
		d.signers.Store(hint, candidates)
		return k, signed, nil
	}
	// Nobody's key: verify against none, for the fault that names the reason.
	_, err = signature.Verify(nil, r.Header, body, time.Now(), signature.Tolerance)
	return catalog.Signer{}, signature.Signed{}, err
}

func who(r *http.Request, body []byte, candidates []catalog.Signer) (catalog.Signer, signature.Signed, bool) {
	for _, k := range candidates {
		known := []signature.PublicKey{{ID: k.KeyID, Public: k.PublicKey}}
		if signed, err := signature.Verify(known, r.Header, body, time.Now(), signature.Tolerance); err == nil {
			return k, signed, true
		}
	}
	return catalog.Signer{}, signature.Signed{}, false
}

func dispositions(verdicts []answer.Verdict) protocol.Dispositions {
	out := protocol.Dispositions{Results: make([]protocol.TaskDisposition, len(verdicts))}
	for i, v := range verdicts {
		out.Results[i] = protocol.TaskDisposition{Task: v.Task, Disposition: protocol.Disposition(v.Disposition), Code: v.Code}
	}
	return out
}
