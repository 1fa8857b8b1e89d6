package server_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/server/issuertest"
	"github.com/flowmart/lethe/server/servertest"
)

// wiretap stands between a server and PostgreSQL and counts the statements that
// the pool of requests from outside runs.
type wiretap struct{ n atomic.Int64 }

// tap listens in front of a database, and returns its URL through the tap.
func tap(t *testing.T, database string) (string, *wiretap) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	w, to := &wiretap{}, u.Host
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go w.carry(conn, to)
		}
	}()
	u.Host = ln.Addr().String()
	q := u.Query()
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	return u.String(), w
}

func (w *wiretap) carry(client net.Conn, to string) {
	defer client.Close()
	db, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer db.Close()
	go func() { _, _ = io.Copy(client, db); _ = client.Close() }()
	web := false
	for first := true; ; first = false {
		kind, body, err := message(client, db, first)
		switch {
		case err != nil:
			return
		case first:
			web = strings.Contains(body, "lethe/web")
		case web && (kind == 'E' || kind == 'Q' && !strings.HasPrefix(body, "-- ping")):
			w.n.Add(1)
		}
	}
}

// message carries one message of the frontend (PostgreSQL 15, §55.7). The first
// has no letter. E is Execute, Q a simple query.
func message(from io.Reader, to io.Writer, first bool) (kind byte, body string, err error) {
	head := make([]byte, 5)
	if first {
		head = head[1:]
	}
	if _, err := io.ReadFull(from, head); err != nil {
		return 0, "", err
	}
	size := head[len(head)-4:]
	rest := make([]byte, binary.BigEndian.Uint32(size)-4)
	if _, err := io.ReadFull(from, rest); err != nil {
		return 0, "", err
	}
	_, err = to.Write(append(append([]byte{}, head...), rest...))
	return head[0], string(rest), err
}

const pageOfRequests = `query($after: String) {
  requests(first: 100, after: $after) {
    nodes {
      caseNumber type state dueOn daysLeft controller { ref } openedBy { name }
      progress { total done }
      tasks(first: 20) { nodes { action wave state service { ref owner { name } } } }
    }
    pageInfo { endCursor }
  }
}`

type requestPage struct {
	Requests struct {
		Nodes []struct {
			OpenedBy struct{ Name string }
			Tasks    struct {
				Nodes []struct {
					Service struct{ Owner struct{ Name string } }
				}
			}
		}
		PageInfo struct{ EndCursor string }
	}
}

// A page of 100 requests with tasks, services and owners takes at most 12
// statements, sign-in's included, and the hundredth page no more than the
// first, whether a session says who asks or a bearer token.
func TestPageOfRequestsTakesFewStatements(t *testing.T) {
	t.Parallel()
	app, _, _ := pgtest.URLs(t)
	keys, _, _ := pgtest.KeystoreURLs(t)
	through, statements := tap(t, app)
	s := servertest.On(t, issuertest.New(t), through, keys, servertest.Files(t), servertest.With("only", "web")) // whose requests nobody works
	if status, said := knock(t, s, "POST /api/v1/catalog", "/api/v1/catalog", twoTeams, s.Token(access.Admin)); status >= 300 {
		t.Fatalf("the catalog: %d %s", status, said)
	}
	b := newBrowser(t, s)
	b.signIn(ada)
	const pages = 100
	file(t, s, pages*100)

	token := s.Token(access.Handler)
	ask := func(document, after string, signed bool) (p requestPage) {
		t.Helper()
		variables := map[string]any{}
		if after != "" {
			variables["after"] = after
		}
		body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/graphql", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		client := &http.Client{Jar: b.jar}
		if signed {
			bearing(token)(r)
			client.Jar = nil
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var a struct {
			Data   requestPage
			Errors []struct{ Message string }
		}
		if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || resp.StatusCode != http.StatusOK || len(a.Errors) > 0 {
			t.Fatalf("%d %v %v", resp.StatusCode, a.Errors, err)
		}
		return a.Data
	}
	after := map[int]string{1: ""}
	for at, n := "", 1; n < pages; n++ {
		at = ask(`query($after: String) { requests(first: 100, after: $after) { pageInfo { endCursor } } }`, at, false).Requests.PageInfo.EndCursor
		after[n+1] = at
	}
	for _, n := range []int{1, pages} {
		for by, signed := range map[string]bool{"a session": false, "a bearer token": true} {
			statements.n.Store(0)
			p := ask(pageOfRequests, after[n], signed)
			took := statements.n.Load()
			t.Logf("page %d by %s took %d statements", n, by, took)
			if took > 12 || took < 5 {
				t.Errorf("page %d by %s took %d statements, want 12 at most; and fewer than 5 would mean that they are not counted", n, by, took)
			}
			rows := p.Requests.Nodes
			if len(rows) != 100 || len(rows[99].Tasks.Nodes) != 4 || rows[0].OpenedBy.Name != "Ada" {
				t.Fatalf("page %d by %s has %d requests, or not all of each", n, by, len(rows))
			}
			if owner := rows[0].Tasks.Nodes[0].Service.Owner.Name; owner != "Care" && owner != "Money" {
				t.Errorf("page %d by %s: the owner is %q", n, by, owner)
			}
		}
	}
}

// file writes n requests with 4 tasks each, as if they had been worked.
func file(t *testing.T, s *servertest.Server, n int) {
	t.Helper()
	const qRequests = `
		INSERT INTO erasure_request (id, case_number, kind, ground, controller_id, state, received_at, received_on, due_on, due_unpaused_on,
		                             calendar, opened_by, opened_at, erase_before)
		SELECT gen_random_uuid(), 'R-2026-' || lpad(i::text, 6, '0'), 'ERASURE', '17(1)(b)', (SELECT id FROM catalog_controller), 'VERIFIED',
		       now(), current_date, current_date + i % 30, current_date + i % 30, 'test', (SELECT id FROM audit_principal WHERE name = 'Ada'), now(), now()
		  FROM generate_series(1, $1::int) AS i`
	const qTasks = `
		INSERT INTO erasure_task (key, request_id, service_id, action, wave, state, next_at)
		SELECT gen_random_uuid(), r.id, s.id, a.action, a.wave, 'READY', now()
		  FROM erasure_request r, catalog_service s, (VALUES ('LOCATE', 1), ('ERASE', 3)) AS a (action, wave)`
	if _, err := s.DB.Exec(t.Context(), qRequests, n); err != nil {
		t.Fatal(err)
	}
	if tag, err := s.DB.Exec(t.Context(), qTasks); err != nil || fmt.Sprint(tag) != fmt.Sprintf("INSERT 0 %d", 4*n) {
		t.Fatalf("%s %v", tag, err)
	}
}
