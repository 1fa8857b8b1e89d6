// Package vault keeps a key for each request, outside the main database, and
// seals what belongs to the request under it. Destroying the key is final: no
// dump or backup of the main database, however old, opens again. This is
// crypto-shredding applied to ourselves (Art. 5(1)(e) GDPR).
//
// Keys are wrapped by a key-encryption key (KEK) that lies in a file of its
// own, and never rest anywhere unwrapped. Everything is AES-256-GCM with a
// random nonce; the associated data binds a sealed value to its request and
// its place.
package vault

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// ErrDestroyed reports that the key of a request has been destroyed.
var ErrDestroyed = fault.New(fault.Conflict, "KEY_DESTROYED", "the key of this request has been destroyed; its identifiers are gone for good")

// errNoKey reports that a request has no key.
var errNoKey = fault.New(fault.NotFound, "KEY_NOT_FOUND", "no key for this request in the key store")

// Vault seals and unseals what belongs to requests.
type Vault struct {
	db   *pgxpool.Pool
	keks []KEK // the first wraps, all unwrap

	mu      sync.Mutex
	peppers [][]byte // newest first

	file   string // read again for a KEK that is not in keks; empty for never
	lateMu sync.Mutex
	late   []KEK // came into the file since; they unwrap
	looked time.Time
}

// New returns a vault kept in the key store's database db.
func New(db *pgxpool.Pool, keks []KEK) *Vault { return &Vault{db: db, keks: keks} }

// Create makes the key of a request. Creating it twice keeps the first.
func (v *Vault) Create(ctx context.Context, request uuid.UUID) error {
	const q = `INSERT INTO vault_key (request_id, kek_id, wrapped) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	key := make([]byte, 32)
	rand.Read(key)
	_, err := v.db.Exec(ctx, q, request, v.keks[0].id, seal(v.keks[0].key, aadKey(request), key))
	return err
}

// Destroy destroys the key of a request for good. It may be repeated.
func (v *Vault) Destroy(ctx context.Context, request uuid.UUID) error {
	const q = `UPDATE vault_key SET wrapped = NULL, destroyed_at = now() WHERE request_id = $1 AND destroyed_at IS NULL`
	_, err := v.db.Exec(ctx, q, request)
	return err
}

// Seal encrypts plain under the key of a request. The same place must be named
// to unseal it.
func (v *Vault) Seal(ctx context.Context, request uuid.UUID, place string, plain []byte) ([]byte, error) {
	key, err := v.Key(ctx, request)
	if err != nil {
		return nil, err
	}
	return seal(key, aadValue(request, place), plain), nil
}

// Unseal decrypts what Seal made, or says ErrDestroyed.
func (v *Vault) Unseal(ctx context.Context, request uuid.UUID, place string, sealed []byte) ([]byte, error) {
	key, err := v.Key(ctx, request)
	if err != nil {
		return nil, err
	}
	return open(key, aadValue(request, place), sealed)
}

// UnsealAll decrypts values of several requests with one look into the store.
// A request whose key is gone is left out of the answer.
func (v *Vault) UnsealAll(ctx context.Context, place string, sealed map[uuid.UUID][]byte) (map[uuid.UUID][]byte, error) {
	const q = `SELECT request_id, kek_id, wrapped FROM vault_key WHERE request_id = ANY($1) AND wrapped IS NOT NULL ORDER BY request_id`
	ids := make([]uuid.UUID, 0, len(sealed))
	for id := range sealed {
		ids = append(ids, id)
	}
	rows, err := postgres.Many[keyRow](ctx, v.db, q, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[uuid.UUID][]byte, len(rows))
	for _, r := range rows {
		key, err := v.unwrap(r.KekID, aadKey(r.RequestID), r.Wrapped)
		if err != nil {
			return nil, err
		}
		if out[r.RequestID], err = open(key, aadValue(r.RequestID, place), sealed[r.RequestID]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

type keyRow struct {
	RequestID uuid.UUID
	KekID     string
	Wrapped   []byte
}

// Key returns the 32-byte data key of a request, for what is too large to seal
// in memory. The caller must not keep it.
func (v *Vault) Key(ctx context.Context, request uuid.UUID) ([]byte, error) {
	const q = `SELECT request_id, kek_id, wrapped FROM vault_key WHERE request_id = $1`
	r, err := postgres.One[keyRow](ctx, v.db, q, request)
	if errors.Is(err, postgres.ErrNotFound) {
		return nil, errNoKey
	}
	if err != nil {
		return nil, err
	}
	if r.Wrapped == nil {
		return nil, ErrDestroyed
	}
	return v.unwrap(r.KekID, aadKey(request), r.Wrapped)
}

// Mark returns the keyed mark of an identifier: equal for equal identifiers,
// useless without the key store. Marks serve to find that a request for the
// same person is already open, and live no longer than the request.
func (v *Vault) Mark(ctx context.Context, kind, value string) ([]byte, error) {
	peppers, err := v.loadPeppers(ctx)
	if err != nil {
		return nil, err
	}
	return mark(peppers[0], kind, value), nil
}

func mark(pepper []byte, kind, value string) []byte {
	h := hmac.New(sha256.New, pepper)
	fmt.Fprintf(h, "%d:%s%s", len(kind), kind, Canonical(kind, value))
	return h.Sum(nil)
}

// Canonical is the form in which identifiers are compared: white space at the
// ends goes, an e-mail address is lower-cased, a phone number loses its
// separators.
func Canonical(kind, value string) string {
	value = strings.TrimSpace(value)
	switch kind {
	case "email":
		return strings.ToLower(value)
	case "phone":
		return strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "", "/", "").Replace(value)
	}
	return value
}

func (v *Vault) loadPeppers(ctx context.Context) ([][]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.peppers != nil {
		return v.peppers, nil
	}
	if err := v.firstPepper(ctx); err != nil {
		return nil, err
	}
	const q = `SELECT epoch, kek_id, wrapped FROM vault_pepper ORDER BY epoch DESC`
	rows, err := postgres.Many[pepperRow](ctx, v.db, q)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		pepper, err := v.unwrap(r.KekID, aadPepper(r.Epoch), r.Wrapped)
		if err != nil {
			return nil, err
		}
		v.peppers = append(v.peppers, pepper)
	}
	return v.peppers, nil
}

type pepperRow struct {
	Epoch   int
	KekID   string
	Wrapped []byte
}

// firstPepper makes the first epoch if there is none; of several replicas that
// try, one wins.
func (v *Vault) firstPepper(ctx context.Context) error {
	const q = `INSERT INTO vault_pepper (epoch, kek_id, wrapped) VALUES (1, $1, $2) ON CONFLICT DO NOTHING`
	pepper := make([]byte, 32)
	rand.Read(pepper)
	_, err := v.db.Exec(ctx, q, v.keks[0].id, seal(v.keks[0].key, aadPepper(1), pepper))
	return err
}

func (v *Vault) unwrap(kekID, aad string, wrapped []byte) ([]byte, error) {
	k, known := v.find(kekID)
	if !known {
		return nil, unknownKEK(kekID)
	}
	return open(k.key, aad, wrapped)
}

func aadKey(request uuid.UUID) string { return "lethe/vault/key/" + request.String() }
func aadPepper(epoch int) string      { return fmt.Sprintf("lethe/vault/pepper/%d", epoch) }
func aadValue(request uuid.UUID, place string) string {
	return "lethe/vault/value/" + request.String() + "/" + place
}

func seal(key []byte, aad string, plain []byte) []byte {
	gcm := aead(key)
	nonce := make([]byte, gcm.NonceSize(), gcm.NonceSize()+len(plain)+gcm.Overhead())
	rand.Read(nonce)
	return gcm.Seal(nonce, nonce, plain, []byte(aad))
}

func open(key []byte, aad string, sealed []byte) ([]byte, error) {
	gcm := aead(key)
	if len(sealed) < gcm.NonceSize() {
		return nil, errors.New("vault: the sealed value is too short")
	}
	plain, err := gcm.Open(nil, sealed[:gcm.NonceSize()], sealed[gcm.NonceSize():], []byte(aad))
	if err != nil {
		return nil, errors.New("vault: the sealed value does not open: another key, another place, or changed")
	}
	return plain, nil
}

func aead(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // keys are 32 bytes by construction
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm
}
