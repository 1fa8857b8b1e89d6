package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flowmart/lethe/server/issuertest"
	"github.com/flowmart/lethe/server/servertest"
)

// What follows holds the rules of docs/decisions/0008: roles are confirmed every
// five minutes, stand an hour where the issuer is away, and end with its no.

const due = `UPDATE server_session SET confirmed_at = now() - interval '6 minutes', asked_at = NULL`

// roles asks the server for the roles of the browser's session; the status when
// it does not know it.
func (b *browser) roles() ([]string, int) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.s.URL+"/graphql", strings.NewReader(`{"query":"{ viewer { roles } }"}`))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Client{Jar: b.jar, Transport: b.s.Client.Transport}).Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	var said struct {
		Data struct{ Viewer struct{ Roles []string } }
	}
	_ = json.Unmarshal(body, &said)
	return said.Data.Viewer.Roles, resp.StatusCode
}

func (b *browser) expect(what string, status int, roles ...string) {
	b.t.Helper()
	if got, is := b.roles(); is != status || !slices.Equal(got, roles) {
		b.t.Errorf("%s: %d %v, want %d %v", what, is, got, status, roles)
	}
}

// hears is expect for what the issuer must have said by then. A request waits a
// second for it: one that took as long may have gone on without, and is made
// again.
func (b *browser) hears(what string, status int, roles ...string) {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		started := time.Now()
		got, is := b.roles()
		if is == status && slices.Equal(got, roles) {
			return
		}
		if time.Since(started) < time.Second || time.Now().After(deadline) {
			b.t.Fatalf("%s: %d %v, want %d %v", what, is, got, status, roles)
		}
	}
}

// asked waits until the issuer has been asked about sessions so many times, and
// not once more.
func (b *browser) asked(times int64) {
	b.t.Helper()
	eventually(b.t, "the issuer is asked", func() bool { return b.s.Issuer.Refreshes.Load() >= times })
	if n := b.s.Issuer.Refreshes.Load(); n != times {
		b.t.Errorf("the issuer was asked %d times, want %d", n, times)
	}
}

// confirmed waits until it is written down what the issuer said.
func (b *browser) confirmed() {
	b.t.Helper()
	const q = `SELECT count(*) = 0 FROM server_session WHERE asked_at IS NOT NULL OR confirmed_at < now() - interval '5 minutes'`
	eventually(b.t, "the session is confirmed", func() (noted bool) {
		return b.s.DB.QueryRow(b.t.Context(), q).Scan(&noted) == nil && noted
	})
}

// away waits until it is written down that the issuer said nothing of use.
func (b *browser) away() {
	b.t.Helper()
	const q = `SELECT count(*) = 0 FROM server_session WHERE refresh IS NOT NULL AND NOT away`
	eventually(b.t, "the issuer is away", func() (noted bool) {
		return b.s.DB.QueryRow(b.t.Context(), q).Scan(&noted) == nil && noted
	})
}

var adaApproves = issuertest.Claims{"sub": "ada", "name": "Ada", "groups": []string{"team:care", "lethe:viewer", "lethe:approver"}}

func TestRolesOfASessionAreTheIssuersOfNow(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, servertest.New(t))
	b.signIn(ada)
	first := b.cookie()
	b.s.Issuer.SignsIn(adaApproves)
	b.expect("before five minutes", 200, "HANDLER")
	b.exec(due)
	b.hears("after five minutes", 200, "APPROVER", "VIEWER")
	if b.cookie() == first {
		t.Error("the session has other rights under the same id")
	}
	b.exec(due)
	b.expect("confirmed again", 200, "APPROVER", "VIEWER") // with the token that came in exchange
	b.asked(2)
	b.confirmed()

	b.exec(due)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { b.expect("one of twenty", 200, "APPROVER", "VIEWER") })
	}
	all.Wait()
	b.confirmed()
	b.asked(3) // once for the twenty

	b.s.Issuer.SignsIn(issuertest.Claims{"sub": "ada", "name": "Ada"})
	b.exec(due)
	b.hears("all roles taken", 200)
}

// The issuer's no ends a session: the account or the grant is gone, the account
// is another's, or a machine's.
func TestSessionsEndWithTheIssuersNo(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	for name, change := range map[string]func(*issuertest.Issuer){
		"revoked": (*issuertest.Issuer).Revoke,
		"another person": func(i *issuertest.Issuer) {
			i.SignsIn(issuertest.Claims{"sub": "eve", "groups": []string{"lethe:admin"}})
		},
		"a machine": func(i *issuertest.Issuer) {
			i.SignsIn(issuertest.Claims{"sub": "ada", "groups": []string{"lethe:service"}})
		},
	} {
		b := newBrowser(t, s)
		b.signIn(ada)
		b.exec(due)
		change(s.Issuer)
		b.hears(name, 401)
		b.exec(`DELETE FROM server_session`)
	}
}

func TestRolesStandAnHourWhileTheIssuerIsAway(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, servertest.New(t))
	b.signIn(ada)
	b.s.Issuer.SignsIn(adaApproves)
	const tried, hour = `UPDATE server_session SET asked_at = now() - interval '31 seconds'`, `UPDATE server_session SET confirmed_at = now() - interval '61 minutes'`
	b.s.Issuer.Down.Store(true)
	b.exec(due)
	b.expect("away", 200, "HANDLER")
	b.away()
	b.s.Issuer.Stuck.Store(true)
	b.exec(tried)
	b.expect("stuck, after it was away", 200, "HANDLER")
	b.exec(hour)
	b.expect("away for an hour", 503)
	b.s.Issuer.Stuck.Store(false)
	b.s.Issuer.Down.Store(false)
	b.exec(tried)
	eventually(t, "the issuer is back, and is heard", func() bool {
		roles, status := b.roles()
		return status == 200 && slices.Equal(roles, []string{"APPROVER", "VIEWER"})
	})
}

// A slow issuer is waited for a second; what it says comes in time for a later
// request.
func TestASlowIssuerIsHeardLater(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, servertest.New(t))
	b.signIn(ada)
	b.s.Issuer.SignsIn(adaApproves)
	answer := b.s.Issuer.Hold()
	b.exec(due)
	b.expect("while it thinks", 200, "HANDLER")
	answer()
	eventually(t, "what it said is heard", func() bool {
		roles, _ := b.roles()
		return slices.Equal(roles, []string{"APPROVER", "VIEWER"})
	})
	b.asked(1)
}

// Where the issuer gives no refresh token, or says nothing of the person for
// one, people sign in again after an hour.
func TestSessionsThatCannotBeConfirmedLastAnHour(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	s.Issuer.Stingy.Store(true)
	b := newBrowser(t, s)
	b.signIn(ada)
	b.exec(`UPDATE server_session SET confirmed_at = now() - interval '59 minutes'`)
	b.expect("within the hour", 200, "HANDLER")
	b.exec(`UPDATE server_session SET confirmed_at = now() - interval '61 minutes'`)
	b.expect("after it", 401)

	s.Issuer.Stingy.Store(false)
	s.Issuer.Anonymous.Store(true)
	b = newBrowser(t, s)
	b.signIn(ada)
	for n := range int64(2) { // the token that came in exchange was kept
		b.exec(due)
		b.expect("without an ID token", 200, "HANDLER")
		b.asked(n + 1) // which the second time nobody waited for
		b.away()
	}
	b.exec(`UPDATE server_session SET confirmed_at = now() - interval '61 minutes'`)
	b.expect("after an hour of that", 503)
}

// The issuer's token lies in the database sealed, and opens with the browser's
// key alone. Who shows the session's id without it ends the session.
func TestRefreshTokensAreSealedUnderTheBrowsersKey(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, servertest.New(t))
	b.signIn(ada)
	var dump string
	if err := b.s.DB.QueryRow(t.Context(), `SELECT string_agg(encode(refresh, 'escape') || row_to_json(s)::text, '') FROM server_session s`).Scan(&dump); err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(b.s.URL)
	key := ""
	for _, c := range b.jar.Cookies(u) {
		if c.Name == "lethe-key" {
			key = c.Value
		}
	}
	if len(key) != 43 || strings.Contains(dump, key) || strings.Contains(dump, "refresh-") {
		t.Errorf("the key has %d characters, or it or the token lies open: %s", len(key), dump)
	}
	thief := newBrowser(t, b.s)
	thief.jar, _ = cookiejar.New(nil)
	thief.jar.SetCookies(u, []*http.Cookie{{Name: "lethe", Value: b.cookie(), Path: "/"}, {Name: "lethe-key", Value: strings.Repeat("A", 43), Path: "/"}})
	b.exec(due)
	thief.expect("another key", 401)
	b.expect("after that", 401)
}

// A role that is taken ends a stream of progress whose listener does nothing
// else.
func TestStreamsEndWhenTheIssuerTakesARole(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	request := followed(t, s)
	b := newBrowser(t, s)
	b.signIn(ada)
	stream := follow(t, s, request, nil, b.jar)
	s.Issuer.SignsIn(issuertest.Claims{"sub": "ada", "name": "Ada", "groups": []string{"lethe:viewer"}})
	b.exec(due)
	if code := stream.end(); code != "ROLES_CHANGED" {
		t.Errorf("the stream ended with %q", code)
	}
}

// An issuer that takes four seconds for each answer signs people in. Calls that
// need none of it are not slower for that.
func TestASlowIssuerSignsPeopleIn(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, servertest.New(t, servertest.With("answer_within", "2800ms")))
	b.s.Issuer.Slow.Store(int64(4 * time.Second))
	b.signIn(ada)
	asked := b.s.Issuer.Asked.Load()
	if asked < 3 { // for its endpoints, to sign the person in, for the code
		t.Errorf("the issuer was asked %d times", asked)
	}
	b.s.Issuer.Stuck.Store(true)
	b.expect("beside an issuer that is stuck", 200, "HANDLER")
	if more := b.s.Issuer.Asked.Load() - asked; more > 0 {
		t.Errorf("for a call that needs none of it the issuer was asked %d times", more)
	}
}

// An issuer that does not answer at the end of a sign-in is away; that is not
// the person's fault.
func TestAnIssuerThatIsAwayIsNamed(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, servertest.New(t))
	b.s.Issuer.SignsIn(ada)
	to := b.callback("/")
	b.s.Issuer.Down.Store(true)
	resp := b.do("GET", to, "")
	var d struct{ Code string }
	_ = json.NewDecoder(resp.Body).Decode(&d)
	if resp.StatusCode != 503 || d.Code != "ISSUER_UNAVAILABLE" {
		t.Errorf("%d %s", resp.StatusCode, d.Code)
	}
}
