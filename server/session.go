package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// sessions are the browsers signed in. The browser holds a random id, of which
// the database holds the hash, and the key of the issuer's refresh token, which
// the database holds sealed. A session ends after 30 minutes without a request
// and in any case after 12 hours, by the database's clock. The issuer confirms
// its roles every five minutes; where it cannot, they stand an hour.
type sessions struct {
	db  *pgxpool.Pool
	log *slog.Logger
	// again asks the issuer what the person of a refresh token may do now. The
	// token it returns takes that one's place, also beside an error.
	again  func(ctx context.Context, refresh string) (by access.Principal, next string, err error)
	asking sync.WaitGroup // the issuer, for sessions
	// plain cookies have neither the __Host- prefix nor Secure. Chromium
	// refuses the prefix on http://localhost, though it takes Secure there, and
	// Safari refuses both; they serve development alone.
	plain bool
}

// session is a row as a request finds it.
type session struct {
	ID          []byte
	Handle      uuid.UUID
	PrincipalID uuid.UUID
	Name        string
	Roles       []string
	Teams       []string
	Arrived     bool // the cookie shows the id that waits in next_id
	Current     bool // the cookie shows id itself
	DueRotation bool
	DueTouch    bool
	Due         bool // to be confirmed by the issuer
	Away        bool // which did not answer the last time
	Over        bool // and has not for an hour
}

// standing recognises the browser of a request, or answers errNoToken. It
// renews the cookie when that is due.
func (s *sessions) standing(w http.ResponseWriter, r *http.Request) (standing, error) {
	id, key := s.read(r, "lethe"), s.read(r, "lethe-key")
	if len(id) != 32 {
		return standing{}, errNoToken
	}
	found, err := findSession(r.Context(), s.db, hash(id))
	if err == nil {
		found, err = s.confirm(r.Context(), hash(id), found, key)
	}
	if errors.Is(err, postgres.ErrNotFound) {
		return standing{}, errNoToken
	}
	if err != nil {
		return standing{}, err
	}
	if err := s.keep(w, r, found); err != nil {
		return standing{}, err
	}
	by := access.Principal{ID: found.PrincipalID, Name: found.Name, Teams: found.Teams}
	for _, role := range found.Roles {
		by.Roles = append(by.Roles, access.Role(role))
	}
	return standing{by: by, ended: func(ctx context.Context) error {
		return s.stillStands(ctx, found.Handle, found.PrincipalID, rights{found.Roles, found.Teams}, key)
	}}, nil
}

// read reads what a cookie of ours holds; nil if there is none.
func (s *sessions) read(r *http.Request, name string) []byte {
	cookie, err := r.Cookie(s.cookieName(name))
	if err != nil {
		return nil
	}
	value, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return nil
	}
	return value
}

// keep notes that the session is alive and moves its id on. Most requests need
// neither.
func (s *sessions) keep(w http.ResponseWriter, r *http.Request, found session) error {
	switch {
	case found.Arrived:
		return promoteSession(r.Context(), s.db, found.ID)
	case found.Current && found.DueRotation:
		next := random()
		fresh, err := rotateSession(r.Context(), s.db, found.ID, hash(next))
		if err == nil && fresh {
			s.setCookie(w, "lethe", next, 0)
		}
		return err
	case found.DueTouch:
		return touchSession(r.Context(), s.db, found.ID)
	}
	return nil
}

// start begins a session for who has just signed in, under an id that nobody
// has seen before. The issuer's refresh token may be empty.
func (s *sessions) start(ctx context.Context, w http.ResponseWriter, by access.Principal, refresh string) error {
	const q = `
		INSERT INTO server_session (id, handle, principal_id, name, roles, teams, refresh)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`
	id, key, handle, may := random(), random(), uuid.New(), rightsOf(by)
	var sealed []byte
	if refresh != "" {
		var err error
		if sealed, err = sealToken(key, handle, refresh); err != nil {
			return err
		}
	}
	if _, err := s.db.Exec(ctx, q, hash(id), handle, by.ID, by.Name, may.Roles, may.Teams, sealed); err != nil {
		return err
	}
	s.setCookie(w, "lethe", id, 0)
	s.setCookie(w, "lethe-key", key, 0)
	return nil
}

// end ends the session of a request's cookie, if there is one.
func (s *sessions) end(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	const q = `
		DELETE FROM server_session
		 WHERE id = $1 OR next_id = $1 OR (previous_id = $1 AND previous_until > now())`
	id := s.read(r, "lethe")
	if id == nil {
		return nil // there is no session to end
	}
	if _, err := s.db.Exec(ctx, q, hash(id)); err != nil {
		return err
	}
	s.setCookie(w, "lethe", nil, -1)
	s.setCookie(w, "lethe-key", nil, -1)
	return nil
}

func findSession(ctx context.Context, db postgres.DB, id []byte) (session, error) {
	const q = `
		SELECT id, handle, principal_id, name, roles, teams,
		       coalesce(next_id = $1, false) AS arrived,
		       id = $1 AS current,
		       rotated_at < now() - interval '15 minutes' AS due_rotation,
		       seen_at < now() - interval '1 minute' AS due_touch,
		       refresh IS NOT NULL AND confirmed_at < now() - interval '5 minutes' AS due,
		       away,
		       confirmed_at < now() - interval '1 hour' AS over
		  FROM server_session
		 WHERE (id = $1 OR next_id = $1 OR (previous_id = $1 AND previous_until > now()))
		   AND seen_at > now() - interval '30 minutes'
		   AND signed_in_at > now() - interval '12 hours'
		   AND (refresh IS NOT NULL OR confirmed_at > now() - interval '1 hour')`
	return postgres.One[session](ctx, db, q, id)
}

func touchSession(ctx context.Context, db postgres.DB, id []byte) error {
	const q = `UPDATE server_session SET seen_at = now() WHERE id = $1`
	_, err := db.Exec(ctx, q, id)
	return err
}

// rotateSession offers a new id. Of several requests that try at once one
// wins; an offer that was lost on its way is replaced by the next.
func rotateSession(ctx context.Context, db postgres.DB, id, next []byte) (bool, error) {
	const q = `
		UPDATE server_session SET next_id = $2, rotated_at = now(), seen_at = now()
		 WHERE id = $1 AND rotated_at < now() - interval '15 minutes'`
	tag, err := db.Exec(ctx, q, id, next)
	return tag.RowsAffected() == 1, err
}

// promoteSession makes the id that arrived the session's own.
func promoteSession(ctx context.Context, db postgres.DB, id []byte) error {
	const q = `
		UPDATE server_session
		   SET id = next_id, next_id = NULL, previous_id = id, previous_until = now() + interval '30 seconds', seen_at = now()
		 WHERE id = $1 AND next_id IS NOT NULL`
	_, err := db.Exec(ctx, q, id)
	return err
}

// sweepSessions deletes what has ended.
func sweepSessions(ctx context.Context, db postgres.DB) error {
	const q = `
		WITH logins AS (DELETE FROM server_login WHERE expires_at < now())
		DELETE FROM server_session
		 WHERE seen_at < now() - interval '30 minutes' OR signed_in_at < now() - interval '12 hours'
		    OR refresh IS NULL AND confirmed_at < now() - interval '1 hour'`
	_, err := db.Exec(ctx, q)
	return err
}

// cookieName prefixes a name so that browsers hold the cookie to this host,
// this path and HTTPS.
func (s *sessions) cookieName(name string) string {
	if s.plain {
		return name
	}
	return "__Host-" + name
}

func (s *sessions) setCookie(w http.ResponseWriter, name string, value []byte, maxAge int) {
	//nolint:gosec // not Secure only under --dev, on a loopback http URL
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(name), Value: base64.RawURLEncoding.EncodeToString(value), Path: "/", MaxAge: maxAge,
		Secure: !s.plain, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func random() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

func hash(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// loginFor is how long a person may take at the issuer.
const loginFor = 10 * time.Minute
