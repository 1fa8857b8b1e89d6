package dispatch

import (
	"net/http"
	"testing"
	"time"
)

// Both forms of RFC 9110 §10.2.3; nobody makes us wait longer than an hour.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{"": 0, "0": 0, "120": 2 * time.Minute, "-5": 0, "99999999": time.Hour, "soon": 0,
		"Mon, 02 Jan 2006 15:04:05 GMT": 0} {
		if got := retryAfter(http.Header{"Retry-After": {value}}); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	in := retryAfter(http.Header{"Retry-After": {time.Now().Add(10 * time.Minute).UTC().Format(http.TimeFormat)}})
	if in < 9*time.Minute || in > 10*time.Minute {
		t.Errorf("a date: %v", in)
	}
}
