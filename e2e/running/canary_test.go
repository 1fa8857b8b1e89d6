package running

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/server/issuertest"
)

// Marks stand for what a person could be known by. Those of identifiers must be
// nowhere but sealed; others must be in no log, metric or job.
const (
	identifierMark = "zq7i"
	otherMark      = "zq7c"
)

// input is one way in, with one mark.
type input struct {
	name string
	// word is set where the mark is a word of a language, which an answer may
	// repeat to say where the mistake is: a name in a query or in the catalog.
	word bool
	mark string
	send func(in *sender, mark string) answer
}

// sender sends inputs to a server.
type sender struct {
	h       *house
	handler string
	admin   string
}

func (s *sender) raw(method, path, body string, headers ...string) answer {
	s.h.t.Helper()
	a, err := send(s.h.t.Context(), &http.Client{Timeout: patient.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		method, s.h.public+path, body, headers...)
	if err != nil {
		return answer{} // the client itself refused to send it
	}
	return a
}

func (s *sender) graphql(token string, body any) answer {
	text, err := json.Marshal(body)
	if err != nil {
		s.h.t.Fatal(err)
	}
	return s.raw(http.MethodPost, "/graphql", string(text), "Content-Type", "application/json", "Authorization", "Bearer "+token)
}

func (s *sender) openRequest(change map[string]any, ids ...map[string]any) answer {
	in := map[string]any{"type": "ERASURE", "controller": "flowmart-de", "ground": "17(1)(b)", "identity": "ACCOUNT_LOGIN", "identifiers": ids}
	for k, v := range change {
		in[k] = v
	}
	return s.graphql(s.handler, map[string]any{"query": `mutation($i: OpenRequestInput!) { openRequest(input: $i) { request { id caseNumber state } userErrors { code path message } } }`, "variables": map[string]any{"i": in}})
}

func id(kind, value string) map[string]any { return map[string]any{"type": kind, "value": value} }

// identifierInputs are people's identifiers, right and wrong.
func identifierInputs() (out []input) {
	add := func(name string, send func(in *sender, mark string) answer) {
		out = append(out, input{name: name, send: send})
	}
	for _, f := range []struct{ name, kind, form string }{
		{"a customer", "customer_id", "%s"}, {"an address", "email", "%s@mail.example"}, {"upper case", "email", "A.%s@MAIL.EXAMPLE"},
		{"blanks around", "customer_id", "  %s  "}, {"a line break", "customer_id", "%s\nx"}, {"a NUL", "customer_id", "%s\x00"}, {"a control character", "customer_id", "%s\x07"},
		{"a quote", "customer_id", `%s'"; --`}, {"a format", "customer_id", "%s%%s%%n"}, {"markup", "email", "<b>%s</b>@mail.example"}, {"right to left", "customer_id", "\u202e%s"},
		{"an unknown type", "phone", "+49 30 %s"}, {"a type misspelt", "emial", "%s@mail.example"}, {"a type of another case", "EMAIL", "%s@mail.example"}, {"a lone surrogate", "customer_id", "%s\xed\xa0\x80"},
		{"no at sign", "email", "%s"}, {"two at signs", "email", "%s@@mail.example"},
	} {
		add("openRequest, "+f.name, func(in *sender, mark string) answer {
			return in.openRequest(nil, id(f.kind, fmt.Sprintf(f.form, mark)))
		})
	}
	add("openRequest, 100,000 characters", func(in *sender, mark string) answer {
		return in.openRequest(nil, id("customer_id", mark+strings.Repeat("x", 100_000)))
	})
	add("openRequest, 2 MiB", func(in *sender, mark string) answer {
		return in.openRequest(nil, id("customer_id", mark+strings.Repeat("x", 2<<20)))
	})
	add("openRequest, 500 of them", func(in *sender, mark string) answer {
		var ids []map[string]any
		for n := range 500 {
			ids = append(ids, id("customer_id", fmt.Sprintf("%s-%d", mark, n)))
		}
		return in.openRequest(nil, ids...)
	})
	add("openRequest, twice the same", func(in *sender, mark string) answer {
		return in.openRequest(nil, id("customer_id", mark), id("customer_id", mark))
	})
	add("openRequest, a controller nobody knows", func(in *sender, mark string) answer {
		return in.openRequest(map[string]any{"controller": "flowmart-fr"}, id("customer_id", mark))
	})
	add("openRequest, a value that is no text", func(in *sender, mark string) answer {
		return in.openRequest(nil, map[string]any{"type": "customer_id", "value": []string{mark}})
	})
	add("openRequest, written in the document", func(in *sender, mark string) answer {
		return in.graphql(in.handler, map[string]any{"query": `mutation { openRequest(input: {type: ACCESS, controller: "flowmart-de", identity: ACCOUNT_LOGIN, identifiers: [{type: "customer_id", value: "` + mark + `"}]}) { request { id } userErrors { code message } } }`})
	})
	add("openRequest, by a role that may not", func(in *sender, mark string) answer {
		return in.graphql(in.admin, map[string]any{"query": `mutation { openRequest(input: {type: ACCESS, controller: "flowmart-de", identifiers: [{type: "customer_id", value: "` + mark + `"}]}) { request { id } userErrors { code message } } }`})
	})
	add("openRequest, broken off", func(in *sender, mark string) answer {
		return in.raw(http.MethodPost, "/graphql", `{"query":"mutation { openRequest(input: {identifiers: [{type: \"customer_id\", value: \"`+mark, "Content-Type", "application/json", "Authorization", "Bearer "+in.handler)
	})
	for _, path := range []string{"/requests/%s", "/requests?customer=%s", "/%s", "/api/v1/%s", "/packages/%s", "/rights/v1/%s", "/rights/v1/parts/%s/x/1", "/auth/callback?code=%[1]s&state=%[1]s", "/graphql?query=%s", "/registry/subjects?subjectPrefix=%s", "/.well-known/%s"} {
		add("GET "+path, func(in *sender, mark string) answer {
			return in.raw(http.MethodGet, fmt.Sprintf(path, mark), "", "Authorization", "Bearer "+in.handler)
		})
	}
	for _, document := range []string{
		`{"query":"query($n: String!) { request(caseNumber: $n) { id } }","variables":{"n":"%s"}}`, `{"query":"{ request(caseNumber: \"%s\") { id } }"}`, `{"query":"query($n: ID!) { node(id: $n) { id } }","variables":{"n":"%s"}}`,
		`{"query":"query($n: Int!) { requests(first: $n) { nodes { id } } }","variables":{"n":"%s"}}`, `{"query":"query($n: String) { requests(first: 1, after: $n) { nodes { id } } }","variables":{"n":"%s"}}`,
		`{"query":"query($n: String!) { search(query: $n, first: 5) { nodes { __typename } } }","variables":{"n":"%s\u0000"}}`, `{"query":"{ viewer { name } }","extensions":{"x":"%s"}}`,
		`{"query":"mutation($i: ApprovePlanInput!) { approvePlan(input: $i) { userErrors { code message } } }","variables":{"i":{"requestId":"%[1]s","digest":"%[1]s"}}}`, `["%s"]`, `%s`, `{"query": %s`,
	} {
		add("GraphQL "+document, func(in *sender, mark string) answer {
			return in.raw(http.MethodPost, "/graphql", fmt.Sprintf(document, mark), "Content-Type", "application/json", "Authorization", "Bearer "+in.handler)
		})
	}
	for _, body := range []string{
		`{"spec":"lethe-rights/1","type":"task_results","issuer":"%s"}`, `{"spec":"%s"}`, `{"%s":1}`, `%s`, `{"spec":"lethe-rights/1","type":"task_results","issuer":"orders","results":[{"code":"%s","task":"%[1]s","outcomes":[{"dataset":"%[1]s"}]}]}`,
	} {
		add("results "+body, func(in *sender, mark string) answer {
			return in.raw(http.MethodPost, "/rights/v1/results", fmt.Sprintf(body, mark), "Content-Type", "application/json", "webhook-id", mark, "webhook-timestamp", "1", "webhook-signature", "v1a,"+mark, "webhook-key", mark)
		})
	}
	return out
}

// otherInputs are headers, names and files.
func otherInputs() (out []input) {
	for _, header := range []string{"User-Agent", "Referer", "X-Request-Id", "X-Forwarded-For", "Accept", "Accept-Language", "Cookie", "Origin", "Content-Encoding", "Range", "If-None-Match", "Idempotency-Key", "traceparent", "baggage", "Lethe-Part-SHA256", "webhook-id", "webhook-key"} {
		for _, path := range []string{"/graphql", "/rights/v1/results"} {
			out = append(out, input{name: header + " at " + path, send: func(in *sender, mark string) answer {
				value := mark
				if header == "Cookie" {
					value = "lethe=" + mark
				}
				return in.raw(http.MethodPost, path, `{"query":"{ viewer { name } }"}`, "Content-Type", "application/json", "Authorization", "Bearer "+in.handler, header, value)
			}})
		}
	}
	for name, value := range map[string]string{"a token of nobody": "Bearer %s", "a password": "Basic %s", "no scheme": "%s", "three parts": "Bearer %[1]s.%[1]s.%[1]s"} {
		out = append(out, input{name: "Authorization, " + name, send: func(in *sender, mark string) answer {
			return in.raw(http.MethodPost, "/graphql", `{}`, "Content-Type", "application/json", "Authorization", fmt.Sprintf(value, mark))
		}})
	}
	for name, claims := range map[string]func(mark string) issuertest.Claims{
		"a subject": func(mark string) issuertest.Claims {
			return issuertest.Claims{"sub": mark, "groups": []string{"lethe:viewer"}}
		},
		"an audience": func(mark string) issuertest.Claims { return issuertest.Claims{"sub": "x", "aud": mark} },
		"a group": func(mark string) issuertest.Claims {
			return issuertest.Claims{"sub": "y", "groups": []string{"lethe:" + mark, "team:" + mark}}
		},
		"an issuer": func(mark string) issuertest.Claims {
			return issuertest.Claims{"sub": "z", "iss": "https://" + mark + ".example"}
		},
		"a service": func(mark string) issuertest.Claims {
			return issuertest.Claims{"sub": "m", "groups": []string{"lethe:service"}, "lethe_service": mark}
		},
		"a name with a NUL": func(mark string) issuertest.Claims {
			return issuertest.Claims{"sub": "nul", "name": mark + "\x00", "groups": []string{"lethe:viewer"}}
		},
		"a subject with a NUL": func(mark string) issuertest.Claims { return issuertest.Claims{"sub": mark + "\x00"} },
	} {
		out = append(out, input{name: "a token with " + name, send: func(in *sender, mark string) answer {
			return in.graphql(in.h.issuer.Access(claims(mark)), map[string]any{"query": "{ __typename }"})
		}})
	}
	for _, text := range []string{"lethe: catalog/1\ncontrolers: [%s]\n", "%s", "lethe: %s\n", "lethe: catalog/1\nservices:\n  - {ref: \"%s \", name: x, controller: flowmart-de}\n", "lethe: catalog/1\nservices:\n  - {ref: x, name: \"%s\\0\", controller: flowmart-de}\n",
		"lethe: catalog/1\nservices:\n  - {ref: y, name: y, controller: %s}\n", "lethe: catalog/1\nservices:\n  - {ref: y, name: y, controller: flowmart-de, endpoint: \"https://%s:secret@h.example\"}\n"} {
		out = append(out, input{name: "catalog " + text, word: true, send: func(in *sender, mark string) answer {
			return in.raw(http.MethodPost, "/api/v1/catalog", fmt.Sprintf(text, mark), "Content-Type", "application/yaml", "Authorization", "Bearer "+in.admin)
		}})
	}
	for _, schema := range []string{`{"schema":"%s"}`, `{"schema":"{\"type\":\"%s\"}"}`, `{"schema":"{\"type\":\"record\",\"name\":\"%s \",\"fields\":[]}"}`, `{"%s":1}`} {
		out = append(out, input{name: "schema " + schema, word: true, send: func(in *sender, mark string) answer {
			return in.raw(http.MethodPost, "/registry/subjects/"+url.PathEscape(mark+"\x00-value")+"/versions", fmt.Sprintf(schema, mark), "Content-Type", "application/json", "Authorization", "Bearer "+in.admin)
		}})
	}
	out = append(out, input{name: "a place to return to", send: func(in *sender, mark string) answer {
		return in.raw(http.MethodGet, "/auth/login?return_to=/"+mark, "")
	}}, input{name: "the name of an operation", word: true, send: func(in *sender, mark string) answer {
		return in.graphql(in.handler, map[string]any{"query": "{ viewer { name } }", "operationName": mark})
	}})
	for _, document := range []string{`{ %s }`, `{ viewer { %s } }`, `query %s($a: %[1]s) { viewer { name } }`, `{ viewer @%s { name } }`, `{ "%s" }`, `# %s`, `{ viewer { name } } # %s`} {
		out = append(out, input{name: "document " + document, word: true, send: func(in *sender, mark string) answer {
			return in.graphql(in.handler, map[string]any{"query": fmt.Sprintf(document, mark)})
		}})
	}
	return out
}

// marked are all inputs, each with a mark of its own.
func marked(identifiers, others string) []input {
	inputs := identifierInputs()
	for i := range inputs {
		inputs[i].mark = fmt.Sprintf("%s%03d", identifiers, i)
	}
	for i, other := range append(otherInputs(), jobInputs()...) {
		other.mark = fmt.Sprintf("%s%03d", others, i)
		inputs = append(inputs, other)
	}
	return inputs
}

// sendAll sends inputs, and looks whether an answer repeats a mark.
func (h *house) sendAll(inputs []input) {
	t := h.t
	t.Helper()
	in, sent := &sender{h, h.token("handler"), h.token("admin")}, 0
	for _, one := range inputs {
		a := one.send(in, one.mark)
		if a.status == 0 {
			continue // what Go's own client refuses to send, others hardly can
		}
		sent++
		if a.status >= 500 && a.status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", one.name, a.status, a.body)
		}
		echoes := strings.HasPrefix(a.header.Get("Content-Type"), "text/html") // a page does not know its address
		if strings.Contains(a.body, one.mark) && !one.word && !echoes {
			t.Errorf("%s: the answer repeats the mark: %d %.300s", one.name, a.status, a.body)
		}
	}
	if sent < 100 {
		t.Errorf("only %d marks were sent", sent)
	}
}

// What comes in by any way, right or wrong, is told by nothing that many may
// read: logs, metrics, jobs, the audit log, errors, PostgreSQL's own log.
func TestCanaries(t *testing.T) {
	t.Parallel()
	h := found(t, "")
	h.lethe.Env = append(h.lethe.Env, "LETHE_CI_ISSUERS=github="+h.issuer.URL)
	r := h.replica(address(h.public))
	h.importCatalog(plainCatalog)
	h.trustsJobs()
	inputs := marked(identifierMark, otherMark)
	h.sendAll(inputs)
	a, err := send(t.Context(), patient, http.MethodGet, "http://"+r.ops+"/metrics", "")
	if err != nil || a.status != http.StatusOK {
		t.Fatalf("metrics: %v", err)
	}
	r.terminate()
	r.wait(45e9)
	log, err := os.ReadFile(r.log)
	if err != nil {
		t.Fatal(err)
	}
	untold(t, inputs, map[string]string{"the log": string(log), "the metrics": a.body, "PostgreSQL's log": pgLog(t)})
	t.Logf("%d marks; searched %d bytes of log, %d of metrics", len(inputs), len(log), len(a.body))
	searchDatabases(t, h, inputs)
}

// untold looks for marks, in every form, where they must not be.
func untold(t *testing.T, inputs []input, texts map[string]string) {
	t.Helper()
	for name, text := range texts {
		for _, one := range inputs {
			for _, form := range forms(one.mark) {
				if at := strings.Index(strings.ToLower(text), form); at >= 0 {
					t.Errorf("%s: %s tells %q: …%s…", one.name, name, form, text[max(0, at-200):min(len(text), at+200)])
				}
			}
		}
	}
}

// forms are the forms in which a mark could be told.
func forms(mark string) []string {
	sum := sha256.Sum256([]byte(mark))
	return []string{mark, hex.EncodeToString([]byte(mark)), hex.EncodeToString(sum[:])}
}

func pgLog(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(pg.LogPath())
	if err != nil || !strings.Contains(string(text), "ready to accept connections") {
		t.Fatalf("PostgreSQL's log: %v", err)
	}
	return string(text)
}

// searchDatabases looks into every table of both databases. Names of people
// who sign in, the page they come from, and things in the catalog, are where
// they belong.
func searchDatabases(t *testing.T, h *house, inputs []input) {
	t.Helper()
	for _, name := range []string{h.name, h.name + "_keys"} {
		db, err := pgx.Connect(t.Context(), pg.SuperURL(name))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close(context.Background())
		rows, _ := db.Query(t.Context(), `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY table_name`)
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(tables) == 0 {
			t.Fatal(err)
		}
		for _, table := range tables {
			marks := []string{identifierMark, hex.EncodeToString([]byte(identifierMark))}
			if table != "audit_principal" && table != "server_login" && !strings.HasPrefix(table, "catalog_") && !strings.HasPrefix(table, "schemas_") {
				marks = append(marks, otherMark, hex.EncodeToString([]byte(otherMark)))
			}
			for _, mark := range marks {
				var n int
				err := db.QueryRow(t.Context(), `SELECT count(*) FROM `+pgx.Identifier{table}.Sanitize()+` AS r WHERE r::text ILIKE '%' || $1 || '%'`, mark).Scan(&n)
				if err != nil {
					t.Fatal(err)
				}
				if n > 0 {
					t.Errorf("%s of %s holds %q in %d rows", table, name, mark, n)
				}
			}
		}
	}
	if len(inputs) == 0 {
		t.Error("nothing was searched for")
	}
}
