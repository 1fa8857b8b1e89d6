package graph_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	sdl "github.com/vektah/gqlparser/v2/ast"

	"github.com/flowmart/lethe/graph"
	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/internal/access"
)

// cells says who may use an operation on what is their own, and on what is
// others'. A letter stands for a role: v viewer, s steward, h handler,
// a approver, d dpo, u auditor, m admin, c pipeline, e service. "=" in others
// means that the operation is about nothing that somebody owns.
//
// Own means: of a steward, what their team answers for; of requests, packages
// and their parts, what the caller opened. Nobody who is not signed in may do
// anything, and on what does not exist nobody succeeds.
type cells struct{ own, others string }

const (
	everybody  = "vshadumce"
	catalogued = "vshadumc" // who works with the catalog, and pipelines
	followers  = "hadu"     // who follows or supervises requests
)

// matrix is written by hand after design §4.4: viewer reads the catalog;
// steward edits what their teams own; handler opens and follows requests;
// approver approves plans they did not open, closes, stops; dpo sees
// everything and decides nothing (Art. 38(6) GDPR); auditor reads audit log
// and evidence; admin configures and never opens, approves or reads requests;
// machines are bound to their service and see the registry.
var matrix = map[string]cells{
	"Query.viewer":            {everybody, "="},
	"Query.health":            {everybody, "="},
	"Query.node":              {followers, followers},
	"Query.nodes":             {followers, followers},
	"Query.auditEntries":      {"du", "="},
	"Query.auditTrail":        {followers, followers},
	"Query.auditCheckpoint":   {"du", "="},
	"Query.controllers":       {catalogued, "="},
	"Query.owners":            {catalogued, "="},
	"Query.services":          {catalogued, "="},
	"Query.stores":            {catalogued, "="},
	"Query.purposes":          {catalogued, "="},
	"Query.retentionPolicies": {catalogued, "="},
	"Query.service":           {catalogued, catalogued},
	"Query.serviceKeys":       {catalogued, catalogued},
	"Query.datasets":          {catalogued, "="},
	"Query.dataset":           {catalogued, catalogued},
	"Query.readerNames":       {catalogued, "="},
	"Query.terms":             {catalogued, "="},
	"Query.findings":          {catalogued, "="},
	"Query.search":            {catalogued, "="},
	"Query.requests":          {followers, "="},
	"Query.request":           {followers, followers},
	"Query.requestCounts":     {followers, "="},
	"Query.alerts":            {followers, "="},
	"Query.emergencyStops":    {catalogued, "="},
	"Query.downstream":        {catalogued, catalogued},
	"Query.catalogChanges":    {catalogued, catalogued},
	"Query.schemaSubjects":    {everybody, "="},
	"Query.schemaSubject":     {everybody, "="},
	"Query.checkSchema":       {everybody, "="},
	"Query.safeToContract":    {catalogued, "="},
	"Query.storeTables":       {everybody, everybody},
	"Query.checkStoreTables":  {everybody, everybody},

	"Mutation.registerService":        {"sm", "m"},
	"Mutation.updateService":          {"sm", "m"},
	"Mutation.challengeService":       {"sm", "m"},
	"Mutation.rotateKey":              {"sm", "m"},
	"Mutation.revokeKey":              {"sm", "m"},
	"Mutation.disableService":         {"sm", "m"},
	"Mutation.declareController":      {"m", "="},
	"Mutation.declareOwner":           {"m", "="},
	"Mutation.declareStore":           {"sm", "m"},
	"Mutation.declareDataset":         {"sm", "m"},
	"Mutation.declareFields":          {"sm", "m"},
	"Mutation.declarePurpose":         {"m", "="},
	"Mutation.declareRetentionPolicy": {"m", "="},
	"Mutation.declareConsumption":     {"sm", "m"},
	"Mutation.endConsumption":         {"sm", "m"},
	"Mutation.endTags":                {"sm", "m"},
	"Mutation.declareStoreReader":     {"sm", "m"},
	"Mutation.endStoreReader":         {"sm", "m"},
	"Mutation.declarePermittedUse":    {"sm", "m"},
	"Mutation.endPermittedUse":        {"sm", "m"},
	"Mutation.declareReader":          {"sm", "m"},
	"Mutation.stateFlow":              {"sm", "m"},
	"Mutation.endFlow":                {"sm", "m"},
	"Mutation.endReader":              {"sm", "m"},
	"Mutation.dismissReader":          {"sm", "m"},
	"Mutation.endDismissal":           {"sm", "m"},
	"Mutation.assertTags":             {"sm", "m"},
	"Mutation.decideTags":             {"sm", "m"},
	"Mutation.setOwner":               {"sm", "m"},
	"Mutation.importCatalog":          {"sm", "m"},
	"Mutation.declareSchemaReader":    {"smce", "m"},
	"Mutation.endSchemaReader":        {"smce", "m"},
	"Mutation.approveSchemaChange":    {"s", ""},
	"Mutation.pushStoreTables":        {"smce", "m"},
	"Mutation.setStoreGate":           {"sm", "m"},

	"Mutation.openRequest":         {"h", "="},
	"Mutation.verifyIdentity":      {"h", "h"},
	"Mutation.approvePlan":         {"", "a"},
	"Mutation.replan":              {"ha", "ha"},
	"Mutation.refuseRequest":       {"", "a"},
	"Mutation.cancelRequest":       {"ha", "ha"},
	"Mutation.extendDeadline":      {"ha", "ha"},
	"Mutation.pauseClock":          {"h", "h"},
	"Mutation.resumeClock":         {"h", "h"},
	"Mutation.resolveBlock":        {"", "a"},
	"Mutation.retryTask":           {"ha", "ha"},
	"Mutation.closePartially":      {"", "a"},
	"Mutation.reopenRequest":       {"a", "a"},
	"Mutation.destroyRequestKey":   {"a", "a"},
	"Mutation.emergencyStop":       {"a", "="},
	"Mutation.resume":              {"a", "="},
	"Mutation.recordNotice":        {"h", "h"},
	"Mutation.recordNoticeFailure": {"h", "h"},
	"Mutation.preparePackage":      {"h", "h"},
	"Mutation.createPackageLink":   {"ha", ""},
	"Mutation.tellPassphrase":      {"ha", ""},
	"Mutation.erasePrincipal":      {"m", "="},

	"Subscription.requestProgress": {followers, followers},
}

var letters = map[access.Role]string{
	access.Viewer: "v", access.Steward: "s", access.Handler: "h", access.Approver: "a", access.DPO: "d",
	access.Auditor: "u", access.Admin: "m", access.CI: "c", access.Service: "e",
}

// verdict is how an operation ended for its caller.
type verdict string

const (
	done   verdict = "done"
	let    verdict = "let through, then refused by another rule"
	denied verdict = "denied"
	absent verdict = "absent"
)

func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	c.settle()
	people := map[string]access.Principal{"nobody": {}}
	for role, letter := range letters {
		p := c.person(t, string(role), role)
		if role == access.Steward {
			p.Teams = []string{"orders-team"}
		}
		if letter == "c" || letter == "e" {
			p.Service = "orders"
		}
		people[letter] = p
	}
	s := currentSchema(t)
	for _, root := range []*sdl.Definition{s.Query, s.Mutation, s.Subscription} {
		for _, f := range root.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			row, ok := matrix[root.Name+"."+f.Name]
			if !ok {
				t.Errorf("%s.%s: write down who may use it, from design §4.4", root.Name, f.Name)
				continue
			}
			t.Run(f.Name, func(t *testing.T) { c.walk(t, s, root, f, row, people) })
		}
	}
	for name := range matrix {
		root, field, _ := strings.Cut(name, ".")
		if s.Types[root].Fields.ForName(field) == nil {
			t.Errorf("%s is in the matrix and not in the schema", name)
		}
	}
}

// The door lets nobody in who is not signed in, and if it did, the rooms would
// refuse; so they do for somebody who has no role, but for the registry, whose
// schemas describe data and hold none.
func TestRoomsRefuseWhoeverHasNoRole(t *testing.T) {
	t.Parallel()
	var conf graph.Config
	c := furnish(t, func(made *graph.Config) { conf = *made })
	c.settle()
	c.fixture.handler = graph.Inside(conf)
	s := currentSchema(t)
	for name, by := range map[string]access.Principal{"UNAUTHENTICATED": {}, "ROLE_REQUIRED": c.person(t, "newcomer")} {
		for _, root := range []*sdl.Definition{s.Query, s.Mutation, s.Subscription} {
			for _, f := range root.Fields {
				open := (strings.HasPrefix(f.Name, "schemaSubject") || f.Name == "checkSchema" || f.Name == "storeTables" || f.Name == "checkStoreTables") && by.ID != uuid.Nil
				if strings.HasPrefix(f.Name, "__") || open {
					continue
				}
				x := &cell{company: c, t: t, by: by, whose: "own"}
				got, raw := x.try(s, root, f)
				hidden := got == absent && by.ID != uuid.Nil && root == s.Query
				if !hidden && (got != denied || !strings.Contains(raw, name)) {
					t.Errorf("%s for %s: %s %s", f.Name, name, got, raw)
				}
			}
		}
	}
}

// walk tries every cell of an operation: whoever may do it does it, everybody
// else is refused, and on what does not exist nothing is done. A refusal by
// another rule than these is a mistake of the test, or of the rule.
func (c *company) walk(t *testing.T, s *sdl.Schema, root *sdl.Definition, f *sdl.FieldDefinition, row cells, people map[string]access.Principal) {
	for letter, by := range people {
		for _, whose := range []string{"own", "other", "absent"} {
			if whose != "own" && row.others == "=" {
				continue
			}
			x := &cell{company: c, t: t, by: by, whose: whose}
			got, raw := x.try(s, root, f)
			allowed := map[string]string{"own": row.own, "other": row.others, "absent": row.own + row.others}[whose]
			may := strings.Contains(allowed, letter)
			switch {
			case whose == "absent" && (got == absent || got == denied && !strings.Contains(row.others, letter)):
			case whose != "absent" && may && got == done:
			case whose != "absent" && !may && (got == denied || got == absent):
			default:
				t.Errorf("%s on %s: %s, allowed is %q: %s", letter, whose, got, allowed, raw)
			}
		}
	}
}

// cell is one try of one operation.
type cell struct {
	*company
	t     *testing.T
	by    access.Principal
	whose string
}

func (x *cell) try(s *sdl.Schema, root *sdl.Definition, f *sdl.FieldDefinition) (verdict, string) {
	x.t.Helper()
	variables := x.variables(f.Name)
	kind := strings.ToLower(root.Name)
	selection := map[bool]string{true: "{ userErrors { code message path } }", false: "{ __typename }"}[root == s.Mutation]
	switch result := s.Types[f.Type.Name()]; {
	case result.Kind == sdl.Scalar || result.Kind == sdl.Enum:
		selection = ""
	case strings.HasSuffix(result.Name, "Connection") && s.Types[result.Fields.ForName("nodes").Type.Name()].IsLeafType():
		selection = "{ nodes }"
	case strings.HasSuffix(result.Name, "Connection"):
		selection = "{ nodes { __typename } }"
	}
	var declared, passed []string
	for name := range variables {
		declared = append(declared, "$"+name+": "+f.Arguments.ForName(name).Type.String())
		passed = append(passed, name+": $"+name)
	}
	query := kind + " { " + f.Name + selection + " }"
	if len(declared) > 0 {
		query = fmt.Sprintf("%s(%s) { %s(%s) %s }", kind, strings.Join(declared, ", "), f.Name, strings.Join(passed, ", "), selection)
	}
	var a answer
	if root == s.Subscription {
		a = x.subscribe(query, variables)
	} else {
		a = x.ask(x.t, x.by, query, variables)
	}
	return x.judge(a, root == s.Mutation, f.Name), a.Raw
}

var denials = []string{"UNAUTHENTICATED", "ROLE_REQUIRED", "NOT_OWNER", "APPROVER_IS_REQUESTER"}

func (x *cell) judge(a answer, mutation bool, field string) verdict {
	x.t.Helper()
	code := a.code()
	if mutation && a.Status == 200 && len(a.Errors) == 0 {
		if refusals := a.refusals(x.t, field); len(refusals) > 0 {
			code = refusals[0].Code
		}
	}
	switch {
	case code == "INTERNAL" || a.Status >= 500 || a.Status == 422:
		x.t.Errorf("%s: %s", field, a.Raw)
		return let
	case strings.Contains(" "+strings.Join(denials, " ")+" ", " "+code+" ") && code != "":
		return denied
	case strings.HasSuffix(code, "_NOT_FOUND") || code == "UNKNOWN_REFERENCE":
		return absent
	case code != "":
		return let
	case !mutation && a.Data[field] == nil && field != "auditCheckpoint" && field != "schemaSubject":
		return absent
	}
	if x.whose == "absent" && !mutation && empty(a.Data[field]) {
		return absent
	}
	if list, ok := a.Data[field].([]any); ok && len(list) == 1 && list[0] == nil {
		return absent
	}
	return done
}

// empty tells a list of nothing, which is all there is about what is not.
func empty(v any) bool {
	if page, ok := v.(map[string]any); ok {
		v = page["nodes"]
	}
	list, ok := v.([]any)
	return ok && len(list) == 0
}

// subscribe reads the first event of a subscription to a request that is over.
func (x *cell) subscribe(query string, variables map[string]any) answer {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	must(x.t, err)
	r := httptest.NewRequestWithContext(access.With(x.t.Context(), x.by), http.MethodPost, "/graphql", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	w := httptest.NewRecorder()
	x.fixture.handler.ServeHTTP(w, r)
	a := answer{Status: w.Code, Raw: w.Body.String()}
	lines := bufio.NewScanner(w.Body)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			must(x.t, json.Unmarshal([]byte(data), &a))
			return a
		}
	}
	must(x.t, json.Unmarshal([]byte(a.Raw), &a))
	return a
}

// of picks what belongs to the steward's team, what does not, or what is not.
func (x *cell) of(kind node.Kind, own, other string) string {
	switch x.whose {
	case "own":
		return own
	case "other":
		return other
	}
	return missing(kind)
}

func missing(kind node.Kind) string { return node.ID{Kind: kind, Key: uuid.New()}.String() }
