package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// result is how a command line ended.
type result struct {
	code     int
	out, err string
}

func lethe(t *testing.T, e env, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	e.out, e.err = &out, &errs
	if e.in == nil {
		e.in = strings.NewReader("")
	}
	return result{run(t.Context(), args, e), out.String(), errs.String()}
}

// fakeServer answers calls with fixed texts, one a call, and keeps what it was
// asked.
type fakeServer struct {
	*httptest.Server
	asked []asked
}

type asked struct {
	Query             string
	Variables         map[string]any
	token, path, body string
}

func answering(t *testing.T, status int, answers ...string) *fakeServer {
	t.Helper()
	f := &fakeServer{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		q := asked{token: r.Header.Get("Authorization"), path: r.URL.String(), body: string(body)}
		if r.URL.Path == "/graphql" {
			err = json.Unmarshal(body, &q)
		}
		if err != nil {
			t.Error(err)
		}
		f.asked = append(f.asked, q)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answers[min(len(f.asked), len(answers))-1]))
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeServer) env() env {
	return env{environ: []string{"LETHE_URL=" + f.URL, "LETHE_TOKEN=secret-token"}}
}

// Every document is read against the schema that the server serves.
func TestDocumentsFitTheSchema(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../graph/schema/*.graphql")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var sources []*ast.Source
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, &ast.Source{Name: f, Input: string(text)})
	}
	schema, err := gqlparser.LoadSchema(sources...)
	if err != nil {
		t.Fatal(err)
	}
	for name, doc := range map[string]string{
		"case": caseDocument, "list": listDocument, "find": findDocument, "open": openDocument, "approve": approveDocument,
		"cancel": cancelDocument, "plan": planDocument, "certificate": certificateDocument, "stop": stopDocument, "resume": resumeDocument, "service": serviceDocument,
		"replan": replanDocument, "refuse": refuseDocument, "extend": extendDocument, "pause-clock": pauseClockDocument, "resume-clock": resumeClockDocument,
		"approve-change": approveChangeDocument, "safe": safeDocument, "dataset": datasetDocument,
		"resolve-block": resolveBlockDocument, "close-partially": closePartiallyDocument, "tasks": tasksDocument, "retry": retryDocument,
	} {
		if _, err := gqlparser.LoadQueryWithRules(schema, doc, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Name() == "help" || c.Name() == "completion" {
			return
		}
		if c.Short == "" || !strings.Contains(c.Example, "lethe ") {
			t.Errorf("%s has no short text or no example", c.CommandPath())
		}
		args := append(strings.Fields(c.CommandPath())[1:], "--help")
		if r := lethe(t, env{}, args...); r.code != exitOK || !strings.Contains(r.out, "Examples:") {
			t.Errorf("%s --help: %d\n%s%s", c.CommandPath(), r.code, r.out, r.err)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&env{}))
}

func TestWrongUsageEndsWith2(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"reqest":                      `did you mean "request"?`,
		"request opne":                `did you mean "open"?`,
		"request":                     "needs a subcommand: ",
		"serve --lisen :1":            "unknown flag: --lisen",
		"serve extra":                 "unknown command",
		"request show":                "accepts 1 arg(s), received 0",
		"request open --type erasure": "required flag(s)",
		"version --output xml":        "write text or json",
		"serve":                       "LETHE_DATABASE_URL is not set",
		"migrate":                     "LETHE_MIGRATE_URL is not set",
		"audit verify":                "LETHE_ANCHOR_DIR is not set",
		"request list":                "no token: set LETHE_TOKEN",
		"request stop":                "give --service REF, or --all",
		"catalog import /nowhere":     "there is no file /nowhere",

		"schema config --url ftp://u:p@h orders-value":   "lethe: --url or LETHE_URL is no URL of a server; write one like https",
		"catalog export --url localhost:8080":            "--url or LETHE_URL is no URL",
		"request list --url http://:8080":                "--url or LETHE_URL is no URL",
		"token --job --url ///":                          "--url or LETHE_URL is no URL",
		"token --as dpo --url https://%":                 "--url or LETHE_URL is no URL",
		"token --as dpo --issuer nonsense":               "--issuer or LETHE_OIDC_ISSUER is no URL",
		"schema mirror --from nonsense":                  "--from is no URL",
		"schema mirror --from ftp://r.example --dry-run": "--from is no URL",
		"schema mirror --from http://r.example?a=b":      "--from ends with the path of the API",

		"schema mirror --from http://r.example --closed":                     "--closed is said of a switch",
		"schema mirror --from http://r.example --every 0s":                   "--every is longer than nothing",
		"schema mirror --from http://r.example --follow --from-token-file -": "which - cannot be",
		"schema mirror --from http://r.example --from-password-file x":       "give --from-user, too",
		"schema mirror --from http://r.example --switch --prefix a":          "none of the others can be",

		"certificate verify x": "--signing-key and --audit-key are needed",
	} {
		r := lethe(t, env{}, strings.Fields(line)...)
		if r.code != exitUsage || !strings.Contains(r.err, want) {
			t.Errorf("lethe %s: %d %s", line, r.code, r.err)
		}
	}
}

const aRequest = `{"id":"x","caseNumber":"R-2026-000123","type":"ERASURE","state":"PLANNED","outcome":null,"blockedReason":null,"receivedOn":"2026-03-05",
"dueOn":"2026-04-07","daysLeft":3,"rev":2,"controller":{"ref":"flowmart-de"},"progress":{"total":4,"done":1,"stopped":1,"cancelled":0},
"plan":{"digest":"abc","number":1,"summary":{"ask":3,"keep":1,"expire":0,"gaps":2,"excluded":0,"services":2,"rows":17,"effectiveBy":"2026-05-01"}}}`

func TestExitCodesOfVisits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		answer string
		code   int
		want   string
	}{
		"found":              {200, `{"data":{"node":` + aRequest + `}}`, exitOK, ""},
		"none":               {200, `{"data":{"node":null}}`, exitNo, "there is no request x1"},
		"refused":            {200, `{"errors":[{"message":"this needs the role handler","extensions":{"code":"ROLE_REQUIRED"}}]}`, exitNo, "this needs the role handler"},
		"not signed in":      {401, `{"code":"TOKEN_EXPIRED","detail":"the access token has expired"}`, exitNo, "has expired"},
		"our mistake":        {200, `{"errors":[{"message":"something went wrong on our side","extensions":{"code":"INTERNAL"}}]}`, exitAway, "on our side"},
		"overloaded":         {503, `{"code":"OVERLOADED","detail":"try again"}`, exitAway, "try again"},
		"another server":     {200, `<html>`, exitAway, "is this Lethe's URL?"},
		"a server of others": {404, `{}`, exitAway, "answered 404"},
	} {
		f := answering(t, c.status, c.answer)
		r := lethe(t, f.env(), "request", "show", "x1")
		if r.code != c.code || !strings.Contains(r.err, c.want) {
			t.Errorf("%s: %d %s", name, r.code, r.err)
		}
		if len(f.asked) == 0 || f.asked[0].token != "Bearer secret-token" {
			t.Errorf("%s: no token was sent", name)
		}
	}
	if r := lethe(t, env{environ: []string{"LETHE_URL=http://127.0.0.1:1", "LETHE_TOKEN=secret-token"}}, "request", "list"); r.code != exitAway || !strings.Contains(r.err, "cannot be reached") || strings.Contains(r.err, "secret") {
		t.Errorf("nobody there: %d %s", r.code, r.err)
	}
}

func TestRequestsAreShown(t *testing.T) {
	t.Parallel()
	f := answering(t, 200, `{"data":{"node":`+aRequest+`}}`)
	r := lethe(t, f.env(), "request", "show", "cmVx")
	for _, want := range []string{"R-2026-000123  erasure", "due 2026-04-07 (3 days)", "1/4 tasks done, 1 need a person", "3 datasets asked of 2 services, 1 kept", "2 gaps", "Digest abc", "by 2026-05-01"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("the text lacks %q:\n%s", want, r.out)
		}
	}
	r = lethe(t, f.env(), "request", "show", "cmVx", "--output", "json")
	var back caseRequest
	if err := json.Unmarshal([]byte(r.out), &back); err != nil || back.Plan.Summary.Rows != 17 || back.Progress.Total != 4 {
		t.Errorf("JSON: %v\n%s", err, r.out)
	}
}

// Identifiers come from standard input, and no error repeats one.
func TestRequestOpen(t *testing.T) {
	t.Parallel()
	f := answering(t, 200, `{"data":{"openRequest":{"request":`+aRequest+`,"userErrors":[]}}}`)
	e := f.env()
	e.in = strings.NewReader("customer_id=42\n\nemail = erika@example.com\n")
	r := lethe(t, e, "request", "open", "--type", "erasure", "--controller", "flowmart-de", "--ground", "17(1)(b)", "--identifier", "-")
	if r.code != exitOK {
		t.Fatalf("%d %s", r.code, r.err)
	}
	in, _ := json.Marshal(f.asked[0].Variables["input"])
	want := `{"controller":"flowmart-de","ground":"17(1)(b)","identifiers":[{"type":"customer_id","value":"42"},{"type":"email","value":"erika@example.com"}],"type":"ERASURE"}`
	if string(in) != want {
		t.Errorf("asked %s", in)
	}
	// Words of the schema may be written as on a command line.
	e.in = strings.NewReader("customer_id=42")
	r = lethe(t, e, "request", "open", "--type", "Access", "--controller", "x", "--identity", "account-login", "--identifier", "-")
	if in := f.asked[len(f.asked)-1].Variables["input"].(map[string]any); r.code != exitOK || in["identity"] != "ACCOUNT_LOGIN" || in["type"] != "ACCESS" {
		t.Errorf("%d %s asked %v", r.code, r.err, in)
	}
	for _, bad := range []string{"erika@example.com", "=erika", "email=", ""} {
		e.in = strings.NewReader(bad)
		r := lethe(t, e, "request", "open", "--type", "erasure", "--controller", "x", "--identifier", "-")
		if r.code != exitUsage || (strings.Contains(bad, "erika") && strings.Contains(r.err, "erika")) {
			t.Errorf("%q: %d %s", bad, r.code, r.err)
		}
	}
	f = answering(t, 200, `{"data":{"openRequest":{"request":null,"userErrors":[{"code":"UNKNOWN_IDENTIFIER_TYPE","path":["input","identifiers","0","type"],"message":"no service knows this type; did you mean \"email\"?"}]}}}`)
	r = lethe(t, f.env(), "request", "open", "--type", "access", "--controller", "x", "--identifier", "emial=e", "-o", "json")
	if r.code != exitNo || !strings.Contains(r.err, `"path":["input","identifiers","0","type"]`) {
		t.Errorf("refused: %d %s", r.code, r.err)
	}
}

func TestCatalogImport(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.yaml")
	text := "lethe: catalog/1\ncontrollers:\n  - ref: shop\n    name: ${SHOP_NAME}\n    country: DE\n    time_zone: Europe/Berlin\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f := answering(t, 200, `{"changes":[{"action":"CREATE","kind":"controller","ref":"shop"}],"unchanged":0,"dryRun":true}`)
	e := f.env()
	e.environ = append(e.environ, `SHOP_NAME=Shop: "GmbH" # 1`)
	r := lethe(t, e, "catalog", "import", path, "--dry-run")
	if r.code != exitOK || !strings.Contains(r.out, "create controller shop") || !strings.Contains(r.out, "Nothing was changed") {
		t.Errorf("%d %s%s", r.code, r.out, r.err)
	}
	if f.asked[0].path != "/api/v1/catalog?dry_run=true" || !strings.Contains(f.asked[0].body, "name: ${SHOP_NAME}") ||
		!strings.Contains(f.asked[0].body, `"variables":{"SHOP_NAME":"Shop: \"GmbH\" # 1"}`) {
		t.Errorf("asked %+v", f.asked[0])
	}
	f = answering(t, 422, `{"code":"TAKEN","detail":"3:5: another controller has this ref; choose another, or change that one","errors":[{"path":"3:5","code":"TAKEN","detail":"another controller has this ref; choose another, or change that one"}]}`)
	e.environ[0] = "LETHE_URL=" + f.URL
	r = lethe(t, e, "catalog", "import", path)
	if r.code != exitNo || !strings.Contains(r.err, path+":3:5: another controller has this ref") {
		t.Errorf("%d %s", r.code, r.err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(text, "country:", "contry:", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	r = lethe(t, env{environ: []string{"SHOP_NAME=x"}}, "catalog", "validate", path)
	if r.code != exitNo || !strings.Contains(r.err, path+":5:") || !strings.Contains(r.err, "country") {
		t.Errorf("validate: %d %s", r.code, r.err)
	}
}

func TestCertificateVerifyRefuses(t *testing.T) {
	t.Parallel()
	r := lethe(t, env{in: strings.NewReader(`{"payloadType":"x"}`)}, "certificate", "verify", "-", "--signing-key", strings.Repeat("a", 64), "--audit-key", "b")
	if r.code != exitNo || !strings.Contains(r.err, "not a certificate") {
		t.Errorf("%d %s", r.code, r.err)
	}
}

// A demo's issuer gives its client "demo" a token of anybody.
func TestToken(t *testing.T) {
	t.Parallel()
	var issuer *httptest.Server
	issuer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(map[string]string{"token_endpoint": issuer.URL + "/token"})
		case "/auth/login":
			http.Redirect(w, r, issuer.URL+"/authorize?x=y", http.StatusSeeOther)
		case "/token":
			if r.FormValue("as") != "approver" {
				w.WriteHeader(400)
				_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_request", "error_description": "nobody here is that"})
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]string{"access_token": "t0ken " + r.FormValue("client_id")})
		}
	}))
	t.Cleanup(issuer.Close)
	for _, args := range [][]string{{"--issuer", issuer.URL}, {"--url", issuer.URL}} {
		r := lethe(t, env{}, append([]string{"token", "--as", "approver"}, args...)...)
		if r.code != exitOK || r.out != "t0ken demo\n" {
			t.Errorf("%v: %d %s %s", args, r.code, r.out, r.err)
		}
	}
	if r := lethe(t, env{}, "token", "--as", "emperor", "--issuer", issuer.URL); r.code != exitUsage || !strings.Contains(r.err, "nobody here") {
		t.Errorf("%d %s", r.code, r.err)
	}
	if r := lethe(t, env{}, "token", "--as", "approver", "--url", "http://127.0.0.1:1"); r.code != exitAway || !strings.Contains(r.err, "make demo") {
		t.Errorf("%d %s", r.code, r.err)
	}
}

func TestListAsksForStates(t *testing.T) {
	t.Parallel()
	f := answering(t, 200, `{"data":{"requests":{"nodes":[`+aRequest+`],"pageInfo":{"hasNextPage":false}}}}`)
	r := lethe(t, f.env(), "request", "list", "--state", "identity-pending,Blocked")
	filter, _ := json.Marshal(f.asked[0].Variables["filter"])
	if r.code != exitOK || string(filter) != `{"states":["IDENTITY_PENDING","BLOCKED"]}` {
		t.Errorf("%d %s asked %s", r.code, r.err, filter)
	}
}

func TestFollowEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	closed := strings.NewReplacer(`"PLANNED","outcome":null`, `"CLOSED","outcome":"FULFILLED"`, `"rev":2`, `"rev":3`).Replace(aRequest)
	f := answering(t, 200, `{"data":{"node":`+aRequest+`}}`, `{"data":{"node":`+aRequest+`}}`, `{"data":{"node":`+aRequest+`}}`, `{"data":{"node":`+closed+`}}`)
	r := lethe(t, f.env(), "request", "follow", "cmVx", "--every", "100ms")
	if r.code != exitOK || strings.Count(r.out, "\n") != 2 || !strings.Contains(r.out, "closed, fulfilled") {
		t.Errorf("%d\n%s%s", r.code, r.out, r.err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	e := answering(t, 200, `{"data":{"node":`+aRequest+`}}`).env()
	e.out, e.err, e.in = &out, &errs, strings.NewReader("")
	if code := run(ctx, []string{"request", "follow", "cmVx"}, e); code != exitAway {
		t.Errorf("interrupted: %d", code)
	}
}

func TestCaseNumbersAreFound(t *testing.T) {
	t.Parallel()
	f := answering(t, 200, `{"data":{"request":{"id":"b"}}}`, `{"data":{"cancelRequest":{"request":`+aRequest+`,"userErrors":[]}}}`)
	r := lethe(t, f.env(), "request", "cancel", "R-2026-000123")
	if r.code != exitOK || len(f.asked) != 2 || f.asked[0].Variables["caseNumber"] != "R-2026-000123" {
		t.Fatalf("%d %s after %d calls", r.code, r.err, len(f.asked))
	}
	if in := f.asked[1].Variables["input"].(map[string]any); in["requestId"] != "b" {
		t.Errorf("cancelled %v", in)
	}
	f = answering(t, 200, `{"data":{"request":null}}`)
	if r := lethe(t, f.env(), "request", "show", "R-2026-000124"); r.code != exitNo || !strings.Contains(r.err, "there is no request R-2026-000124") {
		t.Errorf("%d %s", r.code, r.err)
	}
}
