package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/server/issuertest"
	"github.com/flowmart/lethe/server/servertest"
)

// borrower has databases of its own, beside those of the test.
type borrower struct{ testing.TB }

// fronting is two replicas in the mode FORWARD before another server, which they
// reach through a proxy.
type fronting struct {
	t        *testing.T
	here     [2]*servertest.Server
	there    *servertest.Server
	away     atomic.Bool // the proxy does not let through
	lose     atomic.Bool // … and here not back
	writes   atomic.Int32
	tokenAt  string // where Lethe's token for the other server is
	forwards *httptest.Server
}

func inFront(t *testing.T, more ...servertest.Option) *fronting {
	t.Helper()
	f := &fronting{t: t, there: servertest.New(&borrower{t}), tokenAt: filepath.Join(t.TempDir(), "token")}
	f.sign(f.there.Token(access.Admin))
	to, err := url.Parse(f.there.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: func(*http.Response) error {
			if f.lose.Load() {
				return errors.New("lost")
			}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	f.forwards = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.away.Load() {
			panic(http.ErrAbortHandler)
		}
		if r.Method != http.MethodGet {
			f.writes.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(f.forwards.Close)
	app, _, _ := pgtest.URLs(t)
	keys, _, _ := pgtest.KeystoreURLs(t)
	issuer, files := issuertest.New(t), servertest.Files(t)
	more = append(more, servertest.With("forward_url", f.forwards.URL+"/registry"), servertest.With("forward_token_file", f.tokenAt))
	for i := range f.here {
		f.here[i] = servertest.On(t, issuer, app, keys, files, more...)
	}
	return f
}

// sign writes what Lethe signs in with at the other server.
func (f *fronting) sign(token string) {
	f.t.Helper()
	if err := os.WriteFile(f.tokenAt, []byte(token+"\n"), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// registered is what a registry answers with.
type registered struct {
	ID, Version int
	Code        int `json:"error_code"`
	Message     string
}

func (f *fronting) ask(s *servertest.Server, as access.Role, ask, body string) (status int, told registered) {
	f.t.Helper()
	method, path, _ := strings.Cut(ask, " ")
	resp := s.Do(f.t, method, "/registry"+path, s.Token(as), strings.NewReader(body))
	defer resp.Body.Close()
	_ = json.NewDecoder(resp.Body).Decode(&told) // a list has none of it
	return resp.StatusCode, told
}

// wants fails unless a request is answered with a status and a code.
func (f *fronting) wants(s *servertest.Server, ask, body string, status, code int) registered {
	f.t.Helper()
	got, told := f.ask(s, access.Admin, ask, body)
	if got != status || told.Code != code {
		f.t.Errorf("%s: %d %+v, want %d %d", ask, got, told, status, code)
	}
	return told
}

func order(fields string) string {
	text, _ := json.Marshal(`{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}` + fields + `]}`)
	return fmt.Sprintf(`{"schema":%s}`, text)
}

// The journey of a team that puts Lethe in front of the registry it has.
func TestLetheInFrontOfAnotherRegistry(t *testing.T) {
	t.Parallel()
	f := inFront(t)
	one, two := f.here[0], f.here[1]
	f.wants(f.there, "POST /subjects/old/versions", `{"schema":"\"bytes\""}`, 200, 0)
	f.wants(one, "PUT /mode", `{"mode":"FORWARD"}`, 200, 0)
	if status, said := knock(t, one, "GET /readyz", "/readyz", "", ""); status != 200 || !strings.Contains(said, `{"name":"forward","ok":true,"needed":false}`) {
		t.Errorf("%d %s", status, said)
	}
	f.writes.Store(0)

	first := f.wants(one, "POST /subjects/orders/versions", order(""), 200, 0)
	if there := f.wants(f.there, "GET /subjects/orders/versions/1", "", 200, 0); there.ID != first.ID || first.ID != 2 {
		t.Errorf("the id is %d here and %d there", first.ID, there.ID)
	}
	if here := f.wants(two, "GET /subjects/orders/versions/latest", "", 200, 0); here.ID != first.ID {
		t.Errorf("the other replica has %+v", here)
	}
	f.wants(two, "POST /subjects/orders/versions", order(`,{"name":"total","type":"long"}`), 409, 409)
	f.wants(two, "PUT /config/orders", `{"gate":"ENFORCE"}`, 200, 0)
	if n := f.writes.Load(); n != 2 {
		t.Errorf("the other was written to %d times", n)
	}
	f.wants(one, "POST /subjects/orders/versions", order(`,{"name":"email","type":"string","default":""}`), 422, 42250)
	if status, told := f.ask(one, access.Viewer, "POST /subjects/orders/versions", order(`,{"name":"a","type":"int","default":0}`)); status != 403 {
		t.Errorf("a viewer: %d %+v", status, told)
	}
	if n := f.writes.Load(); n != 2 {
		t.Errorf("the other heard of what the gate refuses")
	}
	f.wants(one, "PUT /config/orders", `{"compatibility":"FULL"}`, 200, 0)
	f.wants(f.there, "GET /config/orders", "", 200, 0)

	// The other one away, and back.
	note := order(`,{"name":"note","type":"string","default":""}`)
	f.away.Store(true)
	f.wants(one, "POST /subjects/orders/versions", note, 500, 50003)
	f.wants(one, "POST /subjects/orders/versions", order(""), 200, 0)
	f.wants(one, "GET /subjects/orders/versions/2", "", 404, 40402)
	f.away.Store(false)
	// Between its answer and ours.
	f.lose.Store(true)
	f.wants(one, "POST /subjects/orders/versions", note, 500, 50003)
	f.lose.Store(false)
	f.wants(f.there, "GET /subjects/orders/versions/2", "", 200, 0)
	if again := f.wants(two, "POST /subjects/orders/versions", note, 200, 0); again.ID != 3 || again.Version != 2 {
		t.Errorf("again: %+v", again)
	}
	// A sign-in that ends, and is given anew without a start of the server.
	f.sign("nonsense")
	f.wants(one, "DELETE /subjects/orders/versions/1", "", 500, 50003)
	f.sign(f.there.Token(access.Admin))
	f.wants(one, "DELETE /subjects/orders/versions/1", "", 200, 0)
	f.wants(f.there, "GET /subjects/orders/versions/1", "", 404, 40402)
	f.wants(two, "GET /subjects/orders/versions/1", "", 404, 40402)
	for _, s := range f.here {
		if log := s.Log.String(); strings.Contains(log, "nonsense") {
			t.Errorf("the log tells a secret: %s", log)
		}
	}
}

// Twelve clients at one subject through two replicas: each is told what is there,
// and the copy is whole.
func TestManyThroughTwoReplicasInFront(t *testing.T) {
	t.Parallel()
	f := inFront(t)
	f.wants(f.here[0], "PUT /mode", `{"mode":"FORWARD"}`, 200, 0)
	var wg sync.WaitGroup
	told := make([]registered, 12)
	body := func(i int) string {
		return order(fmt.Sprintf(`,{"name":"f%d","type":"int","default":0}`, i%8)) // some the same
	}
	for i := range told {
		wg.Go(func() { told[i] = f.wants(f.here[i%2], "POST /subjects/hot/versions", body(i), 200, 0) })
	}
	wg.Wait()
	for i, made := range told {
		there := f.wants(f.there, "POST /subjects/hot", body(i), 200, 0)
		here := f.wants(f.here[(i+1)%2], fmt.Sprintf("GET /subjects/hot/versions/%d", made.Version), "", 200, 0)
		if made.ID == 0 || made.ID != there.ID || made.Version != there.Version || here.ID != there.ID {
			t.Errorf("client %d was told %+v; there it is %+v, here %+v", i, made, there, here)
		}
	}
}

// A registry that hangs costs no more than half of what an answer may take.
func TestInFrontOfARegistryThatHangs(t *testing.T) {
	t.Parallel()
	hung := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hung }))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(hung) })
	s := servertest.New(t, servertest.With("forward_url", silent.URL), servertest.With("answer_within", "5s"))
	f := &fronting{t: t}
	f.wants(s, "PUT /mode", `{"mode":"FORWARD"}`, 200, 0)
	f.wants(s, "POST /subjects/orders/versions", order(""), 500, 50003)
	f.wants(s, "PUT /mode", `{"mode":"READWRITE"}`, 200, 0)
	f.wants(s, "POST /subjects/orders/versions", order(""), 200, 0)
}
