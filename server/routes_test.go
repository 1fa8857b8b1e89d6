package server_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/server/issuertest"
	"github.com/flowmart/lethe/server/servertest"
)

// route says who may use a path of HTTP on what is their own, on what is
// others', and on what is not there. A letter stands for a role, as in the
// access matrix of GraphQL: v viewer, s steward, h handler, a approver, d dpo,
// u auditor, m admin, c pipeline, e service; n is nobody. Two more sign in by
// their provider's own identity: j is a job that is trusted with everything a
// trust can say, p the same repository's job for a pull request. "=" means that
// the path is about nothing that somebody owns, or that may not be there.
type route struct {
	own, others, absent string
	try                 func(v *visit) (path, body string)
}

const (
	public  = "vshadumcenjp"
	members = "vshadumcejp"
	talking = "vshadumce" // GraphQL
	reading = "vshadumc"  // the catalog
	sign    = ""          // who has no key of a service; that one with a key is heard, the protocol's tests show
)

// routes is written by hand after design §4.4 and docs/registry.md. What is
// at /graphql has a matrix of its own.
var routes = map[string]route{
	"GET /healthz":                               {public, "=", "=", at("/healthz")},
	"GET /readyz":                                {public, "=", "=", at("/readyz")},
	"GET /auth/login":                            {public, "=", "=", at("/auth/login")},
	"GET /auth/callback":                         {"", "=", "=", at("/auth/callback?state=x&code=y")},
	"POST /auth/token":                           {"", "=", "=", at("/auth/token")},
	"POST /auth/logout":                          {public, "=", "=", at("/auth/logout")},
	"/graphql":                                   {talking, "=", "=", func(*visit) (string, string) { return "/graphql", `{"query":"{viewer{name}}"}` }},
	"GET /graphiql":                              {public, "=", "=", at("/graphiql")},
	"GET /graphiql/":                             {public, "=", "=", at("/graphiql/")},
	"POST /api/v1/catalog":                       {"sm", "m", "", (*visit).catalog},
	"GET /api/v1/catalog":                        {reading, "=", "=", at("/api/v1/catalog")},
	"POST /api/v1/schemas/readers":               {"smcej", "m", "", (*visit).reader},
	"POST /api/v1/schemas/safe":                  {reading + "jp", reading + "jp", "", (*visit).safe},
	"POST /api/v1/schemas/check":                 {members, members, "=", (*visit).check},
	"POST /api/v1/keys":                          {"sm", "m", "", (*visit).key},
	"GET /api/v1/keys":                           {"sdum", "=", "=", at("/api/v1/keys")},
	"DELETE /api/v1/keys/{id}":                   {"sm", "m", "", (*visit).revoke},
	"POST /api/v1/trusts":                        {"sm", "m", "", (*visit).trust},
	"GET /api/v1/trusts":                         {"sdum", "=", "=", at("/api/v1/trusts")},
	"DELETE /api/v1/trusts/{id}":                 {"sm", "m", "", (*visit).endTrust},
	"POST /rights/v1/results":                    {sign, "=", "=", at("/rights/v1/results")},
	"GET /rights/v1/keys":                        {public, "=", "=", at("/rights/v1/keys")},
	"PUT /rights/v1/parts/{task}/{dataset}/{n}":  {sign, "=", "=", (*visit).part},
	"HEAD /rights/v1/parts/{task}/{dataset}/{n}": {sign, "=", "=", (*visit).part},
	"GET /packages/{id}":                         {"ha", "", "", (*visit).pack},
	"HEAD /packages/{id}":                        {"ha", "", "", (*visit).pack},
	"GET /api/v1/schemas/stores/{store}":         {members, members, "", store("", "")},
	"POST /api/v1/schemas/stores/{store}":        {"smcej", "m", "", store("", oneTable)},
	"POST /api/v1/schemas/stores/{store}/check":  {members, members, "", store("/check", oneTable)},
	"PUT /api/v1/schemas/stores/{store}/gate":    {"sm", "m", "", store("/gate", `{"policy":"WARN"}`)},
	"GET /registry/":                             {members, "=", "=", at("/registry/")},
	"POST /registry/":                            {members, "=", "=", at("/registry/")},
	"GET /registry/subjects":                     {members, "=", "=", at("/registry/subjects")},
	"POST /registry/subjects/*":                  {members, members, "", subject("", anOrder)},
	"GET /registry/subjects/*/versions":          {members, members, "", subject("/versions", "")},
	"POST /registry/subjects/*/versions":         {"smcej", "m", "=", subject("/versions", "new")},
	"GET /registry/subjects/*/versions/*":        {members, members, "", subject("/versions/1", "")},
	"GET /registry/subjects/*/versions/*/schema": {members, members, "", subject("/versions/1/schema", "")},
	"GET /registry/schemas/types":                {members, "=", "=", at("/registry/schemas/types")},
	"GET /registry/schemas/ids/*":                {members, "=", "", schemaID("")},
	"GET /registry/schemas/ids/*/schema":         {members, "=", "", schemaID("/schema")},
	"GET /registry/schemas/ids/*/subjects":       {members, "=", "", schemaID("/subjects")},
	"GET /registry/schemas/ids/*/versions":       {members, "=", "", schemaID("/versions")},
	"POST /registry/compatibility/subjects/*/versions": {members, members, "=", func(v *visit) (string, string) {
		return "/registry/compatibility/subjects/" + v.subject() + "/versions", anOrder
	}},
	"POST /registry/compatibility/subjects/*/versions/*": {members, members, "", func(v *visit) (string, string) {
		return "/registry/compatibility/subjects/" + v.subject() + "/versions/1", anOrder
	}},
	"GET /registry/config":                 {members, "=", "=", at("/registry/config")},
	"PUT /registry/config":                 {"m", "=", "=", func(*visit) (string, string) { return "/registry/config", level }},
	"GET /registry/config/*":               {members, members, "", func(v *visit) (string, string) { return "/registry/config/" + v.subject(), "" }},
	"PUT /registry/config/*":               {"sm", "m", "=", func(v *visit) (string, string) { return "/registry/config/" + v.subject(), level }},
	"GET /registry/mode":                   {members, "=", "=", at("/registry/mode")},
	"GET /registry/mode/*":                 {members, members, "=", func(v *visit) (string, string) { return "/registry/mode/" + v.subject() + "?defaultToGlobal=true", "" }},
	"GET /registry/v1/metadata/id":         {members, "=", "=", at("/registry/v1/metadata/id")},
	"GET /registry/v1/metadata/version":    {members, "=", "=", at("/registry/v1/metadata/version")},
	"GET /registry/contexts":               {members, "=", "=", at("/registry/contexts")},
	"GET /registry/contexts/*":             {members, "=", "=", at("/registry/contexts/.spare")},
	"POST /registry/contexts/*":            {members, "=", "=", at("/registry/contexts/.spare")},
	"GET /registry/v1/metadata/deployment": {members, "=", "=", at("/registry/v1/metadata/deployment")},

	"GET /registry/schemas":                            {members, "=", "=", at("/registry/schemas")},
	"GET /registry/schemas/guids/*":                    {members, "=", "", schemaGUID("")},
	"GET /registry/schemas/guids/*/ids":                {members, "=", "", schemaGUID("/ids")},
	"GET /registry/subjects/*/metadata":                {members, members, "", subject("/metadata", "")},
	"GET /registry/subjects/*/versions/*/referencedby": {members, members, "", subject("/versions/1/referencedby", "")},
	"POST /registry/subjects/*/versions/*/tags": {"smcej", "m", "", func(v *visit) (string, string) {
		return "/registry/subjects/" + v.subject() + "/versions/latest/tags", `{"rulesToMerge":{"domainRules":[{"name":"` + uuid.NewString() + `"}]}}`
	}},
	"DELETE /registry/subjects/*":            {"smcej", "m", "", passing("")},
	"DELETE /registry/subjects/*/versions/*": {"smcej", "m", "", passing("/versions/latest")},
	"DELETE /registry/config":                {"m", "=", "=", after("PUT", "/registry/config", level, "/registry/config")},
	"DELETE /registry/config/*":              {"sm", "m", "", settings("config", level)},
	"PUT /registry/mode":                     {"m", "=", "=", func(*visit) (string, string) { return "/registry/mode", mode }},
	"PUT /registry/mode/*":                   {"sm", "m", "=", func(v *visit) (string, string) { return "/registry/mode/" + v.subject(), mode }},
	"DELETE /registry/mode":                  {"m", "=", "=", after("PUT", "/registry/mode", mode, "/registry/mode")},
	"DELETE /registry/mode/*":                {"sm", "m", "", settings("mode", mode)},
	"DELETE /registry/contexts/*":            {"m", "=", "=", after("PUT", "/registry/config/:.spare:", level, "/registry/contexts/.spare")},
}

// Every path that a door mounts is in the matrix, and keeps to it.
func TestRoutesMatrix(t *testing.T) {
	t.Parallel()
	mounted := mountedRoutes(t)
	for _, r := range mounted {
		if _, ok := routes[r]; !ok {
			t.Errorf("%s: write down who may use it", r)
		}
	}
	for r := range routes {
		if !slices.Contains(mounted, r) {
			t.Errorf("%s is in the matrix, and no door mounts it", r)
		}
	}
	s, github, _ := pipelines(t)
	admin := s.Token(access.Admin)
	must := func(method, path, body string) string {
		status, said := knock(t, s, method+" "+path, path, body, admin)
		if status >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, status, said)
		}
		return said
	}
	packages := furnishRoutes(t, s, must)
	var first struct{ GUID string }
	if err := json.Unmarshal([]byte(must("GET", "/registry/schemas/ids/1", "")), &first); err != nil || first.GUID == "" {
		t.Fatalf("the first schema has no guid: %v", err)
	}
	tokens := map[string]string{"n": ""}
	for letter, role := range map[string]access.Role{"v": access.Viewer, "s": access.Steward, "h": access.Handler, "a": access.Approver,
		"d": access.DPO, "u": access.Auditor, "m": access.Admin, "c": access.CI, "e": access.Service} {
		tokens[letter] = s.Token(role, issuertest.Claims{"sub": "the-opener", "groups": []string{"lethe:" + string(role), "team:care"}, "lethe_service": "orders"})
	}
	trusted(t, s, map[string]any{"issuer": github.URL})
	tokens["j"] = post(t, s, show(github.GitHub(s.URL, nil))).Token
	tokens["p"] = post(t, s, show(github.GitHub(s.URL, issuertest.PullRequest()))).Token
	for pattern, r := range routes {
		t.Run(strings.ReplaceAll(pattern, "/", "|"), func(t *testing.T) {
			for whose, allowed := range map[string]string{"own": r.own, "other": r.others, "absent": r.absent} {
				if allowed == "=" {
					continue
				}
				for letter, token := range tokens {
					path, body := r.try(&visit{whose, packages, first.GUID, github.URL, must})
					status, said := knock(t, s, pattern, path, body, token)
					if may := strings.Contains(allowed, letter); may != (status < 400) || status >= 500 || !may && !slices.Contains([]int{401, 403, 404, 422}, status) && (status != 400 || pattern != "POST /auth/token") { // RFC 6749 §5.2
						t.Errorf("%s on %s: %d, allowed is %q: %.300s", letter, whose, status, allowed, said)
					} else if status == 422 && whose != "absent" {
						t.Errorf("%s on %s was let through, then refused by another rule: %s", letter, whose, said)
					}
				}
			}
		})
	}
}

// knock sends a request as its route wants it, and follows nothing.
func knock(t *testing.T, s *servertest.Server, pattern, path, body, token string) (int, string) {
	t.Helper()
	method, _, found := strings.Cut(pattern, " ")
	if !found {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if method == http.MethodPut && strings.HasPrefix(path, "/rights/") {
		r.Header.Set("Content-Range", "bytes 0-0/1")
		r.Header.Set("Lethe-Part-SHA256", strings.Repeat("ab", 32))
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(said)
}

const twoTeams = `lethe: catalog/1
controllers:
  - {ref: shop, name: Shop GmbH, country: DE, time_zone: Europe/Berlin}
teams:
  - {ref: care, name: Care}
  - {ref: money, name: Money}
services:
  - {ref: orders, name: Orders, owner: care, controller: shop, identifier_types: [customer_id]}
  - {ref: payments, name: Payments, owner: money, controller: shop}
stores:
  - {ref: orders-db, name: Orders, service: orders, technology: POSTGRESQL}
  - {ref: payments-db, name: Payments, service: payments, technology: POSTGRESQL}
datasets:
  - {namespace: "kafka://default", name: orders.v1, kind: TOPIC, service: orders}
  - {namespace: "kafka://default", name: payments.v1, kind: TOPIC, service: payments}
  - {namespace: "kafka://default", name: orders.v2, kind: TOPIC, service: orders}
  - {namespace: "kafka://default", name: payments.v2, kind: TOPIC, service: payments}
`

// furnishRoutes declares two teams, a subject of each, and a package for two
// people's requests.
func furnishRoutes(t *testing.T, s *servertest.Server, must func(method, path, body string) string) map[string]string {
	t.Helper()
	must("POST", "/api/v1/catalog", twoTeams)
	for _, subject := range []string{"orders.v1-value", "payments.v1-value", "orders.v2-value", "payments.v2-value"} {
		must("PUT", "/registry/config/"+subject, level)
		must("POST", "/registry/subjects/"+subject+"/versions", anOrder)
	}
	return map[string]string{"own": aPackage(t, s, "the-opener"), "other": aPackage(t, s, "somebody-else")}
}

// aPackage has somebody open a request for access, and waits for its package.
func aPackage(t *testing.T, s *servertest.Server, opener string) string {
	t.Helper()
	type request struct {
		ID    string
		State string
		Plan  *struct{ Digest string }
	}
	handler, approver := s.Token(access.Handler, issuertest.Claims{"sub": opener}), s.Token(access.Approver)
	act := func(token, mutation, input string, in map[string]any) (r request) {
		var out map[string]struct {
			Request    *request
			UserErrors []struct{ Message string }
		}
		s.QueryAs(t, token, fmt.Sprintf(`mutation($i: %s!) { %s(input: $i) { request { id state plan { digest } } userErrors { message } } }`, input, mutation), map[string]any{"i": in}, &out)
		if out[mutation].Request == nil {
			t.Fatalf("%s: %+v", mutation, out[mutation].UserErrors)
		}
		return *out[mutation].Request
	}
	r := act(handler, "openRequest", "OpenRequestInput", map[string]any{"type": "ACCESS", "controller": "shop", "identity": "ACCOUNT_LOGIN",
		"identifiers": []any{map[string]any{"type": "customer_id", "value": opener}}})
	var found struct {
		Node struct {
			State    string
			Plan     *struct{ Digest string }
			Packages []struct{ ID, State string }
		}
	}
	until := func(ready func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			s.QueryAs(t, handler, `query($id: ID!) { node(id: $id) { ... on Request { state plan { digest } packages { id state } } } }`, map[string]any{"id": r.ID}, &found)
			if ready() {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("waited for %+v", found)
			}
		}
	}
	until(func() bool { return found.Node.State == "PLANNED" })
	act(approver, "approvePlan", "ApprovePlanInput", map[string]any{"requestId": r.ID, "digest": found.Node.Plan.Digest})
	act(handler, "preparePackage", "PreparePackageInput", map[string]any{"requestId": r.ID})
	until(func() bool { return len(found.Node.Packages) > 0 && found.Node.Packages[0].State == "SEALED" })
	return node.Parse(found.Node.Packages[0].ID).Key.String()
}

// mountedRoutes reads from the source what doors mount: the patterns given to
// a mux, and the table of the registry, which is a mux of its own.
func mountedRoutes(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	for _, dir := range []string{".", "../schemas", "../erasure", "../catalog", "../lineage", "../graph", "../audit"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && slices.Contains([]string{"issuertest", "servertest", "erasuretest"}, d.Name()) {
				return fs.SkipDir
			}
			if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || d.Name() == "telemetry.go" { // the listener of operators
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				maps.Copy(found, patternsOf(t, path, n))
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return slices.Collect(maps.Keys(found))
}

func patternsOf(t *testing.T, path string, n ast.Node) map[string]bool {
	t.Helper()
	switch n := n.(type) {
	case *ast.CallExpr: // mux.Handle("GET /path", …)
		sel, ok := n.Fun.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "Handle" && sel.Sel.Name != "HandleFunc" {
			return nil
		}
		pattern, ok := text(n.Args[0])
		if ok {
			return map[string]bool{pattern: true}
		}
		if !strings.HasSuffix(path, "schemas/rest/rest.go") {
			t.Errorf("%s mounts a pattern that is not written out; the matrix cannot see it", path)
		}
	case *ast.CompositeLit: // {"GET", "subjects/*", d.lookup}
		if len(n.Elts) != 3 || !strings.HasSuffix(path, "schemas/rest/rest.go") {
			return nil
		}
		method, isMethod := text(n.Elts[0])
		rest, isPath := text(n.Elts[1])
		if _, isHandler := n.Elts[2].(*ast.SelectorExpr); isMethod && isPath && isHandler {
			return map[string]bool{method + " /registry/" + rest: true}
		}
	}
	return nil
}

func text(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}
