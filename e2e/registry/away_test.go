package registry

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// PostgreSQL is stopped while two replicas serve. What they know they go on
// answering, the same as before; what is new they refuse at once, in the form
// that clients read; and when it is back, what one acknowledges the other says.
func TestPostgresAway(t *testing.T) {
	t.Parallel()
	s := open(t, 2)
	ask := func(replica int, method, path string, body any) answer {
		t.Helper()
		a, err := s.call(replica, "admin", method, path, body)
		s.must(err)
		return a
	}
	var paths []string
	for i := range 8 {
		subject := fmt.Sprintf("s%d-value", i)
		for v := range 2 {
			a := ask(v, "POST", "/subjects/"+subject+"/versions", submission(schema(10*i+v)))
			if a.status != http.StatusOK {
				t.Fatalf("register: %d %s", a.status, a.text)
			}
			paths = append(paths, fmt.Sprintf("/schemas/ids/%v", a.body["id"]), fmt.Sprintf("/subjects/%s/versions/%d", subject, v+1))
		}
		paths = append(paths, "/subjects/"+subject+"/versions", "/subjects/"+subject+"/versions/latest", "/config/"+subject+"?defaultToGlobal=true", "/mode/"+subject+"?defaultToGlobal=true")
	}
	paths = append(paths, "/subjects", "/schemas?subjectPrefix=s1", "/contexts", "/schemas/ids/1/versions")
	if a := ask(0, "PUT", "/config/s0-value", map[string]string{"compatibility": "FULL"}); a.status != http.StatusOK {
		t.Fatalf("config: %d %s", a.status, a.text)
	}
	before := map[string]string{}
	for _, path := range paths {
		for replica := range 2 {
			a := ask(replica, "GET", path, nil)
			if before[path] == "" {
				before[path] = a.text
			}
			if a.status != http.StatusOK || a.text != before[path] {
				t.Fatalf("GET %s of replica %d: %d %s", path, replica, a.status, a.text)
			}
		}
	}
	s.pg.Crash()
	delete(s.tokens, "admin") // who comes back signs in anew
	for round := range 3 {
		for _, path := range paths {
			for replica := range 2 {
				a := ask(replica, "GET", path, nil)
				if a.status != http.StatusOK || a.text != before[path] || round > 0 && a.header.Get("X-Lethe-As-Of") == "" {
					t.Errorf("PostgreSQL away, GET %s of replica %d: %d %.200s, as of %s", path, replica, a.status, a.text, a.header.Get("X-Lethe-As-Of"))
				}
			}
		}
	}
	for replica := range 2 {
		if a := ask(replica, "POST", "/subjects/s1-value/versions", submission(schema(10))); a.status != http.StatusOK {
			t.Errorf("what is registered, handed in: %d %s", a.status, a.text)
		}
		if a := ask(replica, "POST", "/subjects/s1-value", submission(schema(10))); a.status != http.StatusOK {
			t.Errorf("what is registered, looked up: %d %s", a.status, a.text)
		}
		for _, c := range []struct {
			method, path string
			body         any
		}{
			{"POST", "/subjects/s1-value/versions", submission(schema(999))},
			{"POST", "/subjects/new-value/versions", submission(schema(999))},
			{"PUT", "/config/s1-value", map[string]string{"compatibility": "NONE"}},
			{"PUT", "/mode", map[string]string{"mode": "READONLY"}},
			{"DELETE", "/subjects/s1-value", nil},
			{"GET", "/subjects/unknown-value/versions/latest", nil},
			{"GET", "/schemas/ids/100000", nil},
			{"GET", "/subjects/s1-value/versions/100", nil},
		} {
			a := ask(replica, c.method, c.path, c.body)
			if a.status != http.StatusServiceUnavailable || a.code != 50001 || a.header.Get("Retry-After") == "" {
				t.Errorf("PostgreSQL away, %s %s: %d %d %v", c.method, c.path, a.status, a.code, a.header)
			}
		}
		resp, err := http.Get("http://" + s.listen[replica] + "/readyz")
		s.must(err)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("/readyz of a replica that still answers: %d", resp.StatusCode)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s.must(s.pg.Restart(ctx))
	for replica := range 2 { // until it has noticed, it says as of when it answers
		for ask(replica, "GET", paths[0], nil).header.Get("X-Lethe-As-Of") != "" {
			time.Sleep(10 * time.Millisecond)
		}
	}
	for i := range 20 {
		text := schema(1000 + i)
		a := ask(i%2, "POST", "/subjects/s2-value/versions", submission(text))
		if a.status != http.StatusOK {
			t.Fatalf("PostgreSQL back: %d %s", a.status, a.text)
		}
		if latest := ask(1-i%2, "GET", "/subjects/s2-value/versions/latest", nil); latest.body["id"] != a.body["id"] {
			t.Errorf("replica %d acknowledged %v, and replica %d says %v", i%2, a.body["id"], 1-i%2, latest.body["id"])
		}
	}
	for _, path := range paths {
		for replica := range 2 {
			a := ask(replica, "GET", path, nil)
			if a.header.Get("X-Lethe-As-Of") != "" || a.status != http.StatusOK || a.text != before[path] && path != "/subjects/s2-value/versions" && path != "/subjects/s2-value/versions/latest" {
				t.Errorf("PostgreSQL back, GET %s: %d %s", path, a.status, a.text)
			}
		}
	}
}
