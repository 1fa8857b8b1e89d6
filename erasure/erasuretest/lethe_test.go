package erasuretest_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
)

// lethe is the other side, reduced to the protocol: it signs task requests,
// takes results and parts, and checks whatever comes as strictly as the
// specification allows.
type lethe struct {
	t     *testing.T
	url   string
	key   signature.Key
	mu    sync.Mutex
	known []signature.PublicKey // of services
	came  []protocol.Result
	errs  []error
	parts map[string][]byte
	taken chan struct{}
}

func newLethe(t *testing.T) *lethe {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	l := &lethe{t: t, key: signature.Key{ID: "lethe-1", Private: private}, parts: map[string][]byte{}, taken: make(chan struct{}, 10_000)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /rights/v1/results", l.takeResults)
	mux.HandleFunc("GET /rights/v1/keys", func(w http.ResponseWriter, _ *http.Request) {
		set, _ := signature.JWKS(l.key.Public())
		w.Write(set)
	})
	mux.HandleFunc("/rights/v1/parts/{task}/{dataset}/{n}", l.takePart)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	l.url = server.URL
	return l
}

func (l *lethe) register(keys ...signature.PublicKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known = append(l.known, keys...)
}

func (l *lethe) takeResults(w http.ResponseWriter, r *http.Request) {
	body, err := protocol.ReadBody(r.Body, protocol.MaxResultsBytes)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		_, err = signature.Verify(l.known, r.Header, body, time.Now(), signature.Tolerance)
	}
	var m protocol.Results
	if err == nil {
		m, err = protocol.DecodeResults(body)
	}
	defer func() { l.taken <- struct{}{} }()
	if err != nil {
		l.errs = append(l.errs, err)
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	var answer protocol.Dispositions
	for _, res := range m.Results {
		d := protocol.Recorded
		for _, old := range l.came {
			if old.Task == res.Task && old.Seq >= res.Seq {
				d = protocol.Duplicate
			}
		}
		l.came = append(l.came, res)
		answer.Results = append(answer.Results, protocol.TaskDisposition{Task: res.Task, Disposition: d})
	}
	body, err = protocol.Encode(answer)
	if err != nil {
		l.errs = append(l.errs, err)
	}
	w.Write(body)
}

func (l *lethe) takePart(w http.ResponseWriter, r *http.Request) {
	task, dataset := uuid.MustParse(r.PathValue("task")), uuid.MustParse(r.PathValue("dataset"))
	n, _ := strconv.Atoi(r.PathValue("n"))
	span, sum := r.Header.Get("Content-Range"), r.Header.Get("Lethe-Part-SHA256")
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := signature.Verify(l.known, r.Header, signature.PartStatement(r.Method, task, dataset, n, span, sum), time.Now(), signature.Tolerance); err != nil {
		l.errs = append(l.errs, err)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	key := r.URL.Path
	complete := false
	if r.Method == http.MethodPut {
		var first, last, total int
		if _, err := fmt.Sscanf(span, "bytes %d-%d/%d", &first, &last, &total); err != nil || first != len(l.parts[key]) {
			w.Header().Set("Lethe-Part-Offset", strconv.Itoa(len(l.parts[key])))
			w.WriteHeader(http.StatusConflict)
			return
		}
		got, err := io.ReadAll(r.Body)
		l.parts[key] = append(l.parts[key], got...)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		digest := sha256.Sum256(l.parts[key])
		complete = len(l.parts[key]) == total && hex.EncodeToString(digest[:]) == sum
	}
	w.Header().Set("Lethe-Part-Offset", strconv.Itoa(len(l.parts[key])))
	w.Header().Set("Lethe-Part-Complete", strconv.FormatBool(complete))
	if r.Method == http.MethodPut {
		w.WriteHeader(http.StatusNoContent)
	}
}

// send signs a body and sends it to a service.
func (l *lethe) send(method, url, id string, body []byte, keys ...signature.Key) (*http.Response, []byte, error) {
	if keys == nil {
		keys = []signature.Key{l.key}
	}
	h, err := signature.Sign(id, time.Now(), body, keys...)
	if err != nil {
		l.t.Fatal(err)
	}
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header = h
	client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	answer, err := protocol.ReadBody(resp.Body, protocol.MaxResultsBytes)
	return resp, answer, err
}

// ask sends task requests and returns the status and what was accepted.
func (l *lethe) ask(endpoint, audience string, tasks ...protocol.Task) (status int, answer protocol.Acceptance) {
	l.t.Helper()
	body, err := protocol.Encode(protocol.Requests{Spec: protocol.Spec, Type: protocol.TypeRequests, Issuer: l.url, Audience: audience, IssuedAt: time.Now().UTC(), Tasks: tasks})
	if err != nil {
		l.t.Fatal(err)
	}
	resp, text, err := l.send("POST", endpoint+"/lethe/v1/tasks", uuid.NewString(), body)
	if err != nil {
		l.t.Fatal(err)
	}
	if resp.StatusCode == http.StatusAccepted {
		if answer, err = protocol.DecodeAcceptance(text); err != nil {
			l.t.Fatal(err)
		}
	}
	return resp.StatusCode, answer
}

// poll asks after a task and verifies the answer.
func (l *lethe) poll(endpoint string, task uuid.UUID) (int, protocol.Result) {
	l.t.Helper()
	resp, body, err := l.send("GET", endpoint+"/lethe/v1/tasks/"+task.String(), task.String(), nil)
	if err != nil {
		l.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, protocol.Result{}
	}
	if _, err := signature.Verify(l.known, resp.Header, body, time.Now(), signature.Tolerance); err != nil {
		l.t.Fatal(err)
	}
	m, err := protocol.DecodeResults(body)
	if err != nil || len(m.Results) != 1 {
		l.t.Fatalf("%v, %v", m, err)
	}
	return resp.StatusCode, m.Results[0]
}

// final waits for the final result of a task.
func (l *lethe) final(task uuid.UUID) protocol.Result {
	l.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		for _, r := range l.results(task) {
			if r.State.Final() {
				return r
			}
		}
		select {
		case <-l.taken:
		case <-deadline:
			l.t.Fatalf("no result for %s; refused: %v", task, l.refused())
		}
	}
}

func (l *lethe) results(task uuid.UUID) (all []protocol.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.came {
		if r.Task == task {
			all = append(all, r)
		}
	}
	return all
}

func (l *lethe) refused() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]error(nil), l.errs...)
}

func (l *lethe) part(task, dataset uuid.UUID) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.parts[fmt.Sprintf("/rights/v1/parts/%s/%s/1", task, dataset)])
}

// task makes a task for a person, of the form each action needs.
func (l *lethe) task(action protocol.Action, ids []protocol.Identifier, datasets ...protocol.Dataset) protocol.Task {
	t := protocol.Task{Task: uuid.Must(uuid.NewV7()), Seq: 1, Action: action, Case: "R-2026-000123", Controller: "flowmart-de", Wave: 1,
		ReceivedOn: protocol.DateOf(time.Now()), DueOn: protocol.DateOf(time.Now().AddDate(0, 1, 0)), ExpiresAt: time.Now().Add(time.Hour).UTC(),
		Identifiers: ids, Datasets: datasets, ReplyTo: l.url + "/rights/v1/results", PlanDigest: strings.Repeat("ab", 32)}
	switch action {
	case protocol.Erase:
		t.EraseBefore = time.Now().UTC()
	case protocol.Export:
		t.PartsTo, t.MaxPartBytes = l.url+"/rights/v1/parts/"+t.Task.String(), 1<<30
	}
	return t
}
