package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/server/issuertest"
	"github.com/flowmart/lethe/server/servertest"
)

// followed is a request whose progress can be followed: its plan waits to be
// approved, so nothing about it changes.
func followed(t *testing.T, s *servertest.Server) string {
	t.Helper()
	if status, said := knock(t, s, "POST /api/v1/catalog", "/api/v1/catalog", twoTeams, s.Token(access.Admin)); status >= 300 {
		t.Fatalf("the catalog: %d %s", status, said)
	}
	var out struct {
		OpenRequest struct {
			Request    *struct{ ID string }
			UserErrors []struct{ Message string }
		}
	}
	s.Query(t, access.Handler, `mutation($i: OpenRequestInput!) { openRequest(input: $i) { request { id } userErrors { message } } }`,
		map[string]any{"i": map[string]any{"type": "ACCESS", "controller": "shop", "identity": "ACCOUNT_LOGIN", "identifiers": []any{map[string]any{"type": "customer_id", "value": "c-1"}}}}, &out)
	if out.OpenRequest.Request == nil {
		t.Fatalf("opening: %+v", out.OpenRequest.UserErrors)
	}
	return out.OpenRequest.Request.ID
}

// events is an open subscription.
type events struct {
	t    *testing.T
	got  *http.Response
	line *bufio.Scanner
}

// follow opens a stream of a request's progress, and reads its first event.
func follow(t *testing.T, s *servertest.Server, request string, change func(*http.Request), jar http.CookieJar) *events {
	t.Helper()
	body := fmt.Sprintf(`{"query":"subscription { requestProgress(id: \"%s\") { request { state } } }"}`, request)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/graphql", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	if change != nil {
		change(r)
	}
	resp, err := (&http.Client{Jar: jar, Transport: s.Client.Transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	e := &events{t, resp, bufio.NewScanner(resp.Body)}
	if code, open := e.next(); code != "" || !open {
		t.Fatalf("the stream begins with %d, code %q", resp.StatusCode, code)
	}
	return e
}

// next reads an event that tells something: the code of its error, if it is one,
// and whether the stream goes on.
func (e *events) next() (code string, open bool) {
	e.t.Helper()
	for e.line.Scan() {
		if e.line.Text() == "event: complete" {
			return "", false
		}
		data, ok := strings.CutPrefix(e.line.Text(), "data: ")
		if !ok {
			continue
		}
		var said struct {
			Errors []struct{ Extensions struct{ Code string } }
		}
		if err := json.Unmarshal([]byte(data), &said); err != nil {
			e.t.Fatalf("%s: %v", data, err)
		}
		if len(said.Errors) > 0 {
			return said.Errors[0].Extensions.Code, true
		}
		return "", true
	}
	return "", false
}

// end waits for the stream to be cut, and returns the code it was cut with.
func (e *events) end() string {
	e.t.Helper()
	cut := time.AfterFunc(time.Minute, func() { _ = e.got.Body.Close() })
	var code string
	for {
		said, open := e.next()
		if !open {
			break
		}
		code = said
	}
	if !cut.Stop() {
		e.t.Error("the stream goes on after a minute")
	}
	return code
}

// A stream ends with what its listener was let in by: the token's exp (RFC 7519
// §4.1.4), the session's end, its logout, a change of roles.
func TestStreamsEndWithTheirCallersStanding(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	s := servertest.New(t, servertest.Clock(func() time.Time { return now })) // so that what is left of a token is left when its stream begins
	request := followed(t, s)

	stream := follow(t, s, request, bearing(s.Token(access.Handler, issuertest.Claims{"exp": now.Add(3 * time.Second).Unix()})), nil)
	if code := stream.end(); code != "TOKEN_EXPIRED" {
		t.Errorf("a token that expires: %q", code)
	}

	long := follow(t, s, request, bearing(s.Token(access.Handler)), nil)
	stay := newBrowser(t, s)
	stay.signIn(ada)
	stays := follow(t, s, request, nil, stay.jar)
	for name, c := range map[string]struct {
		end  func(b *browser)
		code string
	}{
		"logout": {func(b *browser) { b.do("POST", b.s.URL+"/auth/logout", "") }, "UNAUTHENTICATED"},
		"30 minutes without a request": {func(b *browser) {
			b.exec(`UPDATE server_session SET seen_at = now() - interval '31 minutes' WHERE name = 'Bob'`)
		}, "UNAUTHENTICATED"},
		"after 12 hours": {func(b *browser) {
			b.exec(`UPDATE server_session SET signed_in_at = now() - interval '12 hours 1 minute' WHERE name = 'Bob'`)
		}, "UNAUTHENTICATED"},
		"a role is taken": {func(b *browser) {
			b.exec(`UPDATE server_session SET roles = '{viewer}' WHERE name = 'Bob'`)
		}, "ROLES_CHANGED"},
		"a team is taken": {func(b *browser) {
			b.exec(`UPDATE server_session SET teams = '{}' WHERE name = 'Bob'`)
		}, "ROLES_CHANGED"},
	} {
		b := newBrowser(t, s)
		b.signIn(issuertest.Claims{"sub": "bob", "name": "Bob", "groups": []string{"lethe:handler", "team:care"}})
		stream := follow(t, s, request, nil, b.jar)
		c.end(b)
		if code := stream.end(); code != c.code {
			t.Errorf("%s: the stream ended with %q, want %s", name, code, c.code)
		}
		b.exec(`DELETE FROM server_session WHERE name = 'Bob'`)
	}

	// The streams of others, opened before all that, go on until the server stops.
	go func() { _ = s.Stop() }()
	for name, stream := range map[string]*events{"a token that does not expire": long, "a session that stands": stays} {
		if code := stream.end(); code != "UNAVAILABLE" {
			t.Errorf("%s: the stream ended with %q", name, code)
		}
	}
}

// A session's id moves on; a stream that was opened under an older one lives on
// and ends with the session all the same.
func TestStreamsFollowASessionWhoseIDMovesOn(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	request := followed(t, s)
	b := newBrowser(t, s)
	b.signIn(ada)
	stream := follow(t, s, request, nil, b.jar)
	before := b.cookie()
	b.exec(`UPDATE server_session SET rotated_at = now() - interval '16 minutes'`)
	for range 2 { // the new id is offered, then arrives
		if !b.signedIn() {
			t.Fatal("the session is lost")
		}
	}
	if b.cookie() == before {
		t.Fatal("the id did not move on")
	}
	b.exec(`UPDATE server_session SET previous_until = now() - interval '1 second'`)
	ended := make(chan string, 1)
	go func() { ended <- stream.end() }()
	select {
	case code := <-ended:
		t.Fatalf("the stream ended with %q", code)
	case <-time.After(5 * time.Second): // it has looked twice
	}
	b.do("POST", b.s.URL+"/auth/logout", "")
	if code := <-ended; code != "UNAUTHENTICATED" {
		t.Errorf("after the logout the stream ended with %q", code)
	}
}

func bearing(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}
