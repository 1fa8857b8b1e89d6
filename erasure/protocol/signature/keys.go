package signature

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"github.com/go-json-experiment/json"

	"github.com/flowmart/lethe/internal/fault"
)

// Fingerprint is the hex SHA-256 of a public key's 32 bytes: what people
// compare and services pin.
func Fingerprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:])
}

type jwk struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	Kid string `json:"kid"`
	Use string `json:"use,omitempty"`
	Alg string `json:"alg,omitempty"`
	X   string `json:"x"`
}

type jwks struct {
	Keys []jwk `json:"keys"`
}

// JWKS writes public keys as a JSON Web Key Set (RFC 7517, RFC 8037), as
// served at /rights/v1/keys.
func JWKS(keys ...PublicKey) ([]byte, error) {
	set := jwks{Keys: []jwk{}}
	for _, k := range keys {
		set.Keys = append(set.Keys, jwk{"OKP", "Ed25519", k.ID, "sig", "EdDSA", base64.RawURLEncoding.EncodeToString(k.Public)})
	}
	return json.Marshal(set)
}

// ParseJWKS reads the ed25519 keys of a JSON Web Key Set and passes over keys
// of other kinds. A set without a usable key is an error.
func ParseJWKS(body []byte) ([]PublicKey, error) {
	var set jwks
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fault.New(fault.Invalid, "BAD_JSON", "The key set is not a JSON Web Key Set.")
	}
	var keys []PublicKey
	for _, k := range set.Keys {
		raw, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || k.Kty != "OKP" || k.Crv != "Ed25519" || len(raw) != ed25519.PublicKeySize || !keyForm.MatchString(k.Kid) {
			continue
		}
		keys = append(keys, PublicKey{k.Kid, raw})
	}
	if len(keys) == 0 {
		return nil, fault.New(fault.Invalid, "BAD_KEY", "The key set holds no ed25519 key.")
	}
	return keys, nil
}
