package rights

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"filippo.io/age"
)

// Keys are a service's own: one to sign with, one to open sealed identifiers,
// one to remember whom it forgot without remembering them.
type Keys struct {
	id     string
	sign   ed25519.PrivateKey
	unseal *age.X25519Identity
}

// LoadKeys reads the keys of a service from a directory, and makes them at the
// first start.
func LoadKeys(dir, service string) (*Keys, error) {
	seed, err := secret(filepath.Join(dir, service+".ed25519"), func() (string, error) {
		seed := make([]byte, ed25519.SeedSize)
		_, err := rand.Read(seed)
		return hex.EncodeToString(seed), err
	})
	if err != nil {
		return nil, err
	}
	raw, err := hex.DecodeString(seed)
	if err != nil || len(raw) != ed25519.SeedSize {
		return nil, errors.New("the file of the signing key does not hold 64 hex digits")
	}
	identity, err := secret(filepath.Join(dir, service+".age"), func() (string, error) {
		k, err := age.GenerateX25519Identity()
		return k.String(), err
	})
	if err != nil {
		return nil, err
	}
	unseal, err := age.ParseX25519Identity(identity)
	if err != nil {
		return nil, errors.New("the file of the age key does not hold an age identity")
	}
	return &Keys{service + "-1", ed25519.NewKeyFromSeed(raw), unseal}, nil
}

func secret(path string, create func() (string, error)) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		made, err := create()
		if err != nil {
			return "", err
		}
		return made, os.WriteFile(path, []byte(made+"\n"), 0o600)
	}
	return strings.TrimSpace(string(text)), err
}

// digest is how a forgotten identifier is remembered: useless without the key.
func (k *Keys) digest(typ, value string) []byte {
	mac := hmac.New(sha256.New, k.sign.Seed())
	fmt.Fprintf(mac, "forgotten\n%s\n%s", typ, value)
	return mac.Sum(nil)
}

// headers signs a message as of now.
func (k *Keys) headers(id string, body []byte) http.Header {
	at := strconv.FormatInt(time.Now().Unix(), 10)
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", at)
	h.Set("webhook-signature", "v1a,"+base64.StdEncoding.EncodeToString(ed25519.Sign(k.sign, content(id, at, body))))
	h.Set("webhook-key", k.id)
	return h
}

func content(id, at string, body []byte) []byte {
	return append([]byte(id+"."+at+"."), body...)
}

// Lethe is what a service knows of the other side.
type Lethe struct {
	URL string // the only issuer that is believed
	Pin string // fingerprint of its key; "" = believe the key set at URL

	mu      sync.Mutex
	keys    []ed25519.PublicKey
	fetched time.Time
}

var (
	errUnsigned = errors.New("no valid signature")
	errClock    = errors.New("timestamp out of range")
	errID       = errors.New("bad id")
	uuidForm    = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	idForm      = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// verify follows the five steps of the specification up to parsing.
func (l *Lethe) verify(ctx context.Context, h http.Header, body []byte) (id string, err error) {
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		if len(h.Values(name)) != 1 {
			return "", errUnsigned
		}
	}
	id, at := h.Get("webhook-id"), h.Get("webhook-timestamp")
	if !idForm.MatchString(id) {
		return "", errID
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return "", errUnsigned
	}
	if off := time.Since(time.Unix(seconds, 0)); off > 5*time.Minute || off < -5*time.Minute {
		return "", errClock
	}
	list := strings.Split(h.Get("webhook-signature"), " ")
	if len(list) > 4 {
		return "", errUnsigned
	}
	signed := content(id, at, body)
	for _, fresh := range []bool{false, true} {
		for _, key := range l.known(ctx, fresh) {
			if signedBy(key, signed, list) {
				return id, nil
			}
		}
	}
	return "", errUnsigned
}

func signedBy(key ed25519.PublicKey, signed []byte, list []string) bool {
	for _, entry := range list {
		text, ok := strings.CutPrefix(entry, "v1a,")
		raw, err := base64.StdEncoding.DecodeString(text)
		if ok && err == nil && len(raw) == ed25519.SignatureSize && ed25519.Verify(key, signed, raw) {
			return true
		}
	}
	return false
}

// known returns Lethe's keys, and asks again when none fits, at most once in
// ten seconds.
func (l *Lethe) known(ctx context.Context, fresh bool) []ed25519.PublicKey {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.keys) > 0 && !fresh || time.Since(l.fetched) < 10*time.Second {
		return l.keys
	}
	l.fetched = time.Now()
	if keys, err := l.fetch(ctx); err == nil && len(keys) > 0 {
		l.keys = keys
	} else if len(l.keys) == 0 {
		l.fetched = time.Now().Add(-9 * time.Second) // nothing yet: ask again in a second
	}
	return l.keys
}

func (l *Lethe) fetch(ctx context.Context) ([]ed25519.PublicKey, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.URL+"/rights/v1/keys", nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var set struct {
		Keys []struct{ Kty, Crv, X string }
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswerBytes)).Decode(&set); err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("no key set: status %d", resp.StatusCode)
	}
	var keys []ed25519.PublicKey
	for _, k := range set.Keys {
		raw, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || k.Kty != "OKP" || k.Crv != "Ed25519" || len(raw) != ed25519.PublicKeySize {
			continue
		}
		if sum := sha256.Sum256(raw); l.Pin == "" || hex.EncodeToString(sum[:]) == l.Pin {
			keys = append(keys, raw)
		}
	}
	return keys, nil
}

// client calls Lethe. It follows no redirect.
var client = &http.Client{
	Timeout:       30 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}
