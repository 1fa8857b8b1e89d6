package graph_test

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/schemas"
)

// variables are the arguments of an operation, for one cell of the matrix.
func (x *cell) variables(operation string) map[string]any {
	input := func(kv ...any) map[string]any { return map[string]any{"input": object(kv...)} }
	service := func() string { return x.of("Service", x.orders, x.payments) }
	team := func() string { return x.of("Owner", x.ordersTeam, x.paymentsTeam) }
	dataset := func() string { return x.of("Dataset", x.order, x.invoice) }
	ref := "r" + strings.ReplaceAll(uuid.NewString(), "-", "")
	switch operation {
	case "viewer", "health", "auditCheckpoint", "emergencyStops":
		return nil
	case "auditEntries", "controllers", "owners", "services", "stores", "purposes", "retentionPolicies", "datasets", "readerNames", "terms", "findings", "requests", "alerts", "schemaSubjects":
		return object("first", 10)
	case "requestCounts":
		return object("filter", object("open", true))
	case "search":
		return object("first", 10, "query", "order")
	case "node":
		return object("id", x.request("RECEIVED"))
	case "nodes":
		return object("ids", []any{x.request("RECEIVED")})
	case "catalogChanges":
		return object("first", 10, "entityId", dataset())
	case "auditTrail":
		return object("first", 10, "requestId", x.request("RECEIVED"))
	case "request":
		return object("caseNumber", x.caseNumber())
	case "service":
		return object("ref", x.of("", "orders", "payments"))
	case "serviceKeys":
		return object("serviceId", service())
	case "dataset":
		return object("namespace", "postgres://"+x.of("", "orders", "payments"), "name", x.of("", "public.order", "public.invoice"))
	case "downstream":
		return object("datasetId", dataset())
	case "schemaSubject":
		return object("name", "orders-value")
	case "checkSchema":
		return input("subject", "orders-value", "schema", `"string"`)
	case "safeToContract":
		return input("subject", x.registered("orders-value"), "version", 1)
	case "storeTables":
		return object("store", x.of("", "orders-db", "payments-db"))
	case "checkStoreTables":
		return input("store", x.of("", "orders-db", "payments-db"), "files", []any{object("path", "1.sql", "text", "CREATE TABLE a (id int);")})
	case "requestProgress":
		return object("id", x.request("CLOSED"))

	case "registerService":
		return input("ref", ref, "name", "New", "ownerId", team(), "controllerId", x.controller)
	case "updateService":
		id := x.freshService(ref)
		return input("id", id, "rev", 1, "ref", ref, "name", "Renamed", "ownerId", team(), "controllerId", x.controller)
	case "challengeService":
		return input("serviceId", service())
	case "rotateKey":
		return input("serviceId", x.active(service()))
	case "revokeKey":
		return input("serviceId", service(), "keyId", x.serviceKey(ref))
	case "disableService":
		return input("serviceId", x.freshService(ref), "rev", 1)
	case "declareController":
		return input("ref", ref, "name", "Another", "country", "AT", "timeZone", "Europe/Vienna")
	case "declareOwner":
		return input("kind", "TEAM", "ref", ref, "name", "Another")
	case "declareStore":
		return input("ref", ref, "name", "Another", "serviceId", service(), "technology", "REDIS")
	case "declareDataset":
		return input("namespace", "redis://"+ref, "name", "keys", "kind", "CACHE", "serviceId", service())
	case "declareFields":
		return input("datasetId", dataset(), "fields", []any{object("path", ref)})
	case "declarePurpose":
		return input("ref", ref, "name", "Delivery", "use", "essential.service", "legalBasis", "CONTRACT")
	case "declareRetentionPolicy":
		return input("ref", ref, "name", "A year", "duration", "P1Y", "trigger", "CREATION", "action", "DELETE")
	case "declareConsumption":
		return input("serviceId", service(), "datasetId", x.order)
	case "endConsumption":
		return input("id", x.freshConsumption())
	case "endTags":
		return input("ids", []any{x.freshTag()})
	case "declareStoreReader":
		return input("storeId", x.of("Store", x.ordersStore, x.paymentsStore), "serviceId", x.reader(), "reason", "reports")
	case "endStoreReader":
		return input("id", x.freshStoreReader())
	case "endPermittedUse":
		return input("id", x.freshPermittedUse())
	case "declarePermittedUse":
		return input("datasetId", dataset(), "purposeId", x.purpose())
	case "declareReader":
		return input("name", ref, "serviceId", service())
	case "stateFlow":
		return input("upstreamId", x.source(ref), "downstreamId", dataset())
	case "endFlow":
		return input("id", x.freshFlow(ref))
	case "endReader":
		return input("id", x.freshReader(ref))
	case "dismissReader":
		return input("name", x.seen(dataset(), ref), "datasetId", dataset(), "reason", "a tool of last week", "validTo", x.tomorrow())
	case "endDismissal":
		return input("id", x.freshDismissal(dataset(), ref))
	case "assertTags":
		return input("tags", []any{object("datasetId", dataset(), "term", "user.name")})
	case "decideTags":
		return input("ids", []any{x.suggestion()}, "state", "CONFIRMED")
	case "declareSchemaReader":
		return input("subject", x.registered("orders-value"), "service", x.of("", "orders", "payments"), "name", ref)
	case "endSchemaReader":
		return input("id", x.freshSchemaReader(ref))
	case "approveSchemaChange":
		return input("subject", x.breaking(ref), "schema", `"long"`, "reason", "nobody reads the old one", "expiresAt", x.tomorrow())
	case "pushStoreTables":
		return input("store", x.of("", "orders-db", "payments-db"), "files", []any{object("path", "1.sql", "text", "CREATE TABLE "+ref+" (id int);")})
	case "setStoreGate":
		return input("store", x.of("", "orders-db", "payments-db"), "policy", "WARN")
	case "setOwner":
		id := x.freshService(ref)
		return input("entityId", id, "rev", 1, "ownerId", x.ordersTeam)
	case "importCatalog":
		return input("yaml", x.file(ref))

	case "openRequest":
		return input("type", "ACCESS", "controller", "flowmart-de", "identifiers", []any{object("type", "customer_id", "value", ref)})
	case "verifyIdentity":
		return input("requestId", x.request("RECEIVED"), "method", "DOCUMENT")
	case "approvePlan":
		plan, digest := x.planned()
		return input("requestId", plan, "digest", digest)
	case "refuseRequest":
		return input("requestId", x.request("RECEIVED"), "ground", "EXCESSIVE")
	case "extendDeadline":
		return input("requestId", x.request("RECEIVED"), "reason", "COMPLEXITY", "noticeSentOn", x.today(), "channel", "EMAIL")
	case "pauseClock":
		return input("requestId", x.request("RECEIVED"), "reason", "CLARIFICATION")
	case "cancelRequest":
		return input("requestId", x.request("RECEIVED"))
	case "replan":
		return input("requestId", x.request("PLANNED"))
	case "resumeClock":
		return input("requestId", x.request("PAUSED"))
	case "resolveBlock":
		return input("requestId", x.request("BLOCKED"))
	case "closePartially":
		return input("requestId", x.request("GAPS"))
	case "reopenRequest", "destroyRequestKey":
		return input("requestId", x.request("CLOSED"))
	case "preparePackage":
		return input("requestId", x.request("ACCESS"))
	case "retryTask":
		return input("taskId", x.task())
	case "recordNotice":
		return input("noticeId", x.notice(), "sentOn", x.today(), "channel", "LETTER")
	case "recordNoticeFailure":
		return input("noticeId", x.notice())
	case "createPackageLink", "tellPassphrase":
		return input("packageId", x.pack())
	case "emergencyStop":
		return input("serviceId", x.orders)
	case "resume":
		x.stop()
		return input("serviceId", x.orders)
	case "erasePrincipal":
		return input("principalId", x.stranger())
	}
	x.t.Fatalf("%s: say how to try it", operation)
	return nil
}

func object(kv ...any) map[string]any {
	o := map[string]any{}
	for i := 0; i < len(kv); i += 2 {
		o[kv[i].(string)] = kv[i+1]
	}
	return o
}

func id(kind node.Kind, key uuid.UUID) string { return node.ID{Kind: kind, Key: key}.String() }

func (x *cell) exec(q string, args ...any) {
	x.t.Helper()
	_, err := x.db.Exec(x.t.Context(), q, args...)
	must(x.t, err)
}

func (x *cell) stranger() string {
	key := uuid.New()
	x.exec(`INSERT INTO audit_principal (id, issuer, subject, name) VALUES ($1::uuid, 'https://id.example', $1::text, 'Somebody')`, key)
	return id("Principal", key)
}

// today is the day it is where the legal entities of the matrix are: a request
// received there after midnight cannot have been answered the day before.
func (x *cell) today() (day string) {
	must(x.t, x.db.QueryRow(x.t.Context(), `SELECT (now() AT TIME ZONE 'Europe/Vienna')::date::text`).Scan(&day))
	return day
}

// serviceKey is a key that a service has now.
func (x *cell) serviceKey(id string) string {
	x.exec(`INSERT INTO catalog_service_key (service_id, id, public_key) SELECT s.id, $1::text, sha256($1::bytea) FROM catalog_service s WHERE ref = $2`, id, x.of("", "orders", "payments"))
	return id
}

// active brings a service into use, as its keys can only then be rotated.
func (x *cell) active(service string) string {
	if x.whose != "absent" {
		a := x.do(x.admin, `mutation($i: ServiceActInput!) { challengeService(input: $i) { service { state } userErrors { code message path } } }`,
			object("i", object("serviceId", service)))
		x.clean(a, "challengeService")
	}
	return service
}

// freshService is a service at its first revision.
func (x *cell) freshService(ref string) string {
	if x.whose == "absent" {
		return missing("Service")
	}
	c := *x.company
	c.t = x.t
	return c.declare("registerService", "service", `ref: "`+ref+`", name: "New", ownerId: "`+x.of("Owner", x.ordersTeam, x.paymentsTeam)+`", controllerId: "`+x.controller+`"`)
}

func (x *cell) freshConsumption() string {
	if x.whose == "absent" {
		return missing("Consumption")
	}
	return x.declare("declareConsumption", "consumption", `serviceId: "`+x.of("", x.orders, x.payments)+`", datasetId: "`+x.order+`"`)
}

func (x *cell) freshTag() string { return x.tagged("term", "user.contact.phone_number") }

// suggestion is one that nobody has decided on: a decision would stand.
func (x *cell) suggestion() string {
	x.exec(`UPDATE catalog_tag_assertion SET valid_to = greatest(valid_from, now()) WHERE valid_to IS NULL AND term_id = (SELECT id FROM catalog_term WHERE key = 'user.name')`)
	return x.tagged("term", "user.name", "state", "SUGGESTED", "reason", uuid.NewString())
}

func (x *cell) tagged(kv ...any) string {
	if x.whose == "absent" {
		return missing("TagAssertion")
	}
	a := x.do(x.admin, `mutation($i: AssertTagsInput!) { assertTags(input: $i) { tags { id } userErrors { code message path } } }`,
		object("i", object("tags", []any{object(append(kv, "datasetId", x.of("", x.order, x.invoice))...)})))
	x.clean(a, "assertTags")
	return a.text(x.t, "assertTags", "tags", 0, "id")
}

func (x *cell) freshStoreReader() string {
	if x.whose == "absent" {
		return missing("StoreReader")
	}
	return x.declare("declareStoreReader", "reader", `storeId: "`+x.of("", x.ordersStore, x.paymentsStore)+`", serviceId: "`+x.reader()+`"`)
}

// source is a dataset that others may be made from.
func (x *cell) source(ref string) string {
	return x.declare("declareDataset", "dataset", `namespace: "redis://`+ref+`", name: "keys", kind: CACHE`)
}

func (x *cell) freshFlow(ref string) string {
	if x.whose == "absent" {
		return missing("Flow")
	}
	return x.declare("stateFlow", "flow", `upstreamId: "`+x.source(ref)+`", downstreamId: "`+x.of("", x.order, x.invoice)+`"`)
}

func (x *cell) freshReader(ref string) string {
	if x.whose == "absent" {
		return missing("ReaderName")
	}
	return x.declare("declareReader", "reader", `name: "`+ref+`", serviceId: "`+x.of("", x.orders, x.payments)+`"`)
}

// seen is a group that was seen reading a dataset.
func (x *cell) seen(dataset, group string) string {
	if x.whose != "absent" {
		x.exec(`INSERT INTO catalog_observed_read (cluster, consumer_group, dataset_id, first_seen, last_seen) VALUES ('default', $1, $2, now(), now())`,
			group, node.Parse(dataset).Key)
	}
	return group
}

func (x *cell) freshDismissal(dataset, group string) string {
	if x.whose == "absent" {
		return missing("ReaderDismissal")
	}
	return x.declare("dismissReader", "dismissal", `name: "`+x.seen(dataset, group)+`", datasetId: "`+dataset+`", reason: "a tool", validTo: "`+x.tomorrow()+`"`)
}

func (x *cell) tomorrow() string { return time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339) }

func (x *cell) freshPermittedUse() string {
	if x.whose == "absent" {
		return missing("PermittedUse")
	}
	return x.declare("declarePermittedUse", "permittedUse", `datasetId: "`+x.of("", x.order, x.invoice)+`", purposeId: "`+x.purpose()+`"`)
}

// reader is a service that may read a store: not the one that owns it.
func (x *cell) reader() string {
	if x.whose == "own" {
		return x.payments
	}
	return x.orders
}

func (x *cell) purpose() string {
	return x.declare("declarePurpose", "purpose", `ref: "p`+strings.ReplaceAll(uuid.NewString(), "-", "")+`", name: "Delivery", use: "essential.service", legalBasis: CONTRACT`)
}

func (x *cell) freshSchemaReader(ref string) string {
	if x.whose == "absent" {
		return missing("SchemaReader")
	}
	return x.declare("declareSchemaReader", "reader", `subject: "`+x.registered("orders-value")+`", service: "`+x.of("", "orders", "payments")+`", name: "`+ref+`"`)
}

// breaking is a subject that a service reads, and that the next version breaks.
func (x *cell) breaking(ref string) string {
	subject := ref + "-value"
	if x.whose == "absent" {
		return subject
	}
	x.declare("declareSchemaReader", "reader", `subject: "`+x.registered(subject)+`", service: "`+x.of("", "orders", "payments")+`"`)
	return subject
}

// registered is a subject that has a version.
func (x *cell) registered(subject string) string {
	_, err := x.rooms.Schemas.Register(x.t.Context(), x.admin, schemas.Submission{Subject: subject, Text: `"string"`})
	must(x.t, err)
	return subject
}
