package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/access"
)

// wrong is an input with one mistake, and how it is told.
type wrong struct {
	mutation string
	input    map[string]any
	code     string
	path     string // joined by dots; "" for the whole
	says     string // a part of the message: how to mend it
}

// A wrong input is answered with a code, the place in the input and how to
// mend it, and changes nothing. Expected are the rules in docs/catalog.md and
// docs/graphql.md, and the law that a rule names.
func TestWrongInputsAreExplainedAndChangeNothing(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	boss := c.person(t, "berta", access.Handler, access.Admin, access.Approver)
	request, _ := c.open(c.handler, "c-1")
	other := func(base map[string]any, kv ...any) map[string]any {
		in := object(kv...)
		for k, v := range base {
			if _, ok := in[k]; !ok {
				in[k] = v
			}
		}
		return in
	}
	person := []any{object("type", "customer_id", "value", "c-2")}
	erasure := object("type", "ERASURE", "ground", "17(1)(b)", "controller", "flowmart-de", "identifiers", person)
	service := object("ref", "new", "name", "New", "controllerId", c.controller)
	controller := object("ref", "new", "name", "New", "country", "DE", "timeZone", "Europe/Berlin")
	table := object("namespace", "postgres://orders", "name", "public.new", "kind", "TABLE", "storeId", c.ordersStore)
	script := []any{object("path", "1.sql", "text", "CREATE TABLE a (id int);")}
	policy := object("ref", "new", "name", "New", "duration", "P1Y", "trigger", "CREATION", "action", "DELETE")
	store := object("ref", "new", "name", "New", "technology", "REDIS", "serviceId", c.orders)
	mute := c.declare("registerService", "service", fmt.Sprintf(`ref: "mute", name: "Mute", controllerId: %q`, c.controller))
	tag := (&cell{company: c, t: t, whose: "own"}).freshTag()
	group := (&cell{company: c, t: t, whose: "own"}).seen(c.order, "exporter")
	registered, tomorrow := (&cell{company: c, t: t, whose: "own"}).registered("orders-value"), (&cell{company: c, t: t, whose: "own"}).tomorrow()
	tried := map[string]bool{}
	for _, w := range []wrong{
		{"declareSchemaReader", object("subject", registered, "service", "orders", "schema", `"strng"`), "INVALID_SCHEMA", "", "not known here"},
		{"declareSchemaReader", object("subject", registered, "service", "ordres"), "SERVICE_NOT_FOUND", "", `did you mean "orders"?`},
		{"declareSchemaReader", object("subject", registered, "service", "orders", "name", "a\nb"), "BAD_NAME", "input.name", "printable"},
		{"endSchemaReader", object("id", c.orders), "READER_NOT_FOUND", "", "no reader"},
		{"pushStoreTables", object("store", "orders-db", "files", []any{}), "OUT_OF_RANGE", "input.files", "1 to 10000 files"},
		{"pushStoreTables", object("store", "orders-db", "files", script, "format", "flywy"), "UNKNOWN_FORMAT", "input.format", `did you mean "flyway"?`},
		{"pushStoreTables", object("store", "ordres-db", "files", script), "STORE_NOT_FOUND", "", `did you mean "orders-db"?`},
		{"pushStoreTables", object("store", "orders-db", "files", script, "format", "liquibase", "root", "nowhere.xml"), "FILE_UNKNOWN", "input.root", "not among the files"},
		{"setStoreGate", object("store", "ordres-db", "policy", "OFF"), "STORE_NOT_FOUND", "", `did you mean "orders-db"?`},
		{"approveSchemaChange", object("subject", registered, "schema", `"long"`, "reason", "", "expiresAt", tomorrow), "REQUIRED", "input.reason", "auditor"},
		{"approveSchemaChange", object("subject", registered, "schema", `"long"`, "reason", "so", "expiresAt", "2001-01-01T00:00:00Z"), "OUT_OF_RANGE", "input.expiresAt", "30 days"},
		{"approveSchemaChange", object("subject", registered, "schema", `"string"`, "reason", "so", "expiresAt", tomorrow), "NOTHING_TO_APPROVE", "", "breaks nobody"},
		{"openRequest", other(erasure, "ground", nil), "REQUIRED", "input.ground", "Art. 17(1)"},
		{"openRequest", other(erasure, "ground", "17(1)(x)"), "UNKNOWN_GROUND", "input.ground", "17(1)(a)"},
		{"openRequest", other(erasure, "type", "ACCESS"), "NOT_EXPECTED", "input.ground", "only an erasure"},
		{"openRequest", other(erasure, "identifiers", []any{}), "REQUIRED", "input.identifiers", "at least one"},
		{"openRequest", other(erasure, "identifiers", []any{object("type", "custmer_id", "value", "c-2")}), "UNKNOWN_IDENTIFIER_TYPE", "input.identifiers.0.type", `did you mean "customer_id"?`},
		{"openRequest", other(erasure, "identifiers", []any{object("type", "customer_id", "value", " ")}), "BAD_IDENTIFIER", "input.identifiers.0.value", "empty"},
		{"openRequest", other(erasure, "identifiers", []any{object("type", "customer_id", "value", "a\nb")}), "BAD_IDENTIFIER", "input.identifiers.0.value", "line break"},
		{"openRequest", other(erasure, "identifiers", []any{object("type", "customer_id", "value", strings.Repeat("x", 321))}), "BAD_IDENTIFIER", "input.identifiers.0.value", "320"},
		{"openRequest", other(erasure, "identifiers", many(51, object("type", "customer_id", "value", "c"))), "TOO_MANY", "input.identifiers", "50"},
		{"openRequest", other(erasure, "controller", "flowmart-ed"), "CONTROLLER_NOT_FOUND", "input.controller", `did you mean "flowmart-de"?`},
		{"openRequest", other(erasure, "receivedAt", "2999-01-01T00:00:00Z"), "IN_THE_FUTURE", "input.receivedAt", "future"},
		{"openRequest", other(erasure, "receivedAt", "2001-01-01T00:00:00Z"), "TOO_LONG_AGO", "input.receivedAt", "a year"},
		{"openRequest", other(erasure, "clientRequestId", strings.Repeat("x", 201)), "TOO_LONG", "input.clientRequestId", "200"},
		{"approvePlan", object("requestId", request, "digest", strings.Repeat("00", 32)), "WRONG_STATE", "", "PLANNED"},
		{"extendDeadline", object("requestId", request, "reason", "COMPLEXITY", "noticeSentOn", "2999-01-01", "channel", "EMAIL"), "IN_THE_FUTURE", "input.noticeSentOn", "sent"},
		{"resumeClock", object("requestId", request), "NOT_PAUSED", "", "running"},
		{"verifyIdentity", object("requestId", "bm9uc2Vuc2U", "method", "DOCUMENT"), "REQUEST_NOT_FOUND", "", "no such request"},
		{"verifyIdentity", object("requestId", c.orders, "method", "DOCUMENT"), "REQUEST_NOT_FOUND", "", "no such request"},
		{"retryTask", object("taskId", request), "TASK_NOT_FOUND", "", "no such task"},
		{"recordNotice", object("noticeId", request, "sentOn", "2026-01-01", "channel", "EMAIL"), "NOTICE_NOT_FOUND", "", "no such notice"},
		{"resume", object("serviceId", c.orders), "NOT_STOPPED", "", "no emergency stop"},
		{"preparePackage", object("requestId", request, "passphrase", "short"), "TOO_SHORT", "input.passphrase", "12"},
		{"tellPassphrase", object("packageId", request), "PACKAGE_NOT_FOUND", "", "no such package"},
		{"erasePrincipal", object("principalId", "nonsense"), "PRINCIPAL_NOT_FOUND", "", "no principal"},

		{"registerService", other(service, "ref", "No Good"), "BAD_REF", "input.ref", "a-z"},
		{"registerService", other(service, "ref", "orders"), "TAKEN", "input.ref", "another"},
		{"registerService", other(service, "name", ""), "BAD_NAME", "input.name", "1 to 200"},
		{"registerService", other(service, "controllerId", c.orders), "UNKNOWN_REFERENCE", "input.controllerId", "declare it first"},
		{"registerService", other(service, "endpoint", "ftp://orders.example"), "HTTPS_REQUIRED", "input.endpoint", "https"},
		{"registerService", other(service, "endpoint", "https://127.0.0.1/x", "allowedNetworks", []any{"10.0.0.0/8"}), "LOOPBACK", "input.endpoint", "--dev"},
		{"registerService", other(service, "endpoint", "https://orders.example"), "REQUIRED", "input.allowedNetworks", "10.20.0.0/16"},
		{"registerService", other(service, "identifierTypes", []any{"E-Mail"}), "BAD_IDENTIFIER_TYPE", "input.identifierTypes", "customer_id"},
		{"registerService", other(service, "resolves", []any{"email"}), "NOT_AN_IDENTIFIER_TYPE", "input.resolves", "declares"},
		{"registerService", other(service, "maxInFlight", -1), "OUT_OF_RANGE", "input.maxInFlight", "100,000"},
		{"updateService", other(service, "id", c.orders, "rev", 99), "CONFLICT", "", "revision"},
		{"updateService", other(service, "id", "nonsense", "rev", 1), "SERVICE_NOT_FOUND", "", "no such service"},
		{"declareController", other(controller, "country", "Germany"), "UNKNOWN_COUNTRY", "input.country", "DE"},
		{"declareController", other(controller, "timeZone", "Berlin"), "UNKNOWN_TIME_ZONE", "input.timeZone", "Europe/Berlin"},
		{"declareOwner", object("kind", "TEAM", "ref", "orders-team", "name", "Again"), "TAKEN", "input.ref", "another"},
		{"declareStore", other(store, "backupHorizonDays", -1), "OUT_OF_RANGE", "input.backupHorizonDays", "36,500"},
		{"declareDataset", other(table, "name", "has space"), "BAD_NAME", "input.name", "without spaces"},
		{"declareDataset", other(table, "name", "public.order"), "TAKEN", "input.name", "names are never given"},
		{"declareDataset", other(table, "usualMax", 0), "OUT_OF_RANGE", "input.usualMax", "at least 1"},
		{"declareDataset", other(table, "kind", "TOPIC"), "BAD_NAMESPACE", "input.namespace", "kafka://"},
		{"declareDataset", other(table, "derivedFrom", []any{c.orders}), "UNKNOWN_REFERENCE", "input.derivedFrom", "declare it first"},
		{"declareDataset", other(table, "id", "nonsense"), "DATASET_NOT_FOUND", "", "no such dataset"},
		{"declareDataset", other(table, "id", c.order), "CONFLICT", "", "revision"},
		{"declareFields", object("datasetId", c.order, "fields", []any{object("path", "a..b")}), "BAD_FIELD_PATH", "input.fields.0.path", "byte 3"},
		{"declarePurpose", object("ref", "new", "name", "New", "use", "essental.service", "legalBasis", "CONTRACT"), "UNKNOWN_TERM", "input.use", `did you mean "essential.service"?`},
		{"declareRetentionPolicy", other(policy, "duration", "7y"), "BAD_DURATION", "input.duration", "P10Y"},
		{"declareRetentionPolicy", other(policy, "ground", "17(3)(b)"), "REQUIRED", "input.legalReference", "law"},
		{"declareConsumption", object("serviceId", c.orders, "datasetId", c.orders), "UNKNOWN_REFERENCE", "input.datasetId", "declare it first"},
		{"assertTags", object("tags", []any{object("datasetId", c.order, "term", "user.contact.emial")}), "UNKNOWN_TERM", "input.tags.0.term", `did you mean "user.contact.email"?`},
		{"assertTags", object("tags", []any{object("datasetId", c.order, "term", "user.name", "deny", true)}), "REQUIRED", "input.tags.0.reason", "why"},
		{"assertTags", object("tags", []any{object("datasetId", c.order, "term", "user.name", "validFrom", "2001-01-01T00:00:00Z")}), "OUT_OF_RANGE", "input.tags.0.validFrom", "now or later"},
		{"assertTags", object("tags", []any{object("datasetId", c.order, "term", "user.name", "validFrom", "2999-01-02T00:00:00Z", "validTo", "2999-01-01T00:00:00Z")}), "OUT_OF_RANGE", "input.tags.0.validTo", "after it begins"},
		{"decideTags", object("ids", []any{c.order}, "state", "CONFIRMED"), "TAG_NOT_FOUND", "", "not open"},
		{"decideTags", object("ids", []any{tag}, "state", "CONFIRMED"), "NOT_SUGGESTED", "", "read them again"},
		{"decideTags", object("ids", []any{tag}, "state", "SUGGESTED"), "UNKNOWN_VALUE", "input.state", "REJECTED"},
		{"decideTags", object("ids", []any{tag}, "state", "REJECTED"), "REQUIRED", "input.reason", "why"},
		{"challengeService", object("serviceId", c.controller), "SERVICE_NOT_FOUND", "", "no such service"},
		{"rotateKey", object("serviceId", mute), "NOT_ACTIVE", "", "challenge it"},
		{"revokeKey", object("serviceId", c.orders, "keyId", "none"), "KEY_NOT_FOUND", "", "no key of this id"},
		{"disableService", object("serviceId", c.orders, "rev", 99), "CONFLICT", "", "revision"},
		{"endConsumption", object("id", "nonsense"), "CONSUMPTION_NOT_FOUND", "", "no such"},
		{"endTags", object("ids", []any{c.order}), "TAG_NOT_FOUND", "", "not open"},
		{"declareStoreReader", object("storeId", c.ordersStore, "serviceId", c.orders, "reason", "reports"), "OWN_STORE", "input.serviceId", "anyway"},
		{"declarePermittedUse", object("datasetId", c.order, "purposeId", c.orders), "UNKNOWN_REFERENCE", "input.purposeId", "declare it first"},
		{"endStoreReader", object("id", c.order), "STORE_READER_NOT_FOUND", "", "no such store reader"},
		{"endPermittedUse", object("id", "nonsense"), "PERMITTED_USE_NOT_FOUND", "", "no such permitted use"},
		{"declareReader", object("name", "", "serviceId", c.orders), "BAD_NAME", "input.name", "1 to"},
		{"stateFlow", object("upstreamId", c.order, "downstreamId", c.order), "EDGE_TO_ITSELF", "input.downstreamId", "another"},
		{"stateFlow", object("upstreamId", c.orders, "downstreamId", c.order), "DATASET_NOT_FOUND", "", "no such dataset"},
		{"endFlow", object("id", c.order), "EDGE_NOT_FOUND", "", "no such edge"},
		{"endReader", object("id", "nonsense"), "ACTOR_ALIAS_NOT_FOUND", "", "no such"},
		{"dismissReader", object("name", group, "datasetId", c.order, "reason", "a tool", "validTo", "2999-01-01T00:00:00Z"), "OUT_OF_RANGE", "input.validTo", "180 days"},
		{"endDismissal", object("id", c.order), "READER_DISMISSAL_NOT_FOUND", "", "no such reader dismissal"},
		{"setOwner", object("entityId", c.orders, "rev", 99, "ownerId", c.ordersTeam), "CONFLICT", "", "revision"},
		{"createPackageLink", object("packageId", request), "PACKAGE_NOT_FOUND", "", "no such package"},
		{"replan", object("requestId", request), "WRONG_STATE", "", "PLANNED"},
		{"refuseRequest", object("requestId", c.orders, "ground", "EXCESSIVE"), "REQUEST_NOT_FOUND", "", "no such request"},
		{"cancelRequest", object("requestId", c.orders), "REQUEST_NOT_FOUND", "", "no such request"},
		{"pauseClock", object("requestId", c.orders, "reason", "CLARIFICATION"), "REQUEST_NOT_FOUND", "", "no such request"},
		{"resolveBlock", object("requestId", request), "WRONG_STATE", "", "BLOCKED"},
		{"closePartially", object("requestId", request), "WRONG_STATE", "", "BLOCKED"},
		{"reopenRequest", object("requestId", request), "WRONG_STATE", "", "CLOSED"},
		{"destroyRequestKey", object("requestId", request), "WRONG_STATE", "", "CLOSED"},
		{"recordNoticeFailure", object("noticeId", request), "NOTICE_NOT_FOUND", "", "no such notice"},
		{"emergencyStop", object("serviceId", c.controller), "SERVICE_NOT_FOUND", "", "no such service"},
		{"importCatalog", object("yaml", "lethe: catalog/1\nservces: []"), "UNKNOWN_KEY", "input.catalog.yaml.2.1", `did you mean`},
	} {
		tried[w.mutation] = true
		t.Run(w.mutation+"/"+w.code+"/"+w.path, func(t *testing.T) {
			before := c.everything(t)
			a := c.ask(t, boss, fmt.Sprintf(`mutation($i: %s!) { %s(input: $i) { userErrors { code message path } } }`, inputOf(t, w.mutation), w.mutation), object("i", w.input))
			if a.Status != 200 || len(a.Errors) > 0 {
				t.Fatalf("%d %s", a.Status, a.Raw)
			}
			told := a.refusals(t, w.mutation)
			if len(told) != 1 || told[0].Code != w.code || strings.Join(told[0].Path, ".") != w.path || !strings.Contains(told[0].Message, w.says) {
				t.Errorf("told %+v, want %s at %q with %q", told, w.code, w.path, w.says)
			}
			if after := c.everything(t); after != before {
				t.Errorf("something was written: %s, before %s", after, before)
			}
		})
	}
	for _, m := range currentSchema(t).Mutation.Fields {
		if !tried[m.Name] {
			t.Errorf("%s: write down an input that is wrong, and how that is told", m.Name)
		}
	}
}

func many(n int, v any) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func inputOf(t *testing.T, mutation string) string {
	t.Helper()
	return currentSchema(t).Mutation.Fields.ForName(mutation).Arguments[0].Type.Name()
}

// everything counts what is written down.
func (c *company) everything(t *testing.T) (counts string) {
	t.Helper()
	must(t, c.db.QueryRow(t.Context(), `
		SELECT concat_ws(' ', (SELECT count(*) FROM audit_entry), (SELECT count(*) FROM catalog_change), (SELECT count(*) FROM erasure_request),
		       (SELECT count(*) FROM erasure_subject), (SELECT count(*) FROM erasure_stop), (SELECT count(*) FROM erasure_handover),
		       (SELECT count(*) FROM river_job), (SELECT sum(generation) FROM catalog_generation_part), (SELECT sum(rev) FROM erasure_request))`).Scan(&counts))
	return counts
}

// All mistakes of one input are told at once.
func TestEveryMistakeIsToldAtOnce(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	a := c.do(c.handler, openErasure, object("i", object("type", "ERASURE", "controller", "nobody",
		"identifiers", []any{object("type", "phnoe", "value", ""), object("type", "customer_id", "value", "c-1")})))
	var at []string
	for _, r := range a.refusals(t, "openRequest") {
		at = append(at, strings.Join(r.Path, "."))
	}
	want := []string{"input.ground", "input.identifiers.0.type", "input.identifiers.0.value", ""}
	if len(at) != len(want) {
		t.Errorf("told of %q, want %q: %s", at, want, a.Raw)
	}
}

// A value that is not of its scalar's form is the caller's mistake, told with
// its place and the form, and nothing that we must look into.
func TestValuesOfTheWrongFormAreNamed(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	request, _ := c.open(c.handler, "c-1")
	for query, at := range map[string]string{
		fmt.Sprintf(`mutation { approvePlan(input: {requestId: %q, digest: "00"}) { userErrors { code } } }`, request):                                                        "approvePlan input digest",
		fmt.Sprintf(`mutation { extendDeadline(input: {requestId: %q, reason: COMPLEXITY, noticeSentOn: "5 March", channel: EMAIL}) { userErrors { code } } }`, request):      "extendDeadline input noticeSentOn",
		`mutation { openRequest(input: {type: ACCESS, controller: "flowmart-de", identifiers: [], receivedAt: "today"}) { userErrors { code } } }`:                            "openRequest input receivedAt",
		fmt.Sprintf(`mutation { registerService(input: {ref: "new", name: "New", controllerId: %q, allowedNetworks: ["10.99.0.0"]}) { userErrors { code } } }`, c.controller): "registerService input allowedNetworks 0",
	} {
		a := c.do(c.admin, query)
		if a.Status != 200 || a.code() != "BAD_VALUE" || !strings.Contains(a.Errors[0].Message, "written like") && !strings.Contains(a.Errors[0].Message, "64 hexadecimal") {
			t.Errorf("%s: %d %s", query, a.Status, a.Raw)
			continue
		}
		if got := strings.Trim(fmt.Sprint(a.Errors[0].Path), "[]"); got != at {
			t.Errorf("told at %q, want %q", got, at)
		}
	}
	if len(c.reported) > 0 {
		t.Errorf("reported to us: %v", c.reported)
	}
}

// Arguments out of range and cursors of other lists are named.
func TestListsRefuseWrongPages(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	for query, code := range map[string]string{
		`{ services(first: 0) { nodes { ref } } }`:                                                       "OUT_OF_RANGE",
		`{ services(first: 1000000) { nodes { ref } } }`:                                                 "OUT_OF_RANGE",
		`{ terms(first: 101) { nodes { key } } }`:                                                        "OUT_OF_RANGE",
		`{ services(first: 1, after: "x") { nodes { ref } } }`:                                           "BAD_CURSOR",
		`{ services(first: 1, after: "WyJzdG9yZXMiLFsiYSJdXQ") { nodes { ref } } }`:                      "BAD_CURSOR",
		`{ datasets(first: 5) { nodes { fields(first: 0) { nodes { path } } } } }`:                       "OUT_OF_RANGE",
		`{ services { nodes { ref } } }`:                                                                 "GRAPHQL_VALIDATION_FAILED",
		`{ storeTables(store: "orders-db") { tables(first: 0) { nodes { name } } } }`:                    "OUT_OF_RANGE",
		`{ storeTables(store: "orders-db") { versions(first: 1, after: "x") { nodes { version } } } }`:   "BAD_CURSOR",
		`{ storeTables(store: "orders-db") { changes(from: 7, first: 1) { nodes { words } } } }`:         "VERSION_NOT_FOUND",
		`{ search(query: "", first: 10) { nodes { ref } } }`:                                             "BAD_QUERY",
		fmt.Sprintf(`{ nodes(ids: [%s]) { id } }`, strings.TrimSuffix(strings.Repeat(`"a",`, 101), ",")): "TOO_MANY",
	} {
		if a := c.do(c.admin, query); a.code() != code {
			t.Errorf("%.80s: %d %.300s, want %s", query, a.Status, a.Raw, code)
		}
	}
}
