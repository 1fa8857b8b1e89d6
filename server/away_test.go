package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

// looks counts how often a session is looked up.
type looks struct{ n atomic.Int64 }

func (l *looks) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.Contains(q.SQL, "AS due_rotation") {
		l.n.Add(1)
	}
	return ctx
}

func (*looks) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Who is asked about while the issuer is stuck looks again and again whether it
// has answered, and not even once where it was away the last time.
func TestNobodyWaitsForAnIssuerThatWasAway(t *testing.T) {
	t.Parallel()
	conf, looked := pgtest.New(t).Config(), &looks{}
	conf.ConnConfig.Tracer = looked
	db, err := pgxpool.NewWithConfig(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	answer := make(chan struct{})
	s := &sessions{db: db, log: slog.New(slog.DiscardHandler), plain: true, again: func(context.Context, string) (access.Principal, string, error) {
		<-answer
		return access.Principal{}, "", errIssuerAway
	}}
	t.Cleanup(func() { close(answer); s.asking.Wait() })
	id, err := audit.EnsurePrincipal(t.Context(), db, "https://issuer.example", "ada", "Ada")
	if err != nil {
		t.Fatal(err)
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/graphql", nil)
	if err := s.start(t.Context(), w, access.Principal{ID: id, Name: "Ada"}, "a token"); err != nil {
		t.Fatal(err)
	}
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	for _, away := range []bool{false, true} {
		if _, err := db.Exec(t.Context(), `UPDATE server_session SET confirmed_at = now() - interval '6 minutes', asked_at = NULL, away = $1`, away); err != nil {
			t.Fatal(err)
		}
		looked.n.Store(0)
		if st, err := s.standing(httptest.NewRecorder(), r); err != nil || st.by.Name != "Ada" {
			t.Errorf("away %t: %+v %v", away, st.by, err)
		}
		if n := looked.n.Load(); away != (n == 1) {
			t.Errorf("away %t: it looked %d times", away, n)
		}
	}
}
