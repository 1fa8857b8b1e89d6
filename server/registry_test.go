package server_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/server/servertest"
)

// A published client of the registry's API (franz-go's) finds its own form of
// errors also in what is refused before the registry's door, and the limits of
// docs/registry.md: bodies of 7 MiB, schemas of 1 MiB.
func TestRegistryClientsThroughTheFront(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	client := func(token string) *sr.Client {
		c, err := sr.NewClient(sr.URLs(s.URL+"/registry"), sr.BasicAuth("token", token))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	told := func(what string, err error, code int) {
		t.Helper()
		if refused, ok := errors.AsType[*sr.ResponseError](err); !ok || refused.ErrorCode != code || refused.Message == "" {
			t.Errorf("%s: %v, want error_code %d", what, err, code)
		}
	}
	_, err := client("nonsense").Subjects(t.Context())
	told("a token that is none", err, 401)
	admin := client(s.Token(access.Admin))
	schema := func(size int) sr.Schema {
		doc, _ := json.Marshal(strings.Repeat("x", size))
		return sr.Schema{Schema: `{"type":"record","name":"R","doc":` + string(doc) + `,"fields":[]}`}
	}
	_, err = admin.CreateSchema(t.Context(), "big-value", schema(8<<20))
	told("8 MiB", err, 413)
	_, err = admin.CreateSchema(t.Context(), "big-value", schema(3<<20))
	told("a schema of 3 MiB", err, 42209)
	long := sr.Schema{Schema: `{"type":"record","name":"R","doc":"` + strings.Repeat("<", 700<<10) + `","fields":[]}`} // six bytes each in JSON
	if _, err := admin.CreateSchema(t.Context(), "big-value", long); err != nil {
		t.Errorf("a body of 4 MiB: %v", err)
	}
}

// A subject without a name is none; nobody is sent to another one.
func TestASubjectWithoutAName(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	for _, path := range []string{"/registry/subjects//versions", "/registry/subjects//versions/latest", "/registry/subjects/../config"} {
		status, said := knock(t, s, "GET /registry/", path, "", s.Token(access.Viewer))
		var body struct {
			Code int `json:"error_code"`
		}
		if err := json.Unmarshal([]byte(said), &body); err != nil || status != http.StatusNotFound || body.Code == 0 {
			t.Errorf("%s: %d %s", path, status, said)
		}
	}
}

// A producer that knows a user and a password registers with an API key, until
// that is revoked; the key opens nothing else.
func TestRegistryWithAnAPIKey(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	furnishRoutes(t, s, func(method, path, body string) string {
		_, said := knock(t, s, method+" "+path, path, body, s.Token(access.Admin))
		return said
	})
	var key struct{ ID, Key string }
	status, said := knock(t, s, "POST /api/v1/keys", "/api/v1/keys", `{"service":"orders","role":"service","label":"producers","days":30}`, s.Token(access.Admin))
	if err := json.Unmarshal([]byte(said), &key); err != nil || status != 200 || key.Key == "" {
		t.Fatalf("%d %s", status, said)
	}
	client, err := sr.NewClient(sr.URLs(s.URL+"/registry"), sr.BasicAuth(key.ID, key.Key))
	if err != nil {
		t.Fatal(err)
	}
	if made, err := client.CreateSchema(t.Context(), "of-the-key", sr.Schema{Schema: `"string"`}); err != nil || made.Version != 1 {
		t.Errorf("%+v %v", made, err)
	}
	if status, said := knock(t, s, "GET /api/v1/keys", "/api/v1/keys", "", key.Key); status != 403 || !strings.Contains(said, "API_KEY_SCOPE") {
		t.Errorf("the key elsewhere: %d %s", status, said)
	}
	if status, said := knock(t, s, "DELETE /api/v1/keys/{id}", "/api/v1/keys/"+key.ID, "", s.Token(access.Admin)); status != 200 || strings.Contains(said, key.Key) {
		t.Errorf("revoked: %d %s", status, said)
	}
	if strings.Contains(s.Log.String(), key.Key) {
		t.Error("the log tells the secret")
	}
}
