package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/rest"
)

const (
	v1 = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"}]}`
	v2 = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"note","type":"string","default":""}]}`
	no = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"total","type":"long"}]}`
)

// served is the door on a real listener, with a stand-in for the server's
// sign-in: the password of HTTP Basic names a role.
type served struct {
	url string
	log *strings.Builder
	db  *pgxpool.Pool
}

func serve(t testing.TB) *served {
	t.Helper()
	db := pgtest.New(t)
	s := &served{log: &strings.Builder{}, db: db}
	mux := http.NewServeMux()
	rest.New(schemas.New(db, time.Now), slog.New(slog.NewTextHandler(s.log, nil))).Mount(mux)
	server := httptest.NewServer(signIn(t, db, mux))
	t.Cleanup(server.Close)
	s.url = server.URL + rest.Prefix
	return s
}

func signIn(t testing.TB, db *pgxpool.Pool, next http.Handler) http.Handler {
	known := map[string]access.Principal{}
	for _, role := range []access.Role{access.Admin, access.Viewer, access.CI} {
		id, err := audit.EnsurePrincipal(t.Context(), db, "test", string(role), string(role))
		if err != nil {
			t.Fatal(err)
		}
		known[string(role)] = access.Principal{ID: id, Roles: []access.Role{role}}
		if role == access.CI {
			known[string(role)] = access.Principal{ID: id, Roles: []access.Role{role}, Service: "orders"}
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, token, _ := r.BasicAuth()
		next.ServeHTTP(w, r.WithContext(access.With(r.Context(), known[token])))
	})
}

func (s *served) client(t testing.TB, role string) *sr.Client {
	t.Helper()
	cl, err := sr.NewClient(sr.URLs(s.url), sr.BasicAuth("token", role))
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

// The client is franz-go's, as it is published.
func TestAClientOfTheRealAPI(t *testing.T) {
	t.Parallel()
	s, ctx := serve(t), t.Context()
	cl := s.client(t, "admin")
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	first, err := cl.CreateSchema(ctx, "orders-value", sr.Schema{Schema: "\n" + v1})
	check(err)
	if first.ID != 1 || first.Version != 1 || first.Subject != "orders-value" || first.Schema.Schema != v1 || first.Type != sr.TypeAvro {
		t.Errorf("created %+v", first)
	}
	id, err := cl.RegisterSchema(ctx, "orders-value", sr.Schema{Schema: v2}, -1, -1)
	check(err)
	if again, err := cl.RegisterSchema(ctx, "orders-value", sr.Schema{Schema: v2}, -1, -1); err != nil || again != id {
		t.Errorf("again: %d %v", again, err)
	}
	found, err := cl.LookupSchema(ctx, "orders-value", sr.Schema{Schema: v2})
	check(err)
	if found.ID != id || found.Version != 2 {
		t.Errorf("looked up %+v", found)
	}
	byID, err := cl.SchemaByID(ctx, id)
	check(err)
	text, err := cl.SchemaTextByID(ctx, id)
	check(err)
	if byID.Schema != v2 || text != v2 {
		t.Errorf("by id %q, text %q", byID.Schema, text)
	}
	latest, err := cl.SchemaByVersion(ctx, "orders-value", -1)
	check(err)
	if latest.Version != 2 || latest.ID != id {
		t.Errorf("latest %+v", latest)
	}
	if text, err := cl.SchemaTextByVersion(ctx, "orders-value", 1); err != nil || text != v1 {
		t.Errorf("text of version 1: %q %v", text, err)
	}
	versions, err := cl.SubjectVersions(ctx, "orders-value")
	check(err)
	subjects, err := cl.Subjects(ctx)
	check(err)
	uses, err := cl.SchemaVersionsByID(ctx, id)
	check(err)
	in, err := cl.SubjectsByID(ctx, id)
	check(err)
	types, err := cl.SupportedTypes(ctx)
	check(err)
	if !slices.Equal(versions, []int{1, 2}) || !slices.Equal(subjects, []string{"orders-value"}) || !slices.Equal(in, subjects) ||
		len(uses) != 1 || uses[0].Version != 2 || !slices.Contains(types, sr.TypeAvro) || !slices.Contains(types, sr.TypeProtobuf) {
		t.Errorf("%v %v %v %v %v", versions, subjects, in, uses, types)
	}
	_, err = cl.CreateSchema(ctx, "orders-value", sr.Schema{Schema: no})
	wants(t, err, sr.ErrIncompatibleSchema)
	verdict, err := cl.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), "orders-value", -1, sr.Schema{Schema: no})
	check(err)
	if verdict.Is || len(verdict.Messages) == 0 || !strings.Contains(verdict.Messages[0], "READER_FIELD_MISSING_DEFAULT_VALUE") {
		t.Errorf("verdict %+v", verdict)
	}
	for _, c := range cl.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatNone}, "orders-value") {
		check(c.Err)
	}
	if c := cl.Compatibility(ctx, "orders-value", sr.GlobalSubject); c[0].Level != sr.CompatNone || c[1].Level != sr.CompatBackward {
		t.Errorf("levels %+v", c)
	}
	if m := cl.Mode(ctx); m[0].Mode != sr.ModeReadWrite {
		t.Errorf("mode %+v", m)
	}
	if third, err := cl.CreateSchema(ctx, "orders-value", sr.Schema{Schema: no}); err != nil || third.Version != 3 {
		t.Errorf("%+v %v", third, err)
	}
}

func TestReferencesOverTheWire(t *testing.T) {
	t.Parallel()
	s, ctx := serve(t), t.Context()
	cl := s.client(t, "admin")
	if _, err := cl.CreateSchema(ctx, "order", sr.Schema{Schema: v1}); err != nil {
		t.Fatal(err)
	}
	list := sr.Schema{Schema: `{"type":"array","items":"shop.Order"}`, References: []sr.SchemaReference{{Name: "shop.Order", Subject: "order", Version: 1}}}
	made, err := cl.CreateSchema(ctx, "orders", list)
	if err != nil || len(made.References) != 1 || made.References[0] != list.References[0] {
		t.Errorf("%+v %v", made, err)
	}
}

func TestCodesThatClientsKnow(t *testing.T) {
	t.Parallel()
	s, ctx := serve(t), t.Context()
	cl := s.client(t, "admin")
	if _, err := cl.CreateSchema(ctx, "a", sr.Schema{Schema: v1}); err != nil {
		t.Fatal(err)
	}
	_, err := cl.SubjectVersions(ctx, "nothing")
	wants(t, err, sr.ErrSubjectNotFound)
	_, err = cl.SchemaByVersion(ctx, "a", 9)
	wants(t, err, sr.ErrVersionNotFound)
	_, err = cl.SchemaByID(ctx, 99)
	wants(t, err, sr.ErrSchemaNotFound)
	_, err = cl.LookupSchema(ctx, "a", sr.Schema{Schema: v2})
	wants(t, err, sr.ErrSchemaNotFound)
	_, err = cl.LookupSchema(ctx, "nothing", sr.Schema{Schema: v2})
	wants(t, err, sr.ErrSubjectNotFound)
	_, err = cl.CreateSchema(ctx, "a", sr.Schema{Schema: `{"type":"recrd"}`})
	wants(t, err, sr.ErrInvalidSchema)
	_, err = cl.CreateSchema(ctx, "__GLOBAL", sr.Schema{Schema: v1})
	wants(t, err, sr.ErrInvalidSubject)
	_, err = cl.CreateSchema(ctx, "a", sr.Schema{Schema: `"` + strings.Repeat("x", 2<<20) + `"`})
	wants(t, err, sr.ErrSchemaTooLarge)
	_, err = cl.CreateSchemaWithIDAndVersion(ctx, "a", sr.Schema{Schema: v2}, 7, 2)
	wants(t, err, sr.ErrOperationNotPermitted)
	_, err = cl.CheckCompatibility(ctx, "a", 9, sr.Schema{Schema: v1})
	wants(t, err, sr.ErrVersionNotFound)
	wants(t, cl.Compatibility(ctx, "a")[0].Err, sr.ErrSubjectLevelCompatibilityNotConfigured)
	wants(t, cl.Mode(ctx, "a")[0].Err, sr.ErrSubjectLevelModeNotConfigured)
}

// wants fails unless the client understood the answer as the error.
func wants(t *testing.T, err error, want *sr.Error) {
	t.Helper()
	got, ok := errors.AsType[*sr.ResponseError](err)
	if !ok || got.SchemaError().Code != want.Code {
		t.Errorf("got %v, want %d", err, want.Code)
	}
}

// ask sends one request by hand and returns status, error code and body.
func (s *served) ask(t *testing.T, method, path, body string, headers ...string) (int, int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("token", "admin")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var told struct {
		ErrorCode int    `json:"error_code"`
		Message   string `json:"message"`
	}
	_ = json.Unmarshal(answer, &told)
	if resp.StatusCode >= 400 && (told.ErrorCode == 0 || told.Message == "") {
		t.Errorf("%s %s: the error is %q", method, path, answer)
	}
	return resp.StatusCode, told.ErrorCode, string(answer)
}

func submission(text string, more ...string) string {
	b, _ := json.Marshal(text)
	return fmt.Sprintf(`{"schema":%s%s}`, b, strings.Join(more, ""))
}

// Statuses and codes are those of Confluent's API (see docs/registry.md).
func TestAnswersByHand(t *testing.T) {
	t.Parallel()
	s := serve(t)
	tests := []struct {
		name, method, path, body string
		status, code             int
		holds                    string
		headers                  []string
	}{
		{"the root", "GET", "/", "", 200, 0, "{}", nil},
		{"no subjects", "GET", "/subjects", "", 200, 0, "[]", nil},
		{"a first version", "POST", "/subjects/a%2Fb%3A%20c/versions", submission(v1), 200, 0, `{"id":1,`, nil},
		{"a subject with a slash", "GET", "/subjects", "", 200, 0, `["a/b: c"]`, nil},
		{"its versions", "GET", "/subjects/a%2Fb%3A%20c/versions", "", 200, 0, "[1]", nil},
		{"latest in capitals", "GET", "/subjects/a%2Fb%3A%20c/versions/LATEST", "", 200, 0, `"subject":"a/b: c","version":1,"id":1,"schema":"{`, nil},
		{"a text", "GET", "/schemas/ids/1/schema", "", 200, 0, v1, nil},
		{"by id, no type for AVRO", "GET", "/schemas/ids/1", "", 200, 0, `{"schema":"{`, nil},
		{"versions by id", "GET", "/schemas/ids/1/versions", "", 200, 0, `[{"subject":"a/b: c","version":1}]`, nil},
		{"a page", "GET", "/subjects?offset=1&limit=5", "", 200, 0, "[]", nil},
		{"deleted ones only", "GET", "/subjects?deletedOnly=true", "", 200, 0, "[]", nil},
		{"every context", "GET", "/subjects?subjectPrefix=" + url.QueryEscape(":*:"), "", 200, 0, `["a/b: c"]`, nil},
		{"verdict on all", "POST", "/compatibility/subjects/a%2Fb%3A%20c/versions", submission(v2), 200, 0, `{"is_compatible":true}`, nil},
		{"verdict that says no", "POST", "/compatibility/subjects/a%2Fb%3A%20c/versions/1?verbose=true", submission(no), 200, 0, `"path '/fields/1'`[1:], nil},
		{"both sides of a difference", "POST", "/compatibility/subjects/a%2Fb%3A%20c/versions/1?verbose=true", submission(no), 200, 0, `reader:'{\"name\":\"total\",\"type\":\"long\"}', writer:'{`, nil},
		{"a verdict with a warning", "POST", "/compatibility/subjects/a%2Fb%3A%20c/versions/1?verbose=true", submission(strings.Replace(v1, `"string"`, `{"type":"string","logicalType":"uuid"}`, 1)), 200, 0, `{"is_compatible":true,"messages":["{warningType:'LOGICAL_TYPE_CHANGED'`, nil},
		{"verdict on what cannot be read", "POST", "/compatibility/subjects/x/versions/latest?verbose=true", submission(`"x"`), 200, 0, `"is_compatible":false`, nil},
		{"the same, briefly", "POST", "/compatibility/subjects/x/versions/latest", submission(`"x"`), 422, 42201, "", nil},
		{"no such subject to test", "POST", "/compatibility/subjects/x/versions/1", submission(v1), 404, 40402, "", nil},
		{"a refusal in the API's form", "POST", "/subjects/a%2Fb%3A%20c/versions", submission(no), 409, 409, `details: [{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE'`, nil},
		{"a member nobody knows", "POST", "/subjects/b/versions", submission(v1, `,"propagateSchemaTags":true`), 200, 0, `{"id":1,`, nil},
		{"as a newer client names it", "POST", "/subjects/b/versions", submission(v1), 200, 0, "", []string{"Content-Type", "application/vnd.schemaregistry+json; charset=utf-8", "Accept", "application/vnd.schemaregistry+json"}},
		{"rules that cannot be told apart", "POST", "/subjects/b/versions", submission(v1, `,"ruleSet":{"domainRules":[{"kind":"CONDITION"}]}`), 422, 42210, "", nil},
		{"another type", "POST", "/subjects/b/versions", submission(`{}`, `,"schemaType":"PROTOBUF"`), 422, 42201, "", nil},

		{"an unknown path", "GET", "/nothing", "", 404, 404, "", nil},
		{"a wrong method", "PUT", "/subjects/b", "", 405, 405, "", nil},
		{"a wrong type", "POST", "/subjects/b/versions", "x", 415, 415, "", []string{"Content-Type", "text/xml"}},
		{"a wrong wish", "GET", "/subjects", "", 406, 406, "", []string{"Accept", "image/png"}},
		{"an empty body", "POST", "/subjects/b/versions", " ", 422, 422, "", nil},
		{"no JSON", "POST", "/subjects/b/versions", "{", 400, 400, "", nil},
		{"another shape", "POST", "/subjects/b/versions", `[1]`, 400, 400, "", nil},
		{"no schema", "POST", "/subjects/b/versions", `{}`, 422, 42201, "", nil},
		{"a huge body", "POST", "/subjects/b/versions", submission(strings.Repeat("x", 8<<20)), 413, 413, "", nil},
		{"a deep schema", "POST", "/subjects/b/versions", submission(strings.Repeat("[", 3000)), 422, 42201, "", nil},
		{"version 0", "GET", "/subjects/b/versions/0", "", 422, 42202, "", nil},
		{"version -2", "GET", "/subjects/b/versions/-2", "", 422, 42202, "", nil},
		{"version -1", "GET", "/subjects/b/versions/-1", "", 200, 0, `"version":1`, nil},
		{"a version beyond", "GET", "/subjects/b/versions/2147483648", "", 422, 42202, "", nil},
		{"a version that is a word", "GET", "/subjects/b/versions/first", "", 422, 42202, "", nil},
		{"an id that is a word", "GET", "/schemas/ids/first", "", 404, 404, "", nil},
		{"a control character", "POST", "/subjects/a%0Ab/versions", submission(v1), 422, 42208, "", nil},
		{"no UTF-8", "POST", "/subjects/a%FFb/versions", submission(v1), 422, 42208, "", nil},

		{"the registry's level", "GET", "/config", "", 200, 0, `{"compatibilityLevel":"BACKWARD"}`, nil},
		{"no level of its own", "GET", "/config/b", "", 404, 40408, "", nil},
		{"the level that holds", "GET", "/config/b?defaultToGlobal=true", "", 200, 0, `{"compatibilityLevel":"BACKWARD"}`, nil},
		{"a level in small letters", "PUT", "/config/b", `{"compatibility":"full_transitive"}`, 200, 0, `{"compatibility":"FULL_TRANSITIVE"}`, nil},
		{"no level", "PUT", "/config/b", `{"compatibility":"BACKWARDS"}`, 422, 42203, "did you mean", nil},
		{"a level missing changes nothing", "PUT", "/config/b", `{}`, 200, 0, `{"compatibility":"FULL_TRANSITIVE"}`, nil},
		{"contexts", "GET", "/contexts", "", 200, 0, `["."]`, nil},
	}
	for _, tt := range tests {
		status, code, body := s.ask(t, tt.method, tt.path, tt.body, tt.headers...)
		if status != tt.status || code != tt.code || !strings.Contains(body, tt.holds) {
			t.Errorf("%s: %d %d %s; want %d %d %s", tt.name, status, code, body, tt.status, tt.code, tt.holds)
		}
		if len(body) > 8<<10 {
			t.Errorf("%s: the answer has %d bytes", tt.name, len(body))
		}
	}
	if s.log.Len() > 0 {
		t.Errorf("the door logged %s", s.log)
	}
}

func TestTheDoorAsksWhoItIs(t *testing.T) {
	t.Parallel()
	s := serve(t)
	status := func(role, method, path, body string) (int, http.Header) {
		req, _ := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
		req.SetBasicAuth("token", role)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode, resp.Header
	}
	if got, header := status("", "GET", "/subjects", ""); got != 401 || header.Get("WWW-Authenticate") == "" {
		t.Errorf("nobody got %d %v", got, header)
	}
	if got, _ := status("viewer", "GET", "/subjects", ""); got != 200 {
		t.Errorf("a viewer got %d", got)
	}
	if got, _ := status("viewer", "POST", "/subjects/a/versions", submission(v1)); got != 403 {
		t.Errorf("a viewer's registration got %d", got)
	}
	if got, _ := status("viewer", "PUT", "/config", `{"compatibility":"NONE"}`); got != 403 {
		t.Errorf("a viewer's level got %d", got)
	}
}

// A path says which methods it takes, where RFC 9110 §15.5.6 has it.
func TestAWrongMethodIsToldTheRightOnes(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for path, allow := range map[string]string{"/subjects": "GET", "/subjects/a": "POST, DELETE", "/contexts/c/mode/a": "GET, PUT, DELETE"} {
		req, _ := http.NewRequestWithContext(t.Context(), "PATCH", s.url+path, nil)
		req.SetBasicAuth("token", "admin")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := resp.Header.Get("Allow"); resp.StatusCode != http.StatusMethodNotAllowed || got != allow {
			t.Errorf("%s: %d, Allow: %q, want %q", path, resp.StatusCode, got, allow)
		}
	}
}

// Doubt about the database is never taken for the absence of a schema.
func TestADatabaseThatIsAwayIsNoEmptyRegistry(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	url, _, _ := pgtest.URLs(t)
	own, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	own.Close()
	var log strings.Builder
	server := httptest.NewServer(signIn(t, db, rest.New(schemas.New(own, time.Now), slog.New(slog.NewTextHandler(&log, nil)))))
	t.Cleanup(server.Close)
	s := &served{url: server.URL + rest.Prefix}
	for _, path := range []string{"/subjects", "/subjects/a/versions/latest", "/schemas/ids/1"} {
		if status, code, _ := s.ask(t, "GET", path, ""); status < 500 || code != 50001 {
			t.Errorf("%s: %d %d", path, status, code)
		}
	}
	if !strings.Contains(log.String(), "registry") {
		t.Error("nothing was logged")
	}
}

// What takes too long is not told as a database that is away.
func TestWhatTakesTooLongIsToldSo(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	mux := http.NewServeMux()
	rest.New(schemas.New(db, time.Now), slog.New(slog.DiscardHandler)).Mount(mux)
	hasty := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 500*time.Millisecond)
		defer cancel()
		mux.ServeHTTP(w, r.WithContext(ctx))
	})
	server := httptest.NewServer(signIn(t, db, hasty))
	t.Cleanup(server.Close)
	tx, err := db.Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), `LOCK TABLE schemas_version`)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &served{url: server.URL + rest.Prefix}
	status, code, said := s.ask(t, "POST", "/subjects/a-value/versions", submission(v1))
	if status != http.StatusServiceUnavailable || code != 50001 || !strings.Contains(said, "did not get done in time") {
		t.Errorf("%d %d %s", status, code, said)
	}
	_ = tx.Rollback(context.WithoutCancel(t.Context()))
}

func BenchmarkREST(b *testing.B) {
	s := serve(b)
	cl := s.client(b, "admin")
	made, err := cl.CreateSchema(b.Context(), "orders-value", sr.Schema{Schema: v1})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("by id", func(b *testing.B) {
		for b.Loop() {
			if _, err := cl.SchemaByID(b.Context(), made.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("register known", func(b *testing.B) {
		for b.Loop() {
			if _, err := cl.RegisterSchema(b.Context(), "orders-value", sr.Schema{Schema: v1}, -1, -1); err != nil {
				b.Fatal(err)
			}
		}
	})
}
