package rest_test

import (
	"strings"
	"testing"
)

// Written from the rules of the API, as in conformance_test.go.
func TestConformanceOfLists(t *testing.T) {
	t.Parallel()
	s := serve(t)
	rules := func(of, kind string) string {
		return `,"ruleSet":{"` + of + `":[{"name":"r","kind":"TRANSFORM","mode":"WRITEREAD","type":"` + kind + `"}]}`
	}
	s.walk(t, []step{
		{"POST /subjects/a/versions", submission(v1, rules("domainRules", "CEL")), 200, 0, ""},
		{"POST /subjects/a/versions", submission(v2, rules("encodingRules", "ENCRYPT")), 200, 0, ""},
		{"POST /subjects/b/versions", submission(v1, rules("migrationRules", "JSONATA")), 200, 0, ""},
		{"PUT /config/known-as", `{"alias":"a"}`, 200, 0, ""},
		{"PUT /config/also", `{"alias":"a"}`, 200, 0, ""},
		{"PUT /config/%3A.eu%3Aelse", `{"alias":":.:b"}`, 200, 0, ""},
		{"GET /schemas?aliases=perhaps&subjectPrefix=known", "", 200, 0, "[]"},
		{"GET /schemas?ruleType=NONE", "", 200, 0, "[]"},
	})
	for query, want := range map[string]string{
		"":                                       `"subject":"a","version":1 "subject":"a","version":2 "subject":"b","version":1`,
		"?ruleType=":                             `"subject":"a","version":1 "subject":"a","version":2 "subject":"b","version":1`,
		"?ruleType=CEL":                          `"subject":"a","version":1`,
		"?ruleType=ENCRYPT&latestOnly=true":      `"subject":"a","version":2`,
		"?ruleType=JSONATA":                      `"subject":"b","version":1`,
		"?aliases=true":                          `"subject":"a","version":1 "aliases":["also","known-as"] "subject":"a","version":2 "aliases":["also","known-as"] "subject":"b","version":1 "aliases":[":.eu:else"]`,
		"?aliases=TRUE&subjectPrefix=known":      `"subject":"a","version":1 "aliases":["also","known-as"] "subject":"a","version":2 "aliases":["also","known-as"]`,
		"?aliases=true&subjectPrefix=a&offset=1": `"subject":"a","version":2 "aliases":["also","known-as"]`,
		"?aliases=true&subjectPrefix=al&ruleType=C": "",
		"?aliases=true&subjectPrefix=%3A.eu%3A":     `"subject":"b","version":1 "aliases":[":.eu:else"]`,
	} {
		if got := listed(t, s, "/schemas"+query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	// Within a context its own names lead, wherever they lead to.
	if got, want := listed(t, s, "/contexts/eu/schemas?aliases=true&subjectPrefix=el"), `"subject":"b","version":1 "aliases":[":.eu:else"]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// listed are the members of a list that name versions, and those that lead to
// them.
func listed(t *testing.T, s *served, path string) string {
	t.Helper()
	status, _, body := s.ask(t, "GET", path, "")
	if status != 200 {
		t.Fatalf("%s: %d %s", path, status, body)
	}
	var out []string
	for element := range strings.SplitSeq(body, `{"subject"`) {
		name, _, is := strings.Cut(element, `,"id"`)
		if !is {
			continue
		}
		out = append(out, `"subject"`+name)
		if _, aliases, are := strings.Cut(element, `"aliases":`); are {
			aliases, _, _ = strings.Cut(aliases, "]")
			out = append(out, `"aliases":`+aliases+"]")
		}
	}
	return strings.Join(out, " ")
}
