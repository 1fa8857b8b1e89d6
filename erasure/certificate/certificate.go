// Package certificate is the proof of how a request ended: what the plan
// accounted for, what became of each dataset, and that the audit log recorded
// it then. It verifies without a database and without Lethe, and holds no
// personal data.
//
// A certificate is a DSSE envelope (github.com/secure-systems-lab/dsse): the
// statement as bytes, signed with ed25519. Beside it lies the entry of the
// audit log that recorded the closing, with its inclusion proof. The Merkle
// root over the nodes (RFC 6962) stands in the statement and, as the digest of
// that entry, in the log, so neither can be changed without the other.
package certificate

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/flowmart/lethe/audit/tree"
)

// Spec names the form of the statement.
const Spec = "lethe-certificate/1"

// payloadType is the media type of the statement.
const payloadType = "application/vnd.lethe.certificate.v1+json"

// Statement says how a request ended. Dates are YYYY-MM-DD, instants RFC 3339.
type Statement struct {
	Spec       string  `json:"spec"`
	Issuer     string  `json:"issuer"` // Lethe's public URL
	Case       string  `json:"case"`
	Request    string  `json:"request"`
	Number     int     `json:"number"` // a request that was reopened has several
	Right      string  `json:"right"`  // ERASURE, ACCESS, PORTABILITY
	Ground     string  `json:"ground,omitempty"`
	Controller string  `json:"controller"`
	ReceivedOn string  `json:"received_on"`
	DueOn      string  `json:"due_on"`
	ClosedAt   string  `json:"closed_at"`
	Outcome    string  `json:"outcome"`
	PlanNumber int     `json:"plan_number"`
	PlanDigest string  `json:"plan_digest"`            // what was approved, hex SHA-256
	LastByteBy string  `json:"last_byte_by,omitempty"` // by then backups and topics have forgotten too
	Gaps       int     `json:"gaps"`
	Nodes      []Node  `json:"nodes"`
	Probes     []Probe `json:"probes,omitempty"`
	Root       string  `json:"root"` // Merkle root over the nodes, hex
}

// Node is one dataset of the plan and what became of it.
type Node struct {
	Number      int    `json:"number"`
	Kind        string `json:"kind"`
	Reason      string `json:"reason"`
	Dataset     string `json:"dataset"` // namespace and name
	Service     string `json:"service,omitempty"`
	Reader      string `json:"reader,omitempty"`
	Outcome     string `json:"outcome"` // of a gap: NOT_ASKED
	Count       int64  `json:"count"`
	Method      string `json:"method,omitempty"`
	Ground      string `json:"ground,omitempty"`
	Until       string `json:"until,omitempty"`
	EffectiveBy string `json:"effective_by,omitempty"`
}

// Probe is a look for what is left, after the work was done.
type Probe struct {
	Service string `json:"service"`
	At      string `json:"at"`
	Clean   bool   `json:"clean"`
}

// Root is the Merkle tree hash of RFC 6962 over the canonical JSON of the
// nodes, in their order.
func Root(nodes []Node) []byte {
	var f tree.Frontier
	for _, n := range nodes {
		leaf, err := json.Marshal(n)
		if err != nil {
			panic(err) // strings and numbers only
		}
		f.Push(tlog.RecordHash(leaf))
	}
	root := f.Root()
	return root[:]
}

// Certificate is the whole document.
type Certificate struct {
	PayloadType string      `json:"payloadType"`
	Payload     []byte      `json:"payload"` // the statement; base64 in JSON
	Signatures  []Signature `json:"signatures"`
	Audit       tree.Bundle `json:"audit"`
}

// Signature is one signature over the payload.
type Signature struct {
	KeyID     string            `json:"keyid"` // hex SHA-256 of the public key
	PublicKey ed25519.PublicKey `json:"publicKey"`
	Sig       []byte            `json:"sig"`
}

// Issue signs a statement, with the proof of its closing from the audit log.
func Issue(s Statement, proof tree.Bundle, keys ...ed25519.PrivateKey) ([]byte, error) {
	payload, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	c := Certificate{PayloadType: payloadType, Payload: payload, Audit: proof}
	for _, k := range keys {
		public := k.Public().(ed25519.PublicKey)
		c.Signatures = append(c.Signatures, Signature{Fingerprint(public), public, ed25519.Sign(k, signed(payload))})
	}
	return json.MarshalIndent(c, "", "  ")
}

// Fingerprint is the hex SHA-256 of a public key: what people compare.
func Fingerprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:])
}

// signed is the pre-authentication encoding of DSSE v1.
func signed(payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
}

// Keys are the fingerprints that a verifier trusts, known from elsewhere.
type Keys struct {
	Signing string   // of the key that signs certificates
	Audit   []string // of the keys that sign checkpoints of the audit log
}

// Verify checks a certificate against trusted fingerprints and returns its
// statement. The error says which of the checks failed.
func Verify(document []byte, trusted Keys) (Statement, error) {
	var c Certificate
	var s Statement
	if err := json.Unmarshal(document, &c); err != nil {
		return s, fmt.Errorf("this is not a certificate: %w", err)
	}
	if c.PayloadType != payloadType {
		return s, fmt.Errorf("this is not a certificate of %s", Spec)
	}
	if err := c.checkSignature(trusted.Signing); err != nil {
		return s, err
	}
	if err := json.Unmarshal(c.Payload, &s); err != nil || s.Spec != Spec {
		return s, fmt.Errorf("the statement has not the form of %s", Spec)
	}
	root := Root(s.Nodes)
	if hex.EncodeToString(root) != s.Root {
		return s, fmt.Errorf("the root is not that of the nodes: a node was changed, added or left out")
	}
	return s, c.checkAudit(s, root, trusted.Audit)
}

func (c Certificate) checkSignature(fingerprint string) error {
	want := strings.ToLower(strings.TrimSpace(fingerprint))
	for _, sig := range c.Signatures {
		if len(sig.PublicKey) != ed25519.PublicKeySize || Fingerprint(sig.PublicKey) != want {
			continue
		}
		if ed25519.Verify(sig.PublicKey, signed(c.Payload), sig.Sig) {
			return nil
		}
		return fmt.Errorf("the signature by the key %s… is false: the certificate was changed", want[:16])
	}
	return fmt.Errorf("no signature by the key with the fingerprint you trust")
}

// checkAudit checks that the log recorded this closing of this request.
func (c Certificate) checkAudit(s Statement, root []byte, trusted []string) error {
	if _, err := c.Audit.Verify(trusted...); err != nil {
		return fmt.Errorf("the proof from the audit log does not hold: %w", err)
	}
	for _, in := range c.Audit.Entries {
		e := in.Entry
		if e.Act == Act && e.RequestID != nil && e.RequestID.String() == s.Request && string(e.Digest) == string(root) && e.Code == s.Outcome {
			return nil
		}
	}
	return fmt.Errorf("the audit log proves other entries, and not the closing of %s with this root", s.Case)
}

// Act is the entry of the audit log that records the closing; its digest is
// the root of the nodes.
const Act = "request.concluded"
