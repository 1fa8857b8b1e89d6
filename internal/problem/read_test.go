package problem_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/problem"
)

func TestRead(t *testing.T) {
	t.Parallel()
	type question struct {
		Subject string `json:"subject"`
	}
	for _, c := range []struct {
		body io.Reader
		code string
		says string // with the place before it
	}{
		{strings.NewReader(` {"subject":"a"} `), "", ""},
		{strings.NewReader(`{"subjct":"a"}`), "BAD_JSON", `subjct: there is no such member; send one object like {"subject":"x"}`},
		{strings.NewReader(`{"` + strings.Repeat("a", 200) + `":1}`), "BAD_JSON", `send one object like {"subject":"x"}, with no other members`},
		{strings.NewReader(`{"subject":"a"}{}`), "BAD_JSON", "there is something behind the object"},
		{strings.NewReader(`{"subject":1}`), "BAD_JSON", `subject: this member takes a string; send one object like {"subject":"x"}`},
		{strings.NewReader(`{"subject":"a",}`), "BAD_JSON", "the body is not JSON, at byte 16"},
		{strings.NewReader(`[]`), "BAD_JSON", "send one object"},
		{strings.NewReader(``), "BAD_JSON", "send one object"},
		{strings.NewReader(`{"subject":"` + strings.Repeat("a", 4<<10) + `"}`), "BODY_TOO_LARGE", "at most 2 KiB; ask less"},
		{iotest.ErrReader(errors.New("gone")), "BAD_BODY", ""},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", c.body)
		r.Body = http.MaxBytesReader(nil, r.Body, 2<<10)
		v, err := problem.Read[question](r, `{"subject":"x"}`, "ask less")
		if c.code == "" {
			if err != nil || v.Subject != "a" {
				t.Errorf("%+v %v", v, err)
			}
			continue
		}
		if all := fault.All(err); len(all) != 1 || all[0].Code != c.code || !strings.Contains(all[0].Error(), c.says) {
			t.Errorf("%v, want %s with %q", err, c.code, c.says)
		}
	}
}
