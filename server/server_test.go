package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/server"
	"github.com/flowmart/lethe/server/issuertest"
	"github.com/flowmart/lethe/server/servertest"
)

func TestServerStartsAndStops(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/graphql": 401} {
		resp := s.Do(t, http.MethodGet, path, "", nil)
		if resp.Body.Close(); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	resp := s.Do(t, http.MethodGet, "/metrics", "", nil)
	if resp.Body.Close(); resp.StatusCode == 200 {
		t.Error("metrics on the public listener")
	}
	ops, err := http.Get(s.OpsURL + "/metrics")
	if err != nil || ops.StatusCode != 200 {
		t.Errorf("metrics: %v", err)
	}
	_ = ops.Body.Close()
	if err := s.Stop(); err != nil { // as it would be where a part did not stop in its time
		t.Errorf("stop: %v", err)
	}
}

// Whoever takes a server back before it has begun gets it back, without a word.
func TestAServerStoppedBeforeItBeginsStops(t *testing.T) {
	t.Parallel()
	conf := servertest.New(t).Config
	conf.Listen, conf.OpsListen = "127.0.0.1:0", "127.0.0.1:0"
	s, err := server.New(t.Context(), conf, server.LogTo(&servertest.Log{}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestReadinessNamesEveryDependency(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	s.Issuer.Down.Store(true)
	resp := s.Do(t, http.MethodGet, "/readyz", "", nil)
	defer resp.Body.Close()
	var state struct {
		Ready        bool
		Dependencies []struct {
			Name string
			OK   bool
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&state); err != nil {
		t.Fatal(err)
	}
	ok := map[string]bool{}
	for _, d := range state.Dependencies {
		ok[d.Name] = d.OK
	}
	if !state.Ready || !ok["database"] || !ok["migrations"] || !ok["keystore"] || ok["issuer"] {
		t.Errorf("with the issuer down: %+v", state)
	}
}

func TestTokensOfEveryRole(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	for _, role := range access.Roles {
		resp := s.Do(t, http.MethodPost, "/graphql", s.Token(role, issuertest.Claims{"lethe_service": "orders"}), strings.NewReader(`{}`))
		if resp.Body.Close(); resp.StatusCode == 401 || resp.StatusCode == 403 {
			t.Errorf("%s: %d", role, resp.StatusCode)
		}
	}
	var rows int
	if err := s.DB.QueryRow(t.Context(), `SELECT count(*) FROM audit_principal WHERE issuer = $1`, s.Issuer.URL).Scan(&rows); err != nil || rows != len(access.Roles) {
		t.Errorf("%d principals, %v", rows, err)
	}
}

func TestGraphQLKnowsTheCaller(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	var who struct {
		Viewer struct {
			Name    string
			Roles   []string
			Teams   []string
			Service *string
		}
	}
	s.QueryAs(t, s.Person("ada", []access.Role{access.Steward}, "payments"), `{ viewer { name roles teams service } }`, nil, &who)
	if v := who.Viewer; v.Name != "ada" || len(v.Roles) != 1 || v.Roles[0] != "STEWARD" || v.Teams[0] != "payments" || v.Service != nil {
		t.Errorf("viewer = %+v", v)
	}
	s.Query(t, access.DPO, `{ viewer { name roles } }`, nil, &who)
	if who.Viewer.Name != "The dpo" {
		t.Errorf("viewer = %+v", who.Viewer)
	}
	if a := s.Ask(t, "", `{ viewer { name } }`, nil); a.Status != 401 {
		t.Errorf("nobody: %d %s", a.Status, a.Body)
	}
}

func TestNewRefusesABrokenGround(t *testing.T) {
	t.Parallel()
	app, _, _ := pgtest.URLs(t)
	keys, _, _ := pgtest.KeystoreURLs(t)
	s := servertest.On(t, issuertest.New(t), app, keys, servertest.Files(t))
	conf := s.Config
	conf.Listen, conf.OpsListen = "127.0.0.1:0", "127.0.0.1:0"
	for name, c := range map[string]struct {
		change func(*server.Config)
		want   string
	}{
		"no such database": {func(c *server.Config) { c.DatabaseURL = "postgres://lethe_app:hunter2@127.0.0.1:1/lethe" }, "LETHE_DATABASE_URL cannot be used"},
		"not migrated":     {func(c *server.Config) { c.DatabaseURL = strings.Replace(app, "/"+database(app), "/postgres", 1) }, "LETHE_DATABASE_URL"},
		"port taken":       {func(c *server.Config) { c.Listen = strings.TrimPrefix(s.URL, "http://") }, "is another Lethe running?"},
	} {
		broken := conf
		c.change(&broken)
		srv, err := server.New(t.Context(), broken, server.LogTo(&servertest.Log{}))
		if err == nil {
			srv.Close()
			t.Errorf("%s: accepted", name)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func database(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	_, name, _ := strings.Cut(rest, "/")
	name, _, _ = strings.Cut(name, "?")
	return name
}

// Two replicas on one database know each other's sessions and need no order of
// starting or stopping.
func TestReplicasShareSessions(t *testing.T) {
	t.Parallel()
	app, _, _ := pgtest.URLs(t)
	keys, _, _ := pgtest.KeystoreURLs(t)
	issuer, files := issuertest.New(t), servertest.Files(t)
	one := servertest.On(t, issuer, app, keys, files)
	two := servertest.On(t, issuer, app, keys, files)
	b := newBrowser(t, one)
	b.signIn(ada)
	id := b.cookie()
	if !newBrowser(t, two).known(id) {
		t.Error("the other replica does not know the session")
	}
	if err := one.Stop(); err != nil {
		t.Error(err)
	}
	if !newBrowser(t, two).known(id) {
		t.Error("the session ended with the replica")
	}
}
