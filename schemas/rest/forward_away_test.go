package rest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/flowmart/lethe/schemas"
)

// Who does not answer, or not as a registry does, is told of as 50003, and
// nothing is written here.
func TestForwardingToWhoIsAway(t *testing.T) {
	t.Parallel()
	p := forwarding(t)
	p.here.walk(t, []step{{"POST /subjects/a/versions", submission(v1), 200, 0, ""}})
	answer := func(status int, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return true
		}
	}
	for name, way := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"no connection":      func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
		"a fault":            answer(500, `{"error_code":50001,"message":"no leader"}`),
		"overload":           answer(429, `{"error_code":429,"message":"later"}`),
		"a sign-in":          answer(401, `{"error_code":40101,"message":"who is it?"}`),
		"a denial":           answer(403, `{"error_code":40301,"message":"not you"}`),
		"a redirect":         answer(307, ""),
		"no path":            answer(404, `<html>`),
		"no path of its own": answer(404, `{"error_code":404,"message":"HTTP 404 Not Found"}`),
		"no JSON":            answer(200, `fine`),
		"no id":              answer(200, `{}`),
		"an id of its own":   answer(200, `{"id":-3}`),
		"much":               answer(200, `{"id":`+strings.Repeat(" ", 2<<20)+`1}`),
		"yesterday": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("X-Lethe-As-Of", "2026-11-26T12:00:00Z")
			_, _ = io.WriteString(w, `{"id":1,"version":1}`)
			return true
		},
	} {
		p.wire.do(way, nil)
		for _, st := range []step{{"POST /subjects/a/versions", submission(v2), 500, 50003, ""}} {
			status, code, body := p.here.ask(t, "POST", "/subjects/a/versions", st.send)
			if status != st.status || code != st.code || strings.Contains(body, "who is it") {
				t.Errorf("%s: %d %s", name, status, body)
			}
		}
	}
	p.wire.do(answer(500, ""), nil)
	p.here.walk(t, []step{
		{"DELETE /subjects/a", "", 500, 50003, ""},
		{"PUT /config/a", `{"compatibility":"FULL"}`, 500, 50003, ""},
		{"PUT /config/new", `{"compatibility":"FULL"}`, 500, 50003, ""},
		{"GET /config/a", "", 404, 40408, ""},
		{"GET /subjects?deleted=true", "", 200, 0, `["a"]`},
		{"GET /subjects/a/versions", "", 200, 0, "[1]"},
		{"POST /subjects/a/versions", submission(v1), 200, 0, ""}, // what is known is answered from here
	})
	p.wire.do(nil, nil)
	p.here.walk(t, []step{
		{"POST /subjects/a/versions", submission(v2), 200, 0, `~{"id":2,"version":2,`},
		{"PUT /config/a", `{"compatibility":"FULL"}`, 200, 0, ""},
		{"DELETE /subjects/a", "", 200, 0, "[1,2]"},
	})
}

// A server that knows no other registry says so, whatever the mode is: it may be
// one replica of several.
func TestForwardingToNobody(t *testing.T) {
	t.Parallel()
	p := forwarding(t)
	p.here.walk(t, []step{{"POST /subjects/a/versions", submission(v1), 200, 0, ""}})
	alone := door(t, p.here.db, func(*schemas.Registry) {}, func(h http.Handler) http.Handler { return h })
	alone.walk(t, []step{
		{"GET /mode", "", 200, 0, `{"mode":"FORWARD"}`},
		{"POST /subjects/a/versions", submission(v2), 500, 50003, "~LETHE_FORWARD_URL"},
		{"DELETE /subjects/a", "", 500, 50003, "~LETHE_FORWARD_URL"},
		{"PUT /config", `{"compatibility":"FULL"}`, 500, 50003, "~LETHE_FORWARD_URL"},
		{"PUT /mode", `{"mode":"READWRITE"}`, 200, 0, ""},
		{"PUT /mode", `{"mode":"FORWARD"}`, 422, 42204, "~LETHE_FORWARD_URL"},
	})
}

// An answer that is lost on its way, and one that could not be kept, are mended by
// asking the same again: the other registry gives the same id.
func TestAForwardedAnswerThatIsLost(t *testing.T) {
	t.Parallel()
	p := forwarding(t)
	p.here.walk(t, []step{{"POST /subjects/a/versions", submission(v1), 200, 0, ""}})
	lose := func(answer *httptest.ResponseRecorder) { answer.Code = dropped }
	again := func(ask, body, kept string) {
		t.Helper()
		method, path, _ := strings.Cut(ask, " ")
		p.wire.do(nil, lose)
		if status, code, said := p.here.ask(t, method, path, body); status != 500 || code != 50003 {
			t.Errorf("%s, the answer lost: %d %s", ask, status, said)
		}
		p.wire.do(nil, nil)
		p.here.walk(t, []step{{ask, body, 200, 0, kept}})
	}
	again("POST /subjects/a/versions", submission(v2), `~{"id":2,"version":2,`)
	again("PUT /config/a", `{"compatibility":"FULL"}`, `{"compatibility":"FULL"}`)
	again("DELETE /config/a", "", `{"compatibilityLevel":"FULL"}`)
	p.here.walk(t, []step{{"POST /subjects/a/versions", submission(v2, `,"metadata":{"properties":{"a":"b"}}`), 200, 0, `~"version":3`}})
	again("DELETE /subjects/a/versions/latest", "", "3") // and not the one before it, too
	again("DELETE /subjects/a/versions/latest?permanent=true", "", "3")
	again("DELETE /subjects/a/versions/1", "", "1")
	again("DELETE /subjects/a/versions/1?permanent=true", "", "1")
	again("DELETE /subjects/a", "", "[2]")
	again("DELETE /subjects/a?permanent=true", "", "[2]")
	p.both(t, "/subjects?deleted=true", "/config")

	// Between the two questions that a registration asks.
	p.wire.do(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			panic(http.ErrAbortHandler)
		}
		return false
	}, nil)
	p.here.walk(t, []step{{"POST /subjects/b/versions", submission(v1), 500, 50003, "~has it with the id 4"}})
	p.wire.do(nil, nil)
	p.here.walk(t, []step{{"POST /subjects/b/versions", submission(v1), 200, 0, `~{"id":4,"version":1,`}})

	// What is not well may have written all the same.
	p.wire.do(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusGatewayTimeout)
		}
		return r.Method == http.MethodGet
	}, nil)
	if _, code, said := p.here.ask(t, "POST", "/subjects/c/versions", submission(v1)); code != 50003 || !strings.Contains(said, "has it with the id 4") || strings.Contains(said, "nothing was written") {
		t.Errorf("while it is not well: %s", said)
	}
	p.wire.do(nil, nil)
	p.here.walk(t, []step{{"POST /subjects/c/versions", submission(v1), 200, 0, `~{"id":4,"version":1,`}})

	// One of several nodes that has not heard of it yet.
	denied := 0
	p.wire.do(func(w http.ResponseWriter, r *http.Request) bool {
		if denied++; r.Method != http.MethodGet || denied > 4 {
			return false
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error_code":40401,"message":"not here yet"}`)
		return true
	}, nil)
	p.here.walk(t, []step{{"POST /subjects/nodes/versions", submission(v1), 200, 0, `~{"id":4,"version":1,`}})
	if p.wire.do(nil, nil); denied < 5 {
		t.Errorf("it was asked %d times", denied)
	}

	// The id is something else here, because somebody gave it before the mode was set.
	p.here.walk(t, []step{
		{"PUT /mode", `{"mode":"READWRITE"}`, 200, 0, ""},
		{"POST /subjects/own/versions", submission(`"long"`), 200, 0, `~{"id":5,`},
		{"PUT /mode?force=true", `{"mode":"FORWARD"}`, 200, 0, ""},
		{"POST /subjects/b/versions", submission(v2), 500, 50003, "~has it as version 2 with the id 5, and it could not be kept here: the id 5 stands for another schema"},
		{"GET /subjects/b/versions", "", 200, 0, "[1]"},
	})
}

// Of writes that wait for a registry which hangs there are not so many that nobody
// else is answered.
func TestOnlySoManyWaitForARegistryThatHangs(t *testing.T) {
	t.Parallel()
	p := forwarding(t)
	const most = 24
	hung, arrived := make(chan struct{}), make(chan struct{}, most)
	p.wire.do(func(http.ResponseWriter, *http.Request) bool {
		arrived <- struct{}{}
		<-hung
		return false
	}, nil)
	var wg sync.WaitGroup
	for i := range most {
		wg.Go(func() {
			if status, _, said := p.here.ask(t, "POST", "/subjects/s"+string(rune('a'+i))+"/versions", submission(v1)); status != 200 {
				t.Errorf("%d %s", status, said)
			}
		})
	}
	for range most {
		<-arrived
	}
	p.here.walk(t, []step{
		{"POST /subjects/more/versions", submission(v1), 500, 50003, "~are waiting"},
		{"DELETE /config", "", 500, 50003, "~are waiting"},
		{"GET /subjects/more/versions", "", 404, 40401, ""},
	})
	p.wire.do(nil, nil)
	close(hung)
	wg.Wait()
	p.here.walk(t, []step{{"POST /subjects/more/versions", submission(v1), 200, 0, `~{"id":1,`}})
}

// More than may be asked for at once wait for their turn where the registry answers:
// the same of 64 producers that start together is one version.
func TestManyWritesWaitForTheirTurn(t *testing.T) {
	t.Parallel()
	p := forwarding(t)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if status, _, said := p.here.ask(t, "POST", "/subjects/orders-value/versions", submission(v1)); status != 200 || !strings.Contains(said, `"id":1,`) {
				t.Errorf("%d %s", status, said)
			}
		})
	}
	wg.Wait()
	p.here.walk(t, []step{{"GET /subjects/orders-value/versions", "", 200, 0, `[1]`}})
}
