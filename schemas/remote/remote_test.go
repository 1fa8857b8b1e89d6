package remote_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flowmart/lethe/schemas/remote"
)

// A refusal is told by its code and its words, which are cut, and hold no secret of
// ours; what is no word of this API is not taken for a judgement.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const secret = "correct horse battery"
	for _, c := range []struct {
		name          string
		status        int
		body          string
		code          int
		says          string
		final, absent bool
	}{
		{"incompatible", 409, `{"error_code":409,"message":"may not follow"}`, 409, "may not follow", true, false},
		{"incompatible, of a newer line", 409, `{"error_code":40901,"message":"may not follow"}`, 40901, "may not follow", true, false},
		{"closed, of Apicurio's", 409, `{"message":"it is in read-only mode","error_code":0}`, 409, "it is in read-only mode", true, false},
		{"what a gateway says", 409, `{"message":"not now"}`, 409, "", false, false},
		{"invalid", 422, `{"error_code":42201,"message":"no schema"}`, 42201, "no schema", true, false},
		{"no subject", 404, `{"error_code":40401,"message":"not there"}`, 40401, "not there", true, true},
		{"no path", 404, `{"error_code":404,"message":"HTTP 404"}`, 404, "HTTP 404", false, false},
		{"a page", 404, `<html>`, 404, "", false, false},
		{"a page of a conflict", 409, `<html>`, 409, "", false, false},
		{"a secret that is sent back", 422, `{"error_code":42201,"message":"Bearer ` + secret + ` is odd"}`, 42201, "Bearer … is odd", true, false},
		{"a sign-in that is sent back", 422, `{"error_code":42201,"message":"Basic dXNlcjpob3JzZSBiYXR0ZXJ5 is odd"}`, 42201, "Basic … is odd", true, false},
		{"no sign-in", 401, `{"error_code":40101,"message":"who is it?"}`, 40101, "who is it?", false, false},
		{"a fault", 500, `{"error_code":50001,"message":"no leader"}`, 50001, "no leader", false, false},
		{"a redirect", 307, ``, 307, "", false, false},
		{"long", 422, `{"error_code":42201,"message":"` + strings.Repeat("é", 5000) + `"}`, 42201, strings.Repeat("é", 1022) + "…", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer server.Close()
			r := remote.Registry{URL: server.URL, User: "user", Password: "horse battery", Token: secret}
			err := r.Ask(t.Context(), http.MethodGet, "/subjects", nil, nil)
			refused, ok := errors.AsType[*remote.Refusal](err)
			if !ok || refused.Status != c.status || refused.Code != c.code || refused.Message != c.says || refused.Final() != c.final || remote.Absent(err) != c.absent {
				t.Errorf("%+v %v", refused, err)
			}
			if len(err.Error()) > 700 || strings.Contains(err.Error(), secret) {
				t.Errorf("%v", err)
			}
		})
	}
}

// What is asked says who asks, and an answer that is too large, or of yesterday, or
// of another kind is an error.
func TestAnswers(t *testing.T) {
	t.Parallel()
	var seen http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header
		if r.URL.Path == "/old" {
			w.Header().Set("X-Lethe-As-Of", "2026-11-26T12:00:00Z")
		}
		_, _ = io.WriteString(w, `["a",   "b"]`)
	}))
	defer server.Close()
	ask := func(r remote.Registry, path string, into any) error {
		r.URL = server.URL + "/"
		return r.Ask(t.Context(), http.MethodPost, path, map[string]int{"a": 1}, into)
	}
	var list []string
	if err := ask(remote.Registry{User: "u", Password: "p", Copies: true, Most: 12}, "/list", &list); err != nil || len(list) != 2 {
		t.Errorf("%v %v", list, err)
	}
	user, password, _ := (&http.Request{Header: seen}).BasicAuth()
	if user != "u" || password != "p" || seen.Get(remote.CopyHeader) != "true" || seen.Get("Content-Type") != "application/vnd.schemaregistry.v1+json" {
		t.Errorf("it was asked with %v", seen)
	}
	var number int
	for name, err := range map[string]error{
		"large":           ask(remote.Registry{Most: 11}, "/list", &list),
		"of yesterday":    ask(remote.Registry{}, "/old", &list),
		"of another kind": ask(remote.Registry{}, "/list", &number),
	} {
		if err == nil {
			t.Errorf("an answer that is %s was taken", name)
		}
	}
	if seen.Get("Authorization") != "" || seen.Get(remote.CopyHeader) != "" {
		t.Errorf("it was asked with %v", seen)
	}
}
