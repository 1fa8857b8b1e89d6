package mirror

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/schemas/remote"
)

// A registry that makes up further versions is not asked for ever.
func TestEndlessVersions(t *testing.T) {
	t.Parallel()
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var b strings.Builder
		for i := range 400_000 {
			n++
			fmt.Fprintf(&b, "%c{\"subject\":\"%d\"}", "[,"[min(i, 1)], n)
		}
		_, _ = io.WriteString(w, b.String()+"]")
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := &Registry{Registry: remote.Registry{URL: server.URL}}
	if _, err := r.list(ctx, url.Values{}); err == nil || !strings.Contains(err.Error(), "more than 1000000 versions") {
		t.Error(err)
	}
}

// What a registry calls a mode is told, and no more of it than helps.
func TestLongMode(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"mode":"`+strings.Repeat("OPEN", 100_000)+`"}`)
	}))
	defer server.Close()
	r := &Registry{Registry: remote.Registry{URL: server.URL}}
	if err := r.noneOpen(t.Context(), "orders"); err == nil || len(err.Error()) > 1000 || !strings.Contains(err.Error(), "orders has the mode OPEN") {
		t.Errorf("%.2000v", err)
	}
}

// A list that is refused for its size is read in smaller parts, to its end.
func TestAListThatIsTooLargeComesInParts(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		limit, _ := strconv.Atoi(cmp.Or(req.FormValue("limit"), "1000"))
		if limit > 50 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			_, _ = io.WriteString(w, `{"error_code":413,"message":"ask for fewer at a time"}`)
			return
		}
		offset, _ := strconv.Atoi(req.FormValue("offset"))
		var part []string
		for i := offset; i < min(offset+limit, 25); i++ {
			part = append(part, fmt.Sprintf(`{"subject":"s%02d","version":1,"aliases":["a%02d"]}`, i, i))
		}
		_, _ = io.WriteString(w, "["+strings.Join(part, ",")+"]")
	}))
	defer server.Close()
	m := &Mirror{From: &Registry{Registry: remote.Registry{URL: server.URL}}}
	if names, err := m.aliased(t.Context()); err != nil || len(names) != 25 {
		t.Errorf("%d names, %v", len(names), err)
	}
}
