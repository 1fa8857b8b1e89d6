package catalog

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"regexp"
	"slices"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// ServiceKey is a key a service signs its messages with.
type ServiceKey struct {
	ID        string // the key id the service chose
	ServiceID uuid.UUID
	PublicKey []byte // ed25519, 32 bytes
	ValidFrom time.Time
	ValidTo   *time.Time
	RevokedAt *time.Time
}

// Challenge is an open question to a service: whoever answers it at this
// endpoint, signed with a key, is the service, and that is its key.
type Challenge struct {
	ServiceID uuid.UUID
	Nonce     string // base64url of 32 random bytes
	Endpoint  string // where to ask
	ExpiresAt time.Time
}

// Answer is what a service answered to a challenge. Whoever carries the
// challenge out has checked the answer's signature against one of these keys.
type Answer struct {
	Nonce     string
	Keys      []ServiceKey // ID and PublicKey of one to four keys: all that the service will sign with
	Recipient string       // age X25519 public key to seal identifiers to; "" for none
}

// keyOverlap is how long a key that a service no longer names stays good, so
// that what it signed before and sent late is still accepted.
const keyOverlap = 24 * time.Hour

// challengeLife is how long a service has to answer.
const challengeLife = 10 * time.Minute

// BeginChallenge opens the question whose answer registers a service's keys:
// its first ones, new ones, or those after it was disabled. A challenge begun
// before is void. It needs a steward of the service's team, or an admin.
func (c *Catalog) BeginChallenge(ctx context.Context, by access.Principal, service uuid.UUID) (Challenge, error) {
	return c.challenge(ctx, by, service, func(Service) error { return nil })
}

// BeginRotation is BeginChallenge of a service that is ACTIVE: it asks for the
// next keys, and never brings a service into use. It needs a steward of the
// service's team, or an admin.
func (c *Catalog) BeginRotation(ctx context.Context, by access.Principal, service uuid.UUID) (Challenge, error) {
	return c.challenge(ctx, by, service, func(s Service) error {
		if s.State != Active {
			return fault.New(fault.Conflict, "NOT_ACTIVE", "keys are rotated of a service in use, and this one is %s; challenge it to bring it into use", s.State)
		}
		return nil
	})
}

// challenge opens the question to a service that suits its asker.
func (c *Catalog) challenge(ctx context.Context, by access.Principal, service uuid.UUID, suits func(Service) error) (ch Challenge, err error) {
	err = c.work(ctx, by, func(a *act) error {
		s, err := a.serviceToChange(ctx, service)
		if err != nil {
			return err
		}
		if err := suits(s); err != nil {
			return err
		}
		if s.Endpoint == nil {
			return fault.New(fault.Conflict, "NO_ENDPOINT", "this service has no endpoint to ask; set one first")
		}
		nonce := make([]byte, 32)
		rand.Read(nonce)
		ch = Challenge{ServiceID: service, Nonce: base64.RawURLEncoding.EncodeToString(nonce), Endpoint: *s.Endpoint}
		ch.ExpiresAt, err = saveChallenge(ctx, a.db, a.by, ch)
		return err
	})
	return ch, err
}

func saveChallenge(ctx context.Context, db postgres.DB, by access.Principal, ch Challenge) (time.Time, error) {
	const q = `
		INSERT INTO catalog_service_challenge (service_id, nonce, endpoint, begun_by, expires_at)
		VALUES ($1, $2, $3, $4, now() + $5::interval)
		    ON CONFLICT (service_id) DO UPDATE
		   SET nonce = excluded.nonce, endpoint = excluded.endpoint, begun_by = excluded.begun_by,
		       begun_at = now(), expires_at = excluded.expires_at
		RETURNING expires_at`
	return postgres.Scalar[time.Time](ctx, db, q, ch.ServiceID, ch.Nonce, ch.Endpoint, by.ID, challengeLife)
}

// CompleteChallenge registers the keys a service answered with and makes it
// ACTIVE. Keys it named before and does not name now end after a day. It needs
// a steward of the service's team, or an admin.
func (c *Catalog) CompleteChallenge(ctx context.Context, by access.Principal, service uuid.UUID, answer Answer) (s Service, err error) {
	err = c.work(ctx, by, func(a *act) error {
		old, err := a.serviceToChange(ctx, service)
		if err != nil {
			return err
		}
		if err := answer.check(); err != nil {
			return err
		}
		if err := closeChallenge(ctx, a.db, old, answer.Nonce); err != nil {
			return err
		}
		if err := a.replaceKeys(ctx, service, answer.Keys); err != nil {
			return err
		}
		s = old
		s.State, s.Recipient = Active, nil
		if answer.Recipient != "" {
			s.Recipient = &answer.Recipient
		}
		if s.Rev, err = saveService(ctx, a.db, s); err != nil {
			return err
		}
		a.did("service.activated", "SERVICE", s.ID, old, s)
		return nil
	})
	return s, err
}

func (a *act) serviceToChange(ctx context.Context, id uuid.UUID) (Service, error) {
	found, err := ServicesByID(ctx, a.db, []uuid.UUID{id})
	if err != nil {
		return Service{}, err
	}
	s, ok := found[id]
	if !ok {
		return s, missing("service")
	}
	return s, a.mayChangeService(ctx, &s, s)
}

// closeChallenge spends the open challenge of a service, if this answers it.
func closeChallenge(ctx context.Context, db postgres.DB, s Service, nonce string) error {
	const q = `
		DELETE FROM catalog_service_challenge
		 WHERE service_id = $1 AND expires_at > now()
		RETURNING service_id, nonce, endpoint, expires_at`
	ch, err := postgres.One[Challenge](ctx, db, q, s.ID)
	if errors.Is(err, postgres.ErrNotFound) {
		return fault.New(fault.Conflict, "NO_CHALLENGE", "no challenge of this service is open; begin one")
	}
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(ch.Nonce), []byte(nonce)) != 1 || s.Endpoint == nil || *s.Endpoint != ch.Endpoint {
		return fault.New(fault.Conflict, "CHALLENGE_FAILED", "the answer belongs to another challenge, or the endpoint has changed since; begin a new one")
	}
	return nil
}

// dropChallenge takes the open challenge of a service back, if there is one.
func dropChallenge(ctx context.Context, db postgres.DB, service uuid.UUID) error {
	const q = `DELETE FROM catalog_service_challenge WHERE service_id = $1`
	_, err := db.Exec(ctx, q, service)
	return err
}

var keyIDForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (n Answer) check() error {
	var m mistakes
	m.require(len(n.Keys) >= 1 && len(n.Keys) <= 4, "keys", "OUT_OF_RANGE", "a service answers with one to four keys")
	for i, k := range n.Keys {
		m.require(keyIDForm.MatchString(k.ID), "keys", "BAD_KEY_ID", "a key id is 1 to 64 letters, digits, dots, dashes and underscores")
		m.require(len(k.PublicKey) == 32 && !weak(k.PublicKey), "keys", "BAD_KEY", "a key is an ed25519 public key of 32 bytes")
		m.require(!slices.ContainsFunc(n.Keys[:i], func(o ServiceKey) bool { return o.ID == k.ID || string(o.PublicKey) == string(k.PublicKey) }),
			"keys", "TWICE", "name each key once")
	}
	if n.Recipient != "" {
		_, err := age.ParseX25519Recipient(n.Recipient)
		m.require(err == nil, "recipient", "BAD_RECIPIENT", "a recipient is an age X25519 public key, age1…")
	}
	return m.err()
}

// weak finds the public keys for which anybody can sign: all zero, and the
// other points of small order in their usual encodings.
func weak(key []byte) bool {
	const zero, one = "\x00", "\x01"
	rest := string(key[1:31])
	allSame := rest == string(make([]byte, 30))
	return allSame && (key[31] == 0 || key[31] == 0x80) && (key[0] == zero[0] || key[0] == one[0])
}

// replaceKeys makes the keys of a service those that it named.
func (a *act) replaceKeys(ctx context.Context, service uuid.UUID, keys []ServiceKey) error {
	ids := make([]string, len(keys))
	publics := make([][]byte, len(keys))
	for i, k := range keys {
		ids[i], publics[i] = k.ID, k.PublicKey
	}
	const qEnd = `
		UPDATE catalog_service_key
		   SET valid_to = least(valid_to, now() + $3::interval)
		 WHERE service_id = $1 AND id <> ALL ($2::text[]) AND revoked_at IS NULL AND (valid_to IS NULL OR valid_to > now())`
	if _, err := a.db.Exec(ctx, qEnd, service, ids, keyOverlap); err != nil {
		return err
	}
	// The same key under the same id is kept; another key under a known id
	// would let a service rewrite what its old signatures meant.
	const q = `
		INSERT INTO catalog_service_key (service_id, id, public_key)
		SELECT $1, k.id, k.public_key
		  FROM unnest($2::text[], $3::bytea[]) AS k (id, public_key)
		    ON CONFLICT (service_id, id) DO UPDATE
		   SET valid_to = NULL
		 WHERE catalog_service_key.public_key = excluded.public_key AND catalog_service_key.revoked_at IS NULL`
	tag, err := a.db.Exec(ctx, q, service, ids, publics)
	if err != nil {
		return err
	}
	if int(tag.RowsAffected()) != len(keys) {
		return fault.Bad("keys", "KEY_ID_TAKEN", "this service used the key id for another key before, or the key was revoked; choose a new id and key")
	}
	a.did("service.keys_registered", "SERVICE", service, nil, ids)
	return nil
}

// RevokeKey ends a key at once: it was lost, or somebody else has it. The
// service answers a new challenge with its next key. It needs a steward of the
// service's team, or an admin.
func (c *Catalog) RevokeKey(ctx context.Context, by access.Principal, service uuid.UUID, key string) error {
	return c.work(ctx, by, func(a *act) error {
		if _, err := a.serviceToChange(ctx, service); err != nil {
			return err
		}
		const q = `
			UPDATE catalog_service_key SET revoked_at = coalesce(revoked_at, now())
			 WHERE service_id = $1 AND id = $2
			RETURNING id`
		id, err := postgres.Scalar[string](ctx, a.db, q, service, key)
		if errors.Is(err, postgres.ErrNotFound) {
			return fault.Missing("key", "this service has no key of this id")
		}
		if err != nil {
			return err
		}
		a.did("service.key_revoked", "SERVICE", service, id, nil)
		return nil
	})
}

// ServiceKeys lists the keys of a service that are good now: begun, not ended,
// not revoked. During a change of keys there are two.
func ServiceKeys(ctx context.Context, db postgres.DB, service uuid.UUID) ([]ServiceKey, error) {
	const q = `
		SELECT id, service_id, public_key, valid_from, valid_to, revoked_at
		  FROM catalog_service_key
		 WHERE service_id = $1 AND revoked_at IS NULL AND valid_from <= now() AND (valid_to IS NULL OR valid_to > now())
		 ORDER BY valid_from DESC, id`
	return postgres.Many[ServiceKey](ctx, db, q, service)
}
