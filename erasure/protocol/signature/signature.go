// Package signature signs and verifies the messages of lethe-rights/1: the
// headers of Standard Webhooks 1.0 with ed25519 (v1a), in both directions,
// each side with keys of its own.
//
// The signed content is `id.timestamp.body`, body being the bytes as they
// travel. They are verified before anything parses them. The key is chosen
// from the reader's own register; the header webhook-key is a hint for people.
package signature

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/flowmart/lethe/internal/fault"
)

// The headers. HTTP does not care for their case.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
	HeaderKey       = "Webhook-Key"
)

// Tolerance is how far the sender's clock may be from ours, either way.
const Tolerance = 5 * time.Minute

const (
	version       = "v1a,"
	maxSignatures = 4
)

var (
	idForm   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`) // no dot: it separates the signed content
	timeForm = regexp.MustCompile(`^[1-9][0-9]{0,10}$`)
	keyForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
)

// Key signs.
type Key struct {
	ID      string // ^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$
	Private ed25519.PrivateKey
}

// Public is the half of k that others verify with.
func (k Key) Public() PublicKey {
	return PublicKey{k.ID, k.Private.Public().(ed25519.PublicKey)}
}

// PublicKey verifies.
type PublicKey struct {
	ID     string
	Public ed25519.PublicKey
}

// Signed is what the headers of a verified message say.
type Signed struct {
	ID    string    // the message's id
	KeyID string    // the key that signed, from the reader's own register
	At    time.Time // when the sender signed
}

// Sign makes the headers of a message. While a key is being replaced both
// sign, the new one first; more than four keys are an error of the caller.
func Sign(id string, at time.Time, body []byte, keys ...Key) (http.Header, error) {
	if !idForm.MatchString(id) {
		return nil, badID()
	}
	if len(keys) == 0 || len(keys) > maxSignatures {
		return nil, fault.New(fault.Internal, "BAD_KEY", "A message is signed by 1 to %d keys.", maxSignatures)
	}
	seconds := strconv.FormatInt(at.Unix(), 10)
	list := make([]string, len(keys))
	for i, k := range keys {
		if !keyForm.MatchString(k.ID) || len(k.Private) != ed25519.PrivateKeySize {
			return nil, fault.New(fault.Internal, "BAD_KEY", "The signing key is incomplete.")
		}
		list[i] = version + base64.StdEncoding.EncodeToString(ed25519.Sign(k.Private, content(id, seconds, body)))
	}
	h := http.Header{}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, seconds)
	h.Set(HeaderSignature, strings.Join(list, " "))
	h.Set(HeaderKey, keys[0].ID)
	return h, nil
}

// Verify finds out which of keys signed body, and refuses with a fault when
// none did: ID_INVALID for an id of the wrong form, TIMESTAMP_OUT_OF_RANGE for
// a clock further away than tolerance, SIGNATURE_INVALID for everything else.
// It says nothing of which key failed or how.
func Verify(keys []PublicKey, h http.Header, body []byte, now time.Time, tolerance time.Duration) (Signed, error) {
	id, okID := single(h, HeaderID)
	seconds, okTime := single(h, HeaderTimestamp)
	list, okList := single(h, HeaderSignature)
	switch {
	case !okID || !okTime || !okList:
		return Signed{}, fault.New(fault.Unknown, "SIGNATURE_INVALID", "Send webhook-id, webhook-timestamp and webhook-signature, each once.")
	case !idForm.MatchString(id):
		return Signed{}, badID()
	case !timeForm.MatchString(seconds):
		return Signed{}, invalid()
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return Signed{}, invalid()
	}
	at := time.Unix(unix, 0)
	if at.Before(now.Add(-tolerance)) || at.After(now.Add(tolerance)) {
		return Signed{}, fault.New(fault.Unknown, "TIMESTAMP_OUT_OF_RANGE",
			"The message was signed more than %s from now; our clock says %s.", tolerance, now.UTC().Format(time.RFC3339))
	}
	signatures, ok := parse(list)
	if !ok {
		return Signed{}, invalid()
	}
	signed := content(id, seconds, body)
	for _, k := range keys {
		if len(k.Public) != ed25519.PublicKeySize {
			continue
		}
		for _, s := range signatures {
			if ed25519.Verify(k.Public, signed, s) {
				return Signed{id, k.ID, at}, nil
			}
		}
	}
	return Signed{}, invalid()
}

// parse reads the list of signatures. Entries of other versions are passed
// over, as Standard Webhooks asks, but count towards the limit.
func parse(list string) (signatures [][]byte, ok bool) {
	if len(list) > maxSignatures*128 {
		return nil, false
	}
	entries := strings.Split(list, " ")
	if len(entries) > maxSignatures {
		return nil, false
	}
	for _, entry := range entries {
		text, ours := strings.CutPrefix(entry, version)
		if !ours {
			continue
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(raw) != ed25519.SignatureSize {
			return nil, false
		}
		signatures = append(signatures, raw)
	}
	return signatures, len(signatures) > 0
}

func content(id, seconds string, body []byte) []byte {
	out := make([]byte, 0, len(id)+len(seconds)+len(body)+2)
	out = append(append(out, id...), '.')
	out = append(append(out, seconds...), '.')
	return append(out, body...)
}

// single demands that a header is there once: two would let two readers see
// two messages.
func single(h http.Header, name string) (string, bool) {
	values := h.Values(name)
	if len(values) != 1 {
		return "", false
	}
	return values[0], true
}

func badID() error {
	return fault.Bad("webhook-id", "ID_INVALID", "An id is 1 to 64 letters, digits, - or _, without a dot.")
}

func invalid() error {
	return fault.New(fault.Unknown, "SIGNATURE_INVALID", "No valid signature of a registered key.")
}
