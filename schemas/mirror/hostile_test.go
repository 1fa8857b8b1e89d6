package mirror

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
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
