// Package problem answers an HTTP request with what went wrong, after RFC 9457
// (problem details). Every REST door uses it, so that clients meet one form.
package problem

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// RequestID is the header that names a request, in answers and in the log.
const RequestID = "X-Request-Id"

// details is the body. Detail and Errors are written for the person who must
// mend the request, and hold no values of it.
type details struct {
	Type      string  `json:"type"`
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Detail    string  `json:"detail"`
	Code      string  `json:"code"`
	RequestID string  `json:"request_id,omitempty"`
	Errors    []entry `json:"errors,omitempty"`
}

type entry struct {
	Path   string `json:"path,omitempty"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Write answers err with the status of its kind. An error that nobody
// classified, and one of our own, is told without words; log it first.
func Write(w http.ResponseWriter, err error) {
	faults := fault.All(err)
	switch {
	case len(faults) == 0 && postgres.Away(err):
		faults = []*fault.Fault{fault.New(fault.Unavailable, "UNAVAILABLE", "Lethe cannot reach its database; try again soon")}
	case len(faults) == 0 || faults[0].Kind == fault.Internal:
		faults = []*fault.Fault{fault.New(fault.Internal, "INTERNAL", "something went wrong on our side; the request id finds it in the log")}
	}
	answer(w, Status(faults[0].Kind), faults)
}

// WriteStatus answers with a fault and a status of its own, where HTTP knows a
// better one than the kind does: 400, 405, 415, 421, 429.
func WriteStatus(w http.ResponseWriter, status int, f *fault.Fault) {
	answer(w, status, []*fault.Fault{f})
}

func answer(w http.ResponseWriter, status int, faults []*fault.Fault) {
	d := details{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: faults[0].Error(), Code: faults[0].Code,
		RequestID: w.Header().Get(RequestID),
	}
	for _, f := range faults {
		if len(faults) > 1 || len(f.Path) > 0 {
			d.Errors = append(d.Errors, entry{strings.Join(f.Path, "."), f.Code, f.Message})
		}
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if status == http.StatusUnauthorized && h.Get("WWW-Authenticate") == "" {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if (status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests) && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "5")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(d) // the client may have gone
}

// Status is the HTTP status of a kind of fault.
func Status(kind fault.Kind) int {
	switch kind {
	case fault.Invalid:
		return http.StatusUnprocessableEntity
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Denied:
		return http.StatusForbidden
	case fault.Unknown:
		return http.StatusUnauthorized
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusInternalServerError
}
