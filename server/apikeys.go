package server

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog/apikey"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/problem"
)

// apiKeys makes, lists and revokes API keys.
type apiKeys struct {
	keys *apikey.Keys
	log  *slog.Logger
}

// Mount mounts the door.
func (d *apiKeys) Mount(mux *http.ServeMux) {
	mux.HandleFunc("POST /api/v1/keys", d.create)
	mux.HandleFunc("GET /api/v1/keys", d.list)
	mux.HandleFunc("DELETE /api/v1/keys/{id}", d.revoke)
}

// shownKey is what an answer tells of a key; the key itself only when it is made.
type shownKey struct {
	ID        string     `json:"id"`
	Service   string     `json:"service"`
	Role      string     `json:"role"`
	Label     string     `json:"label"`
	CreatedAt time.Time  `json:"createdAt"`
	ExpiresAt time.Time  `json:"expiresAt"`
	RevokedAt *time.Time `json:"revokedAt,omitempty"`
	Key       string     `json:"key,omitempty"`
}

func showKey(k apikey.Key, secret string) shownKey {
	return shownKey{k.ID.String(), k.Service, string(k.Role), k.Label, k.CreatedAt, k.ExpiresAt, k.RevokedAt, secret}
}

func (d *apiKeys) create(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	asked, err := problem.Read[struct {
		Service string `json:"service"`
		Role    string `json:"role"`
		Label   string `json:"label"`
		Days    int    `json:"days"`
	}](r, `{"service":"orders","role":"service","label":"producers","days":90}`, "a key takes a few words")
	if err != nil {
		problem.Write(w, err)
		return
	}
	days := min(max(asked.Days, 0), 10_000)
	k, secret, err := d.keys.Create(r.Context(), access.From(r.Context()), asked.Service, access.Role(asked.Role), asked.Label, time.Duration(days)*24*time.Hour)
	tell(w, r, d.log, "api keys", showKey(k, secret), err)
}

func (d *apiKeys) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	found, err := d.keys.List(r.Context(), access.From(r.Context()), q.Get("service"), page.Args{First: page.Max, After: q.Get("after")})
	said := struct {
		Keys []shownKey `json:"keys"`
		Next string     `json:"next,omitempty"` // for after, where there are more
	}{Keys: []shownKey{}}
	for _, k := range found.Items {
		said.Keys = append(said.Keys, showKey(k, ""))
	}
	if found.HasNext {
		said.Next = found.Cursors[len(found.Cursors)-1]
	}
	tell(w, r, d.log, "api keys", said, err)
}

func (d *apiKeys) revoke(w http.ResponseWriter, r *http.Request) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		problem.Write(w, fault.New(fault.NotFound, "API_KEY_NOT_FOUND", "there is no such API key"))
		return
	}
	k, err := d.keys.Revoke(r.Context(), access.From(r.Context()), id)
	tell(w, r, d.log, "api keys", showKey(k, ""), err)
}

// tell answers a call about keys or trusts.
func tell(w http.ResponseWriter, r *http.Request, log *slog.Logger, what string, body any, err error) {
	if err != nil {
		if len(fault.All(err)) == 0 {
			report(r.Context(), log, what, err, "request_id", w.Header().Get(problem.RequestID))
		}
		problem.Write(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}

// keyPaths are what an API key opens, and the token of a job: the schema
// registry, and what a pipeline asks of it.
var keyPaths = []string{"/registry/", "/api/v1/schemas/"}

const (
	// heldFor is how long a key is believed without asking: so long after it was
	// revoked it may still open something.
	heldFor = 30 * time.Second
	// heldAway is how long it is believed while the database cannot be asked:
	// producers go on through an outage.
	heldAway = 2 * time.Hour
	heldMost = 10_000
)

// What is said where a secret opens nothing.
var (
	errKeyScope = fault.New(fault.Denied, "API_KEY_SCOPE", "an API key opens the schema registry alone; use a token of your identity provider here")
	errJobScope = fault.New(fault.Denied, "JOB_TOKEN_SCOPE", "a job's token opens the schema registry alone; use a token of your identity provider here")
)

// holders remembers whom API keys stand for, or the tokens of jobs, by their
// hashes.
type holders struct {
	of      func(ctx context.Context, secret string) (access.Principal, time.Time, error)
	now     func() time.Time
	outside *fault.Fault // what is said where they open nothing

	mu    sync.Mutex
	known map[[sha256.Size]byte]held
}

type held struct {
	by      access.Principal
	expires time.Time
	asked   time.Time // when the database last knew it
	again   time.Time // when it is asked next, by one request; the others go on
}

// standing recognises who calls by what they hold.
func (h *holders) standing(ctx context.Context, path, secret string) (standing, error) {
	if !opens(path) {
		return standing{}, h.outside
	}
	hash := sha256.Sum256([]byte(secret))
	now := h.now()
	k, fresh := h.look(hash, now)
	if !fresh {
		patience, lasts := ctx, now.Sub(k.asked) < heldAway
		if lasts { // who is known need not wait for a database that hangs
			var cancel context.CancelFunc
			patience, cancel = context.WithTimeout(ctx, knownPatience)
			defer cancel()
		}
		by, expires, err := h.of(patience, secret)
		switch {
		case err == nil:
			k = held{by, expires, now, now.Add(heldFor)}
			h.remember(hash, k)
		case lasts && postgres.Away(err):
		case lasts && fault.All(err) == nil: // as of a caller who went away: it says nothing of the key
			return standing{}, err
		default:
			h.forget(hash)
			return standing{}, err
		}
	}
	left := k.expires.Sub(now)
	if left <= 0 {
		return standing{}, errExpired
	}
	return standing{by: k.by, left: min(left, streamFor)}, nil
}

// look finds a key, and reports whether it may be believed without asking.
func (h *holders) look(hash [sha256.Size]byte, now time.Time) (held, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, known := h.known[hash]
	if !known || now.Before(k.again) {
		return k, known
	}
	before := k
	k.again = now.Add(heldFor)
	h.known[hash] = k
	return before, false
}

func opens(path string) bool {
	for _, prefix := range keyPaths {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

func (h *holders) remember(hash [sha256.Size]byte, k held) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil || len(h.known) >= heldMost {
		h.known = map[[sha256.Size]byte]held{}
	}
	h.known[hash] = k
}

func (h *holders) forget(hash [sha256.Size]byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.known, hash)
}
