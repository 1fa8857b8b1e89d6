package signature_test

import (
	"bufio"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
)

// The specification is written for strangers, so what it shows must be true.
// Its signatures were made with another implementation of ed25519 (the Python
// package cryptography, on OpenSSL), not with ours.
const document = "../../../docs/rights-protocol.md"

var (
	blockForm  = regexp.MustCompile("(?s)```([^\n]*)\n(.*?)\n```")
	keyRowForm = regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| `([0-9a-f]{64})` \\| `([^`]+)` \\| `([0-9a-f]{64})` \\|$")
	clock      = time.Unix(1772705472, 0)
)

func TestVectorsOfTheSpecification(t *testing.T) {
	t.Parallel()
	keys := documentedKeys(t)
	seen := 0
	for _, block := range blocks(t, "http ") {
		seen++
		t.Run(block.attr["vector"], func(t *testing.T) {
			t.Parallel()
			h, body := message(t, block.text)
			fromLethe := strings.HasPrefix(h.Get(signature.HeaderKey), "lethe") || block.attr["by"] == "lethe"
			var known []signature.PublicKey
			for id, k := range keys {
				if strings.HasPrefix(id, "lethe") == fromLethe {
					known = append(known, k.Public())
				}
			}
			got, err := signature.Verify(known, h, []byte(body), clock, signature.Tolerance)
			if codeOf(err) != block.attr["refused"] {
				t.Fatalf("%v, want %q", err, block.attr["refused"])
			}
			if err != nil {
				return
			}
			if got.ID != h.Get(signature.HeaderID) {
				t.Errorf("%v", got)
			}
			resign(t, keys, h, body)
			readable(t, block.attr["vector"], body)
		})
	}
	if seen != 10 {
		t.Errorf("%d vectors in the document, want 10", seen)
	}
}

// resign makes the same signatures again: ed25519 has only one for each.
func resign(t *testing.T, keys map[string]signature.Key, h http.Header, body string) {
	t.Helper()
	signers := []signature.Key{keys[h.Get(signature.HeaderKey)]}
	if strings.Contains(h.Get(signature.HeaderSignature), " ") {
		signers = append(signers, keys["lethe-1"])
	}
	again := sign(t, h.Get(signature.HeaderID), clock, []byte(body), signers...)
	if again.Get(signature.HeaderSignature) != h.Get(signature.HeaderSignature) {
		t.Error("we sign otherwise than the document")
	}
}

func readable(t *testing.T, name, body string) {
	t.Helper()
	var err error
	switch name {
	case "task_requests", "rotation":
		_, err = protocol.DecodeRequests([]byte(body))
	case "task_results":
		_, err = protocol.DecodeResults([]byte(body))
	case "ping":
		_, err = protocol.DecodePing([]byte(body))
	case "pong":
		_, err = protocol.DecodePong([]byte(body))
	case "poll", "part":
	default:
		t.Errorf("no reader for %s", name)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestExamplesOfTheSpecification(t *testing.T) {
	t.Parallel()
	read := map[string]func([]byte) error{
		"task_requests": func(b []byte) error { _, err := protocol.DecodeRequests(b); return err },
		"task_results":  func(b []byte) error { _, err := protocol.DecodeResults(b); return err },
		"acceptance":    func(b []byte) error { _, err := protocol.DecodeAcceptance(b); return err },
		"dispositions":  func(b []byte) error { _, err := protocol.DecodeDispositions(b); return err },
		"ping":          func(b []byte) error { _, err := protocol.DecodePing(b); return err },
		"pong":          func(b []byte) error { _, err := protocol.DecodePong(b); return err },
	}
	found := map[string]bool{}
	for _, block := range blocks(t, "json message=") {
		name := block.attr["message"]
		found[name] = true
		if read[name] == nil {
			t.Errorf("no reader for %s", name)
		} else if err := read[name]([]byte(block.text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(found) != len(read) {
		t.Errorf("examples of %v only", found)
	}
}

func TestSealedVectorOpens(t *testing.T) {
	t.Parallel()
	text := string(documentText(t))
	identity := regexp.MustCompile("AGE-SECRET-KEY-1[A-Z0-9]+").FindString(text)
	sealed := blocks(t, "text sealed")
	if len(sealed) != 1 {
		t.Fatalf("%d sealed vectors", len(sealed))
	}
	ids, err := protocol.OpenIdentifiers(sealed[0].text, identity)
	if err != nil || len(ids) != 2 || ids[0].Value != "C-001042" || ids[1].Value != "greta.vogel@example.org" {
		t.Errorf("%v, %v", ids, err)
	}
}

// Every code the package knows stands in the document, and no other.
func TestCodesOfTheSpecification(t *testing.T) {
	t.Parallel()
	text := string(documentText(t))
	_, section, _ := strings.Cut(text, "\n## Codes\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, m := range regexp.MustCompile("`([A-Z_]{4,})`").FindAllStringSubmatch(section, -1) {
		if _, err := protocol.Encode(protocol.Acceptance{Rejected: []protocol.Rejection{{Code: protocol.Code(m[1])}}}); err != nil {
			t.Errorf("%s is documented and not known", m[1])
		}
	}
	for _, c := range protocol.Codes {
		if !strings.Contains(section, "`"+string(c)+"`") {
			t.Errorf("%s is known and not documented", c)
		}
	}
}

type block struct {
	attr map[string]string
	text string
}

func documentText(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// blocks lists the fenced blocks whose first line begins with kind.
func blocks(t *testing.T, kind string) (found []block) {
	t.Helper()
	for _, m := range blockForm.FindAllStringSubmatch(string(documentText(t)), -1) {
		if !strings.HasPrefix(m[1], kind) {
			continue
		}
		b := block{map[string]string{}, m[2]}
		for _, word := range strings.Fields(m[1]) {
			name, value, _ := strings.Cut(word, "=")
			b.attr[name] = value
		}
		found = append(found, b)
	}
	return found
}

func message(t *testing.T, text string) (http.Header, string) {
	t.Helper()
	head, body, ok := strings.Cut(text+"\n", "\n\n")
	if !ok {
		t.Fatal("a vector has headers, an empty line, and a body")
	}
	h := http.Header{}
	for lines := bufio.NewScanner(strings.NewReader(head)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		h.Add(name, value)
	}
	return h, strings.TrimSuffix(body, "\n")
}

func documentedKeys(t *testing.T) map[string]signature.Key {
	t.Helper()
	keys := map[string]signature.Key{}
	for _, m := range keyRowForm.FindAllStringSubmatch(string(documentText(t)), -1) {
		seed, _ := hex.DecodeString(m[2])
		k := signature.Key{ID: m[1], Private: ed25519.NewKeyFromSeed(seed)}
		if got := base64.StdEncoding.EncodeToString(k.Public().Public); got != m[3] {
			t.Errorf("%s: public key %s", m[1], got)
		}
		if got := signature.Fingerprint(k.Public().Public); got != m[4] {
			t.Errorf("%s: fingerprint %s", m[1], got)
		}
		keys[m[1]] = k
	}
	if len(keys) != 3 {
		t.Fatalf("%d keys in the document, want 3", len(keys))
	}
	return keys
}
