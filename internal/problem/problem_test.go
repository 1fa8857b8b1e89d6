package problem_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/problem"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	// Statuses after RFC 9110; the form after RFC 9457 §3.
	for _, c := range []struct {
		err    error
		status int
		code   string
		header string
	}{
		{fault.Bad("name", "REQUIRED", "give a name"), 422, "REQUIRED", ""},
		{fault.Missing("service", "no such service"), 404, "SERVICE_NOT_FOUND", ""},
		{fault.New(fault.Conflict, "MOVED", "read again"), 409, "MOVED", ""},
		{fault.New(fault.Denied, "NO", "no"), 403, "NO", ""},
		{fault.New(fault.Unknown, "UNAUTHENTICATED", "sign in"), 401, "UNAUTHENTICATED", "WWW-Authenticate"},
		{fault.New(fault.Unavailable, "AWAY", "later"), 503, "AWAY", "Retry-After"},
		{fault.New(fault.TooLarge, "BIG", "less"), 413, "BIG", ""},
		{errors.New("erika@example.com is on fire"), 500, "INTERNAL", ""},
	} {
		w := httptest.NewRecorder()
		w.Header().Set(problem.RequestID, "r1")
		problem.Write(w, c.err)
		var d struct {
			Title, Detail, Code, Type string
			Status                    int
			RequestID                 string `json:"request_id"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		if w.Code != c.status || d.Status != c.status || d.Code != c.code || d.RequestID != "r1" || d.Title != http.StatusText(c.status) {
			t.Errorf("%v: %d %+v", c.err, w.Code, d)
		}
		if c.header != "" && w.Header().Get(c.header) == "" {
			t.Errorf("%v: no %s", c.err, c.header)
		}
		if strings.Contains(w.Body.String(), "erika") || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%v: %s", c.err, w.Body)
		}
	}
	w := httptest.NewRecorder()
	problem.Write(w, errors.Join(fault.Bad("a", "X", "one"), fault.Bad("b.c", "Y", "two")))
	if !strings.Contains(w.Body.String(), `{"path":"b.c","code":"Y","detail":"two"}`) {
		t.Errorf("joined faults: %s", w.Body)
	}
}
