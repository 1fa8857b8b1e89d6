package protocol

import (
	"bytes"
	"encoding/base64"
	"io"

	"filippo.io/age"
	"github.com/go-json-experiment/json"

	"github.com/flowmart/lethe/internal/fault"
)

// SealIdentifiers encrypts identifiers to a service's age X25519 recipient, so
// that proxies and logs on the way see nothing. The result belongs in
// Task.Sealed and differs each time.
func SealIdentifiers(recipient string, ids []Identifier) (string, error) {
	to, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		return "", fault.Bad("recipient", "BAD_KEY", "The recipient is an age X25519 public key (age1…).")
	}
	plain, err := json.Marshal(ids)
	if err != nil {
		return "", fault.New(fault.Internal, "BAD_MESSAGE", "The identifiers cannot be written as JSON.")
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, to)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(plain); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(sealed.Bytes()), nil
}

// OpenIdentifiers decrypts what SealIdentifiers made, with any of the service's
// age identities (AGE-SECRET-KEY-1…). A failure says nothing of the content.
func OpenIdentifiers(sealed string, identities ...string) ([]Identifier, error) {
	cannot := fault.Bad("sealed_identifiers", string(CannotUnseal), "The identifiers are not sealed to a key this service has.")
	keys := make([]age.Identity, 0, len(identities))
	for _, s := range identities {
		key, err := age.ParseX25519Identity(s)
		if err != nil {
			return nil, fault.New(fault.Invalid, "BAD_KEY", "An age identity of the service cannot be read.")
		}
		keys = append(keys, key)
	}
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(keys) == 0 {
		return nil, cannot
	}
	r, err := age.Decrypt(bytes.NewReader(raw), keys...)
	if err != nil {
		return nil, cannot
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxSealedBytes))
	if err != nil {
		return nil, cannot
	}
	var ids []Identifier
	if err := json.Unmarshal(plain, &ids, json.RejectUnknownMembers(true)); err != nil {
		return nil, cannot
	}
	var f faults
	f.unless(len(ids) > 0, "sealed_identifiers", "IDENTIFIERS", errManyPersons)
	checkIdentifiers(&f, "sealed_identifiers", ids)
	return ids, f.err()
}
