package vault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/keyfile"
	"github.com/flowmart/lethe/internal/postgres"
)

// KEK is a key-encryption key.
type KEK struct {
	id  string
	key []byte
}

// ID names the KEK: the first 16 hex digits of its SHA-256.
func (k KEK) ID() string { return k.id }

// NewKEK makes a random KEK.
func NewKEK() KEK {
	key := make([]byte, keyfile.Size)
	rand.Read(key)
	return kek(key)
}

func kek(key []byte) KEK {
	sum := sha256.Sum256(key)
	return KEK{hex.EncodeToString(sum[:8]), key}
}

// WriteFile stores the KEK in a new file that only its owner can read.
func (k KEK) WriteFile(path string) error { return keyfile.Create(path, k.key) }

// ReadKEKs reads the KEKs of a file, one base64 line each. The first wraps new
// keys; the others still unwrap old ones, so that a KEK can be replaced.
func ReadKEKs(path string) ([]KEK, error) {
	keys, err := keyfile.Read(path)
	if err != nil {
		return nil, err
	}
	out := make([]KEK, len(keys))
	for i, key := range keys {
		out[i] = kek(key)
	}
	return out, nil
}

// RotateKEK puts a new KEK before those of a file, which stay: what they wrap
// opens until Rewrap has wrapped it anew. Running servers take the new KEK when
// they next start.
func RotateKEK(path string) (KEK, error) {
	fresh := NewKEK()
	return fresh, keyfile.Replace(path, func(keys [][]byte) [][]byte { return slices.Insert(keys, 0, fresh.key) })
}

func unknownKEK(id string) *fault.Fault {
	return fault.New(fault.Unavailable, "KEK_UNKNOWN", "the key store holds keys that the key-encryption key %s wraps, and LETHE_KEK_FILE lacks it; put its line back from the sealed copy, after the others, and run lethe key rewrap before it is taken out again", id)
}

// Check looks whether every key of the store is wrapped by a KEK of the file,
// and names the first that is not. It is quick whatever the store holds.
func (v *Vault) Check(ctx context.Context) error {
	// One step through the index for each KEK, not one for each key.
	const q = `
		WITH RECURSIVE used (kek_id) AS (
		    SELECT min(kek_id) FROM vault_key WHERE wrapped IS NOT NULL
		    UNION ALL
		    SELECT (SELECT min(k.kek_id) FROM vault_key k WHERE k.wrapped IS NOT NULL AND k.kek_id > u.kek_id)
		      FROM used u WHERE u.kek_id IS NOT NULL)
		SELECT kek_id FROM used WHERE kek_id IS NOT NULL
		UNION SELECT kek_id FROM vault_pepper
		ORDER BY kek_id`
	used, err := postgres.Scalars[string](ctx, v.db, q)
	if err != nil {
		return err
	}
	for _, id := range used {
		if _, known := v.find(id); !known {
			return unknownKEK(id)
		}
	}
	return nil
}

// Open returns a vault kept in the key store's database db, with the KEKs of a
// file. While a KEK is being replaced, another server wraps with one that came
// into the file after it was read here: the file is then read again.
func Open(db *pgxpool.Pool, file string) (*Vault, error) {
	keks, err := ReadKEKs(file)
	return &Vault{db: db, keks: keks, file: file}, err
}

// lookAgain is how often the file is read again at most.
const lookAgain = time.Second

// find finds a KEK. One that came late unwraps, and does not wrap before the
// next start.
func (v *Vault) find(id string) (KEK, bool) {
	same := func(k KEK) bool { return k.id == id }
	if i := slices.IndexFunc(v.keks, same); i >= 0 {
		return v.keks[i], true
	}
	v.lateMu.Lock()
	defer v.lateMu.Unlock()
	i := slices.IndexFunc(v.late, same)
	if i < 0 && v.file != "" && time.Since(v.looked) > lookAgain {
		v.looked = time.Now()
		// A file that cannot be read now leaves what is known as it is.
		if keks, err := ReadKEKs(v.file); err == nil {
			v.late = keks
		}
		i = slices.IndexFunc(v.late, same)
	}
	if i < 0 {
		return KEK{}, false
	}
	return v.late[i], true
}

// Wrapped is how many keys and peppers a KEK wraps.
type Wrapped struct {
	KEK     string // its ID
	Keys    int64  // of requests
	Peppers int64  // of marks
}

// Wrapped counts what each KEK wraps. A KEK that wraps nothing is listed if it
// is in the file, and may leave it unless it is the first.
func (v *Vault) Wrapped(ctx context.Context) ([]Wrapped, error) {
	const q = `
		SELECT kek_id AS kek, sum(keys)::bigint AS keys, sum(peppers)::bigint AS peppers
		  FROM (SELECT kek_id, count(*) AS keys, 0 AS peppers FROM vault_key WHERE wrapped IS NOT NULL GROUP BY kek_id
		        UNION ALL SELECT kek_id, 0, count(*) FROM vault_pepper GROUP BY kek_id) AS each
		 GROUP BY kek_id ORDER BY kek_id`
	rows, err := postgres.Many[Wrapped](ctx, v.db, q)
	if err != nil {
		return nil, err
	}
	out := make([]Wrapped, len(v.keks), len(v.keks)+len(rows))
	for i, k := range v.keks {
		out[i].KEK = k.id
	}
	for _, r := range rows {
		if i := slices.IndexFunc(out, func(w Wrapped) bool { return w.KEK == r.KEK }); i >= 0 {
			out[i] = r
			continue
		}
		out = append(out, r)
	}
	return out, nil
}

// rewrapAtOnce is how many keys are wrapped anew in one statement.
const rewrapAtOnce = 500

// Rewrap wraps every key and pepper anew that another KEK than the first wraps,
// so that the others may leave the file, and returns how many it changed. It
// works in batches: cut off at any moment it has lost nothing, and run again it
// goes on. A key destroyed meanwhile stays destroyed.
//
// Every server must know the first KEK before: one that does not cannot open
// what was wrapped anew.
func (v *Vault) Rewrap(ctx context.Context) (changed int64, err error) {
	if err := v.Check(ctx); err != nil {
		return 0, err
	}
	for _, old := range v.keks {
		if old.id == v.keks[0].id {
			continue
		}
		n, err := v.rewrapPeppers(ctx, old)
		changed += n
		if err != nil {
			return changed, err
		}
		for after := uuid.Nil; ; {
			n, last, err := v.rewrapKeys(ctx, old, after)
			changed += n
			if err != nil {
				return changed, err
			}
			if last == uuid.Nil {
				break
			}
			after = last
		}
	}
	return changed, nil
}

// rewrapKeys wraps the next batch of keys after one, and returns the last of
// them, or nil if there are no more. What another command wraps or destroys in
// between no longer answers to the old KEK, and is left alone.
func (v *Vault) rewrapKeys(ctx context.Context, old KEK, after uuid.UUID) (int64, uuid.UUID, error) {
	rows, err := v.keysAfter(ctx, old, after)
	if err != nil || len(rows) == 0 {
		return 0, uuid.Nil, err
	}
	ids, wrapped := make([]uuid.UUID, len(rows)), make([][]byte, len(rows))
	for i, r := range rows {
		key, err := open(old.key, aadKey(r.RequestID), r.Wrapped)
		if err != nil {
			return 0, uuid.Nil, err
		}
		ids[i], wrapped[i] = r.RequestID, seal(v.keks[0].key, aadKey(r.RequestID), key)
	}
	const q = `
		UPDATE vault_key k SET kek_id = $1, wrapped = n.wrapped
		  FROM unnest($2::uuid[], $3::bytea[]) AS n (request_id, wrapped)
		 WHERE k.request_id = n.request_id AND k.wrapped IS NOT NULL AND k.kek_id = $4`
	done, err := v.db.Exec(ctx, q, v.keks[0].id, ids, wrapped, old.id)
	return done.RowsAffected(), ids[len(ids)-1], err
}

func (v *Vault) keysAfter(ctx context.Context, under KEK, after uuid.UUID) ([]keyRow, error) {
	const q = `
		SELECT request_id, kek_id, wrapped FROM vault_key
		 WHERE wrapped IS NOT NULL AND kek_id = $1 AND request_id > $2
		 ORDER BY request_id LIMIT $3`
	return postgres.Many[keyRow](ctx, v.db, q, under.id, after, rewrapAtOnce)
}

func (v *Vault) peppersUnder(ctx context.Context, under KEK) ([]pepperRow, error) {
	const q = `SELECT epoch, kek_id, wrapped FROM vault_pepper WHERE kek_id = $1 ORDER BY epoch`
	return postgres.Many[pepperRow](ctx, v.db, q, under.id)
}

func (v *Vault) rewrapPeppers(ctx context.Context, old KEK) (changed int64, err error) {
	rows, err := v.peppersUnder(ctx, old)
	if err != nil {
		return 0, err
	}
	const q = `UPDATE vault_pepper SET kek_id = $1, wrapped = $2 WHERE epoch = $3 AND kek_id = $4`
	for _, r := range rows {
		pepper, err := open(old.key, aadPepper(r.Epoch), r.Wrapped)
		if err != nil {
			return changed, err
		}
		done, err := v.db.Exec(ctx, q, v.keks[0].id, seal(v.keks[0].key, aadPepper(r.Epoch), pepper), r.Epoch, old.id)
		changed += done.RowsAffected()
		if err != nil {
			return changed, err
		}
	}
	return changed, nil
}
