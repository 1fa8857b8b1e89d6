package running

import (
	"testing"
	"time"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure/certificate"
	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
)

// keys reads Lethe's keys where services read them.
func (h *house) keys() []signature.PublicKey {
	h.t.Helper()
	a, err := send(h.t.Context(), patient, "GET", h.public+"/rights/v1/keys", "")
	if err != nil {
		h.t.Fatal(err)
	}
	keys, err := signature.ParseJWKS([]byte(a.body))
	if err != nil {
		h.t.Fatal(err)
	}
	return keys
}

// docs/rights-protocol.md, "Keys and their rotation": a service that has pinned
// the old key understands what both sign, and loses nothing. One that has not
// learned the new key before the old is dropped refuses, and gets everything
// once it has.
func TestSigningKeyIsRotated(t *testing.T) {
	t.Parallel()
	h := found(t, "", "LETHE_LOG_LEVEL=info", "LETHE_DRAIN_DELAY=0s")
	r := h.replica(address(h.public))
	pinned := h.enlist("orders")[0]
	first := h.keys()
	if len(first) != 1 {
		t.Fatalf("%d keys before the first rotation", len(first))
	}
	before := h.open("customer_id", "C-000001")
	h.reach(before.CaseNumber, "PLANNED", time.Minute)

	rotate := func() []signature.PublicKey {
		if _, err := h.lethe.Run(t.Context(), nil, "key", "signing", h.file("signing.key"), "--rotate"); err != nil {
			t.Fatal(err)
		}
		r.terminate()
		r.wait(45 * time.Second)
		r.start()
		return h.keys()
	}
	both := rotate()
	if len(both) != 2 || !both[1].Public.Equal(first[0].Public) {
		t.Fatalf("after the rotation the set has %d keys, and the old one is not the second", len(both))
	}
	h.approve(h.reach(before.CaseNumber, "PLANNED", time.Minute))
	h.closes(before.CaseNumber)
	if n := effects(pinned, protocol.Erase); n != 1 {
		t.Errorf("the service that pinned the old key erased %d times", n)
	}
	doc := h.certificate(before.CaseNumber)

	third := rotate() // too early for this service
	if len(third) != 2 || third[1].ID != both[0].ID {
		t.Fatalf("after the second rotation: %v", third)
	}
	after := h.open("customer_id", "C-000002")
	refused := h.waitsBy(after.CaseNumber, "SIGNATURE_REFUSED")
	if n := len(pinned.Tasks()); n != 3 { // locate, erase, probe of the first request
		t.Errorf("the service took %d tasks, want none that only new keys sign", n)
	}
	pinned.Trust(h.public, third...)
	h.retry(refused)
	h.approve(h.reach(after.CaseNumber, "PLANNED", time.Minute))
	h.closes(after.CaseNumber)
	if n := effects(pinned, protocol.Erase); n != 2 {
		t.Errorf("after it learned the new key the service erased %d times in all, want 2", n)
	}

	// What keys signed holds by their fingerprints, long after they were dropped.
	for _, key := range both {
		if _, err := certificate.Verify(doc, h.trusting(key)); err != nil {
			t.Errorf("by a key of its day the first certificate does not hold: %v", err)
		}
	}
	if _, err := certificate.Verify(doc, h.trusting(third[0])); err == nil {
		t.Error("by a key of another day the first certificate holds")
	}
}

// closes waits until an erasure is closed as fulfilled.
func (h *house) closes(caseNumber string) {
	h.t.Helper()
	if r := h.reach(caseNumber, "CLOSED", time.Minute); *r.Outcome != "FULFILLED" {
		h.t.Errorf("%s closed as %s", caseNumber, *r.Outcome)
	}
}

// waitsBy waits until a task of a request waits for a reason, and returns the
// task's id.
func (h *house) waitsBy(caseNumber, code string) string {
	h.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		var out struct {
			Request struct {
				Tasks struct {
					Nodes []struct {
						ID   string
						Code *string
					}
				}
			}
		}
		h.ask("dpo", `query($n: String!) { request(caseNumber: $n) { tasks(first: 100) { nodes { id code } } } }`, map[string]any{"n": caseNumber}, &out)
		for _, t := range out.Request.Tasks.Nodes {
			if t.Code != nil && *t.Code == code {
				return t.ID
			}
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("no task of %s waits by %s: %+v", caseNumber, code, out)
		}
	}
}

// retry has a task tried at once.
func (h *house) retry(task string) {
	h.t.Helper()
	var out struct {
		RetryTask struct{ UserErrors userErrors }
	}
	h.ask("handler", `mutation($i: RetryTaskInput!) { retryTask(input: $i) { userErrors { code message } } }`, map[string]any{"i": map[string]any{"taskId": task}}, &out)
	if len(out.RetryTask.UserErrors) > 0 {
		h.t.Fatalf("retryTask: %+v", out.RetryTask.UserErrors)
	}
}

// certificate waits for the certificate of a request.
func (h *house) certificate(caseNumber string) []byte {
	h.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		var out struct {
			Request struct{ Certificate *struct{ JSON string } }
		}
		h.ask("dpo", `query($n: String!) { request(caseNumber: $n) { certificate { json } } }`, map[string]any{"n": caseNumber}, &out)
		if out.Request.Certificate != nil {
			return []byte(out.Request.Certificate.JSON)
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("no certificate of %s", caseNumber)
		}
	}
}

// trusting are the keys of whoever verifies a certificate, known from
// elsewhere.
func (h *house) trusting(signing signature.PublicKey) certificate.Keys {
	h.t.Helper()
	audits, err := audit.LoadKeys(h.file("checkpoint.key.pub"))
	if err != nil {
		h.t.Fatal(err)
	}
	return certificate.Keys{Signing: certificate.Fingerprint(signing.Public), Audit: []string{audits[0].Fingerprint()}}
}

func effects(s *erasuretest.Service, action protocol.Action) (n int) {
	for _, e := range s.Effects() {
		if e.Action == action {
			n++
		}
	}
	return n
}
