package certificate_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"

	"github.com/flowmart/lethe/audit/tree"
	"github.com/flowmart/lethe/erasure/certificate"
)

// issued is a true certificate, with what a verifier trusts.
func issued(t *testing.T) ([]byte, certificate.Keys) {
	t.Helper()
	request := uuid.MustParse("0198f000-0000-7000-8000-000000000001")
	s := certificate.Statement{Spec: certificate.Spec, Issuer: "https://lethe.example", Case: "R-2026-000001", Request: request.String(),
		Right: "ERASURE", Outcome: "FULFILLED", Nodes: []certificate.Node{
			{Number: 1, Kind: "ASK", Dataset: "postgres://orders public.order", Service: "orders", Outcome: "ERASED", Count: 3},
			{Number: 2, Kind: "KEEP", Dataset: "postgres://payments public.invoice", Service: "payments", Outcome: "RETAINED", Ground: "17(3)(b)"},
			{Number: 3, Kind: "ASK", Dataset: "postgres://customers public.customer", Service: "customers", Outcome: "ERASED", Count: 1},
		}}
	root := certificate.Root(s.Nodes)
	s.Root = hexOf(root)
	entry := tree.Entry{ID: uuid.New(), At: time.Unix(1, 0), Act: certificate.Act, RequestID: &request, Code: s.Outcome, Digest: root}
	skey, vkey, err := note.GenerateKey(fixed{}, "lethe.example/audit")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := tree.ParseKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	var f tree.Frontier
	f.Push(entry.Hash())
	checkpoint, err := tree.Checkpoint{Origin: "lethe.example/audit", Size: 1, Root: f.Root()}.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	proof := tree.Bundle{Checkpoint: string(checkpoint), Keys: []string{vkey}, Entries: []tree.Inclusion{{Entry: entry}}}
	public, private, _ := ed25519.GenerateKey(fixed{})
	document, err := certificate.Issue(s, proof, private)
	if err != nil {
		t.Fatal(err)
	}
	return document, certificate.Keys{Signing: certificate.Fingerprint(public), Audit: []string{key.Fingerprint()}}
}

// fixed is a fixed source of "random" bytes.
type fixed struct{}

func (fixed) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(i*7 + 3)
	}
	return len(b), nil
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, digits[c>>4], digits[c&15])
	}
	return string(out)
}

func TestVerify(t *testing.T) {
	t.Parallel()
	document, trusted := issued(t)
	s, err := certificate.Verify(document, trusted)
	if err != nil || s.Case != "R-2026-000001" || len(s.Nodes) != 3 {
		t.Fatalf("%+v, %v", s, err)
	}
}

// Every change to a certificate is found, whatever it is and whoever makes it
// without the keys.
func TestVerifyFindsEveryChange(t *testing.T) {
	t.Parallel()
	document, trusted := issued(t)
	change := func(edit func(c *certificate.Certificate)) []byte {
		var c certificate.Certificate
		if err := json.Unmarshal(document, &c); err != nil {
			t.Fatal(err)
		}
		edit(&c)
		out, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	replace := func(old, new string) []byte {
		return change(func(c *certificate.Certificate) {
			if !bytes.Contains(c.Payload, []byte(old)) {
				t.Fatalf("nothing to change: %s", old)
			}
			c.Payload = bytes.ReplaceAll(c.Payload, []byte(old), []byte(new))
		})
	}
	for name, changed := range map[string][]byte{
		"outcome of a node":    replace(`"RETAINED"`, `"ERASED"`),
		"outcome of the whole": replace(`"FULFILLED"`, `"REFUSED"`),
		"another case":         replace("R-2026-000001", "R-2026-000002"),
		"no signature":         change(func(c *certificate.Certificate) { c.Signatures = nil }),
		"another's signature": change(func(c *certificate.Certificate) {
			public, private, _ := ed25519.GenerateKey(nil)
			c.Signatures[0] = certificate.Signature{KeyID: certificate.Fingerprint(public), PublicKey: public, Sig: ed25519.Sign(private, c.Payload)}
		}),
		"no entry":           change(func(c *certificate.Certificate) { c.Audit.Entries = nil }),
		"another entry":      change(func(c *certificate.Certificate) { c.Audit.Entries[0].Entry.Code = "REFUSED" }),
		"another checkpoint": change(func(c *certificate.Certificate) { c.Audit.Checkpoint = "x" + c.Audit.Checkpoint }),
		"another form":       []byte(`{"payloadType":"text/plain"}`),
		"no JSON":            []byte("certificate"),
	} {
		if _, err := certificate.Verify(changed, trusted); err == nil {
			t.Errorf("%s: not found", name)
		}
	}
	if _, err := certificate.Verify(document, certificate.Keys{Signing: trusted.Signing, Audit: []string{"00"}}); err == nil {
		t.Error("an audit key nobody trusts was accepted")
	}
	if _, err := certificate.Verify(document, certificate.Keys{Signing: "00", Audit: trusted.Audit}); err == nil {
		t.Error("a signing key nobody trusts was accepted")
	}
}
