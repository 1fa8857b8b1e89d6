package signature_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/internal/fault"
)

func key(id string, seed byte) signature.Key {
	return signature.Key{ID: id, Private: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))}
}

var (
	now  = time.Unix(1772705472, 0)
	body = []byte(`{"spec":"lethe-rights/1"}`)
)

func sign(t *testing.T, id string, at time.Time, body []byte, keys ...signature.Key) http.Header {
	t.Helper()
	h, err := signature.Sign(id, at, body, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestVerify(t *testing.T) {
	t.Parallel()
	ours, other := key("orders-1", 1), key("marketing-1", 2)
	cases := map[string]struct {
		change func(http.Header)
		body   string
		keys   []signature.PublicKey
		at     time.Time
		want   string // code; "" = accepted
	}{
		"good":                {},
		"clock 5 min late":    {at: now.Add(5 * time.Minute)},
		"clock 5 min early":   {at: now.Add(-5 * time.Minute)},
		"6 min old":           {at: now.Add(6 * time.Minute), want: "TIMESTAMP_OUT_OF_RANGE"},
		"6 min ahead":         {at: now.Add(-6 * time.Minute), want: "TIMESTAMP_OUT_OF_RANGE"},
		"other body":          {body: "{}", want: "SIGNATURE_INVALID"},
		"other key":           {keys: []signature.PublicKey{other.Public()}, want: "SIGNATURE_INVALID"},
		"no key":              {keys: []signature.PublicKey{}, want: "SIGNATURE_INVALID"},
		"short key":           {keys: []signature.PublicKey{{ID: "x", Public: []byte{1}}}, want: "SIGNATURE_INVALID"},
		"two keys":            {keys: []signature.PublicKey{other.Public(), ours.Public()}},
		"no signature":        {change: func(h http.Header) { h.Del(signature.HeaderSignature) }, want: "SIGNATURE_INVALID"},
		"empty signature":     {change: func(h http.Header) { h.Set(signature.HeaderSignature, "") }, want: "SIGNATURE_INVALID"},
		"unsigned id":         {change: func(h http.Header) { h.Set(signature.HeaderID, "other") }, want: "SIGNATURE_INVALID"},
		"id with a dot":       {change: func(h http.Header) { h.Set(signature.HeaderID, "a.b") }, want: "ID_INVALID"},
		"id too long":         {change: func(h http.Header) { h.Set(signature.HeaderID, strings.Repeat("a", 65)) }, want: "ID_INVALID"},
		"two ids":             {change: func(h http.Header) { h.Add(signature.HeaderID, "m1") }, want: "SIGNATURE_INVALID"},
		"time moved":          {change: func(h http.Header) { h.Set(signature.HeaderTimestamp, "1772705473") }, want: "SIGNATURE_INVALID"},
		"time with a sign":    {change: func(h http.Header) { h.Set(signature.HeaderTimestamp, "+1772705472") }, want: "SIGNATURE_INVALID"},
		"time overflow":       {change: func(h http.Header) { h.Set(signature.HeaderTimestamp, strings.Repeat("9", 30)) }, want: "SIGNATURE_INVALID"},
		"symmetric version":   {change: func(h http.Header) { h.Set(signature.HeaderSignature, "v1,AAAA") }, want: "SIGNATURE_INVALID"},
		"other version first": {change: func(h http.Header) { h.Set(signature.HeaderSignature, "v1,AAAA "+h.Get(signature.HeaderSignature)) }},
		"hint lies":           {change: func(h http.Header) { h.Set(signature.HeaderKey, "marketing-1") }},
		"five signatures": {change: func(h http.Header) {
			s := h.Get(signature.HeaderSignature)
			h.Set(signature.HeaderSignature, strings.Join([]string{s, s, s, s, s}, " "))
		}, want: "SIGNATURE_INVALID"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := sign(t, "m1", now, body, ours)
			if c.change != nil {
				c.change(h)
			}
			if c.keys == nil {
				c.keys = []signature.PublicKey{ours.Public()}
			}
			if c.body == "" {
				c.body = string(body)
			}
			if c.at.IsZero() {
				c.at = now
			}
			got, err := signature.Verify(c.keys, h, []byte(c.body), c.at, signature.Tolerance)
			if code := codeOf(err); code != c.want {
				t.Fatalf("%q, want %q", code, c.want)
			}
			if err == nil && (got != signature.Signed{ID: "m1", KeyID: "orders-1", At: now}) {
				t.Errorf("%v", got)
			}
		})
	}
}

// dsr.md §11 no. 23: while a key is replaced both sign; the old one is refused
// once it is no longer registered.
func TestRotationOverlaps(t *testing.T) {
	t.Parallel()
	before, after := key("k1", 1), key("k2", 2)
	h := sign(t, "m1", now, body, after, before)
	for _, registered := range [][]signature.PublicKey{{before.Public()}, {after.Public()}, {before.Public(), after.Public()}} {
		if _, err := signature.Verify(registered, h, body, now, signature.Tolerance); err != nil {
			t.Error(err)
		}
	}
	alone := sign(t, "m1", now, body, before)
	if _, err := signature.Verify([]signature.PublicKey{after.Public()}, alone, body, now, signature.Tolerance); codeOf(err) != "SIGNATURE_INVALID" {
		t.Error(err)
	}
}

// RFC 8032 §7.1, test 2: seed and public key as printed there. It ties our keys
// to the standard; the framing is spelled out by hand.
func TestEd25519IsTheStandards(t *testing.T) {
	t.Parallel()
	seed, _ := hex.DecodeString("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
	private := ed25519.NewKeyFromSeed(seed)
	if got := hex.EncodeToString(private.Public().(ed25519.PublicKey)); got != "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c" {
		t.Errorf("public key %s", got)
	}
	h := sign(t, "m1", now, body, signature.Key{ID: "k", Private: private})
	raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(h.Get("webhook-signature"), "v1a,"))
	if !ed25519.Verify(private.Public().(ed25519.PublicKey), []byte(`m1.1772705472.{"spec":"lethe-rights/1"}`), raw) {
		t.Error("the signed content is not id.timestamp.body")
	}
}

func TestSignRefusesWhatNobodyCanVerify(t *testing.T) {
	t.Parallel()
	good := key("k", 1)
	for name, err := range map[string]error{
		"dot":       second(signature.Sign("a.b", now, body, good)),
		"no key":    second(signature.Sign("a", now, body)),
		"five keys": second(signature.Sign("a", now, body, good, good, good, good, good)),
		"half key":  second(signature.Sign("a", now, body, signature.Key{ID: "k", Private: []byte{1}})),
	} {
		if err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

func TestKeySetComesBack(t *testing.T) {
	t.Parallel()
	a, b := key("a", 1).Public(), key("b", 2).Public()
	set, err := signature.JWKS(a, b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := signature.ParseJWKS(set)
	if err != nil || len(got) != 2 || got[1].ID != "b" || !got[1].Public.Equal(b.Public) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "[]", `{"keys":[]}`, `{"keys":[{"kty":"RSA","kid":"a","x":"AAAA"}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AAAA"}]}`} {
		if _, err := signature.ParseJWKS([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", bad)
		}
	}
	// Computed with `openssl pkey -pubout` and sha256sum for the seed 01…01.
	if got := signature.Fingerprint(a.Public); got != "34750f98bd59fcfc946da45aaabe933be154a4b5094e1c4abf42866505f3c97e" {
		t.Error(got)
	}
}

func TestPartStatementBindsEverything(t *testing.T) {
	t.Parallel()
	task, dataset := uuid.MustParse("0197A0B2-0000-7000-8000-000000000001"), uuid.MustParse("0197a0b2-0000-7000-8000-0000000000d1")
	want := "lethe-rights/1 part\nPUT\n0197a0b2-0000-7000-8000-000000000001/0197a0b2-0000-7000-8000-0000000000d1/2\nbytes 0-9/10\nabc\n"
	if got := string(signature.PartStatement("PUT", task, dataset, 2, "bytes 0-9/10", "abc")); got != want {
		t.Errorf("%q", got)
	}
}

func FuzzVerify(f *testing.F) {
	k := key("k", 1)
	h, _ := signature.Sign("m1", now, body, k)
	f.Add("m1", h.Get(signature.HeaderTimestamp), h.Get(signature.HeaderSignature), body)
	f.Add("a.b", "1", "v1a, v1a,", []byte(nil))
	f.Fuzz(func(t *testing.T, id, at, list string, b []byte) {
		h := http.Header{}
		h.Set(signature.HeaderID, id)
		h.Set(signature.HeaderTimestamp, at)
		h.Set(signature.HeaderSignature, list)
		got, err := signature.Verify([]signature.PublicKey{k.Public()}, h, b, now, signature.Tolerance)
		if err == nil && (got.ID != "m1" || !bytes.Equal(b, body)) {
			t.Fatalf("forged: %q %q", id, b)
		}
		if err != nil && fault.All(err) == nil {
			t.Fatalf("not a fault: %v", err)
		}
	})
}

func second(_ http.Header, err error) error { return err }

func codeOf(err error) string {
	for _, f := range fault.All(err) {
		return f.Code
	}
	return ""
}
