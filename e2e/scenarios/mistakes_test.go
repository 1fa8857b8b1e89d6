package scenarios_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

// mistake is a wrong form of a mutation, and how it must be refused. Forms that
// GraphQL's own types refuse have the code GRAPHQL_VALIDATION_FAILED or its
// kin and no payload.
type mistake struct {
	name, mutation, input string
	as                    access.Role
	with                  map[string]any
	code, path            string
}

const nobody = "00000000-0000-7000-8000-000000000000"

// Every mutation of a request's life has its wrong forms: each is refused with
// a code and the place, and nothing is written, neither into the database nor
// into the key store.
func TestMistakesOfMutations(t *testing.T) {
	t.Parallel()
	c := found(t, []member{{ref: "orders"}})
	r := c.planned(person(1))
	done := c.approved(person(2))
	done = c.closes(done.CaseNumber, "FULFILLED")
	done = c.when(done.CaseNumber, "a certificate", func(r request) bool { return r.Certificate != nil })
	today, tomorrow := c.clock.now().Format("2006-01-02"), c.clock.now().AddDate(0, 0, 2).Format("2006-01-02")
	change := func(of map[string]any, with map[string]any) map[string]any {
		out := maps.Clone(of)
		maps.Copy(out, with)
		return out
	}
	good := erasureOf(person(3))
	opening := func(name, code, path string, with map[string]any) mistake {
		return mistake{name, "openRequest", "OpenRequestInput", access.Handler, change(good, with), code, path}
	}
	just := func(mutation string, as access.Role, of request, code string) mistake {
		return mistake{mutation + " of a request that is " + of.State, mutation, "RequestInput", as, map[string]any{"requestId": of.ID}, code, ""}
	}
	id := func(value string) []map[string]any {
		return []map[string]any{{"type": "customer_id", "value": value}}
	}
	all := []mistake{
		opening("no identifiers", "REQUIRED", "input.identifiers", map[string]any{"identifiers": []any{}}),
		opening("too many identifiers", "TOO_MANY", "input.identifiers", map[string]any{"identifiers": slices.Repeat(id("C-1"), 51)}),
		opening("a type nobody knows", "UNKNOWN_IDENTIFIER_TYPE", "input.identifiers.0.type", map[string]any{"identifiers": []map[string]any{{"type": "custmer_id", "value": "C-1"}}}),
		opening("an empty identifier", "BAD_IDENTIFIER", "input.identifiers.0.value", map[string]any{"identifiers": id("  ")}),
		opening("a long identifier", "BAD_IDENTIFIER", "input.identifiers.0.value", map[string]any{"identifiers": id(strings.Repeat("x", 321))}),
		opening("a line break", "BAD_IDENTIFIER", "input.identifiers.0.value", map[string]any{"identifiers": id("C-1\nC-2")}),
		opening("an erasure without a ground", "REQUIRED", "input.ground", map[string]any{"ground": nil}),
		opening("a ground of another article", "UNKNOWN_GROUND", "input.ground", map[string]any{"ground": "17(1)(g)"}),
		opening("an access with a ground", "NOT_EXPECTED", "input.ground", map[string]any{"type": "ACCESS"}),
		opening("a receipt tomorrow", "IN_THE_FUTURE", "input.receivedAt", map[string]any{"receivedAt": tomorrow + "T00:00:00Z"}),
		opening("a receipt years ago", "TOO_LONG_AGO", "input.receivedAt", map[string]any{"receivedAt": "2020-01-01T00:00:00Z"}),
		opening("a controller nobody knows", "CONTROLLER_NOT_FOUND", "input.controller", map[string]any{"controller": "flowmart-ed"}),
		opening("a long id of the client", "TOO_LONG", "input.clientRequestId", map[string]any{"clientRequestId": strings.Repeat("x", 201)}),
		{"an approver opens", "openRequest", "OpenRequestInput", access.Approver, good, "ROLE_REQUIRED", ""},
		{"another digest", "approvePlan", "ApprovePlanInput", access.Approver, map[string]any{"requestId": r.ID, "digest": strings.Repeat("0", 64)}, "PLAN_STALE", "input.digest"},
		{"a handler approves", "approvePlan", "ApprovePlanInput", access.Handler, map[string]any{"requestId": r.ID, "digest": r.Plan.Digest}, "ROLE_REQUIRED", ""},
		{"approved when closed", "approvePlan", "ApprovePlanInput", access.Approver, map[string]any{"requestId": done.ID, "digest": done.Plan.Digest}, "WRONG_STATE", ""},
		{"verified again", "verifyIdentity", "VerifyIdentityInput", access.Handler, map[string]any{"requestId": r.ID, "method": "DOCUMENT"}, "WRONG_STATE", ""},
		{"told in the future", "extendDeadline", "ExtendDeadlineInput", access.Handler, extending(r, tomorrow), "IN_THE_FUTURE", "input.noticeSentOn"},
		{"told before the receipt", "extendDeadline", "ExtendDeadlineInput", access.Handler, extending(r, "2020-01-01"), "OUT_OF_RANGE", "input.noticeSentOn"},
		{"extended when closed", "extendDeadline", "ExtendDeadlineInput", access.Handler, extending(done, today), "WRONG_STATE", ""},
		{"paused when closed", "pauseClock", "PauseClockInput", access.Handler, map[string]any{"requestId": done.ID, "reason": "CLARIFICATION"}, "WRONG_STATE", ""},
		{"refused when closed", "refuseRequest", "RefuseRequestInput", access.Approver, map[string]any{"requestId": done.ID, "ground": "EXCESSIVE"}, "WRONG_STATE", ""},
		just("resumeClock", access.Handler, r, "NOT_PAUSED"),
		just("replan", access.Handler, done, "WRONG_STATE"),
		just("cancelRequest", access.Handler, done, "WRONG_STATE"),
		just("resolveBlock", access.Approver, r, "WRONG_STATE"),
		just("closePartially", access.Approver, r, "WRONG_STATE"),
		just("reopenRequest", access.Approver, r, "WRONG_STATE"),
		just("destroyRequestKey", access.Approver, r, "WRONG_STATE"),
		{"a task that is done", "retryTask", "RetryTaskInput", access.Handler, map[string]any{"taskId": done.erases("orders").ID}, "WRONG_STATE", ""},
		{"no stop stands", "resume", "EmergencyStopInput", access.Approver, map[string]any{}, "NOT_STOPPED", ""},
		{"a handler stops", "emergencyStop", "EmergencyStopInput", access.Handler, map[string]any{}, "ROLE_REQUIRED", ""},
		{"sent in the future", "recordNotice", "RecordNoticeInput", access.Handler,
			map[string]any{"noticeId": done.notice("OUTCOME").ID, "sentOn": tomorrow, "channel": "EMAIL"}, "IN_THE_FUTURE", "input.sentOn"},
		{"a package of an erasure", "preparePackage", "PreparePackageInput", access.Handler, map[string]any{"requestId": done.ID}, "NO_PACKAGE", ""},
		{"a short passphrase", "preparePackage", "PreparePackageInput", access.Handler, map[string]any{"requestId": done.ID, "passphrase": "short"}, "TOO_SHORT", "input.passphrase"},
		{"no age key", "preparePackage", "PreparePackageInput", access.Handler, map[string]any{"requestId": done.ID, "recipient": "age1x"}, "BAD_RECIPIENT", "input.recipient"},
		{"a notice that is none", "recordNoticeFailure", "RecordNoticeFailureInput", access.Handler, map[string]any{"noticeId": r.ID}, "", ""},
		{"an id that is none", "cancelRequest", "RequestInput", access.Handler, map[string]any{"requestId": nobody}, "", ""},
		{"a word that is none", "pauseClock", "PauseClockInput", access.Handler, map[string]any{"requestId": r.ID, "reason": "HOLIDAY"}, "", ""},
		{"nothing at all", "openRequest", "OpenRequestInput", access.Handler, map[string]any{}, "", ""},
	}
	before := c.written()
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) {
			code, path := c.mistaken(t, m)
			if code == "" || m.code != "" && (code != m.code || path != m.path) {
				t.Errorf("%s: %q at %q, want %q at %q", m.mutation, code, path, m.code, m.path)
			}
		})
	}
	if after := c.written(); !maps.Equal(before, after) {
		t.Errorf("something was written:\nbefore %v\nafter  %v", before, after)
	}
}

func extending(r request, sent string) map[string]any {
	return map[string]any{"requestId": r.ID, "reason": "COMPLEXITY", "noticeSentOn": sent, "channel": "EMAIL"}
}

// mistaken runs a mutation that must be refused, and returns code and path.
func (c *company) mistaken(t *testing.T, m mistake) (code, path string) {
	t.Helper()
	a := c.Ask(t, c.token(m.as), `mutation($i: `+m.input+`!) { `+m.mutation+`(input: $i) { userErrors { code message path } } }`, map[string]any{"i": m.with})
	if a.Status >= http.StatusInternalServerError {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if len(a.Errors) > 0 {
		code, _ = a.Errors[0].Extensions["code"].(string)
		return code, ""
	}
	var out map[string]payload
	raw(t, a.Data, &out)
	errs := out[m.mutation].UserErrors
	if len(errs) == 0 {
		return "", ""
	}
	if errs[0].Message == "" {
		t.Error("it does not say how to mend it")
	}
	return errs[0].Code, strings.Join(errs[0].Path, ".")
}

// written counts the rows of what requests write, and of the keys.
func (c *company) written() map[string]int {
	c.t.Helper()
	_, _, super := pgtest.URLs(c.t)
	_, _, keys := pgtest.KeystoreURLs(c.t)
	out := map[string]int{}
	for url, tables := range map[string][]string{keys: {"vault_key"}, super: {"audit_entry", "erasure_request", "erasure_subject", "erasure_mark",
		"erasure_node", "erasure_task", "erasure_notice", "erasure_stop", "erasure_package"}} {
		db, err := pgx.Connect(c.t.Context(), url)
		if err != nil {
			c.t.Fatal(err)
		}
		defer db.Close(c.t.Context())
		for _, table := range tables {
			var n int
			if err := db.QueryRow(c.t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
				c.t.Fatal(err)
			}
			out[table] = n
		}
	}
	return out
}
