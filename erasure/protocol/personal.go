package protocol

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The shapes of personal data that are looked for. They are wide on purpose:
// a result is made of listed words and numbers, so nothing rightful is near.
var (
	email = regexp.MustCompile(`[^\s@"<>]+(@|%40)[^\s@"<>]+\.[^\s@"<>.]{2,}`)
	phone = regexp.MustCompile(`(\+|\b00)[1-9][0-9 ()./-]{6,}[0-9]|\b0[1-9][0-9]{1,4}[ /-]?[0-9][0-9 -]{4,}[0-9]`)
	// harmless is what has many digits and is allowed: ids, digests, days, times.
	harmless = regexp.MustCompile(`^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-f]{64}|\d{4}-\d{2}-\d{2}(T[0-9:.]+(Z|[+-]\d{2}:\d{2}))?)$`)
)

// ContainsPersonalData reports whether s holds something shaped like an e-mail
// address or a telephone number.
func ContainsPersonalData(s string) bool {
	if harmless.MatchString(s) {
		return false
	}
	if email.MatchString(s) {
		return true
	}
	return !strings.Contains(s, "://") && phone.MatchString(s)
}

// scanPersonalData looks through every string of a message of results, names
// of members included, except what stands in results/N/resolved, where
// identifiers belong. It names the place and never the value.
func scanPersonalData(body []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		if dec.StackDepth() > maxDepth {
			return nil // decode refuses it
		}
		token, err := dec.ReadToken()
		if err != nil {
			return nil //nolint:nilerr // the end, or not JSON: decode says so
		}
		if token.Kind() != '"' || !ContainsPersonalData(token.String()) {
			continue
		}
		if where := dec.StackPointer(); !inResolved(where) {
			return at(where, "PERSONAL_DATA_IN_RESULT", "An e-mail address or telephone number does not belong here; send codes and numbers only.")
		}
	}
}

func inResolved(where jsontext.Pointer) bool {
	var path []string
	for token := range where.Tokens() {
		path = append(path, token)
	}
	return len(path) > 3 && path[0] == "results" && path[2] == "resolved"
}
