package schemas_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/topic"
)

// topics sets what topics a subject is declared for.
func (b *bench) topics(t testing.TB, by access.Principal, subject string, topics ...string) error {
	t.Helper()
	raw := must(json.Marshal(topics))(t)
	_, err := b.SetConfig(t.Context(), by, subject, schemas.Patch{"topics": raw})
	return err
}

// another topic, of billing.
func (b *bench) another(t testing.TB, name string) catalog.Dataset {
	t.Helper()
	ctx := t.Context()
	billing := must(catalog.ServiceByRef(ctx, b.db, "billing"))(t)
	return must(catalog.New(b.db, b.clock).DeclareDataset(ctx, b.admin, catalog.Dataset{Namespace: "kafka://default", Name: name, Kind: "TOPIC", ServiceID: &billing.ID}))(t)
}

// paths are the fields of a dataset, sorted.
func (b *bench) paths(t testing.TB, of catalog.Dataset) (out []string) {
	t.Helper()
	for _, f := range must(catalog.FieldsByDataset(t.Context(), b.db, []uuid.UUID{of.ID}))(t)[of.ID] {
		out = append(out, f.Path)
	}
	slices.Sort(out)
	return out
}

// A subject that is called after its record (RecordNameStrategy) describes the
// topics that are declared for it, and a topic may have several such subjects:
// they belong to whom the topics belong to, and the topics learn their fields
// and tags at once.
func TestRecordsBoundToTopics(t *testing.T) {
	t.Parallel()
	b := setup(t)
	billed := b.another(t, "billed")
	b.put(t, b.orders, "shop.Order", taggedOrder)
	b.put(t, b.orders, "shop.Refund", refund)
	if got := b.paths(t, b.topic); got != nil {
		t.Errorf("fields of a topic that no subject is bound to: %q", got)
	}
	wants(t, b.topics(t, b.team, "shop.Order", "orders", "billed"), "")
	wants(t, b.topics(t, b.team, "shop.Refund", "orders"), "")
	both := []string{"<shop.Order>.email", "<shop.Order>.id"}
	if got, want := b.paths(t, b.topic), append(slices.Clone(both), "<shop.Refund>.id", "<shop.Refund>.why"); !slices.Equal(got, want) {
		t.Errorf("orders: %q, want %q", got, want)
	}
	if got := b.paths(t, billed); !slices.Equal(got, both) {
		t.Errorf("billed: %q, want %q", got, both)
	}
	for _, d := range []catalog.Dataset{b.topic, billed} {
		if tags := b.said(t, d); len(tags) != 1 || tags[0].Term != "user.contact.email" || tags[0].Reason != "" {
			t.Errorf("%s: tags %+v", d.Name, tags)
		}
	}
	// Pipelines of each of the topics' services register there now.
	next := strings.Replace(taggedOrder, `{"name":"id","type":"string"}`, `{"name":"id","type":"string"},{"name":"note","type":"string","default":""}`, 1)
	b.put(t, b.other, "shop.Order", next)
	if got := b.paths(t, billed); !slices.Contains(got, "<shop.Order>.note") {
		t.Errorf("billed: %q", got)
	}
	_, err := b.Register(t.Context(), b.other, schemas.Submission{Subject: "shop.Refund", Text: record("id")})
	wants(t, err, "NOT_OWNER")
}

// said are the tags of a dataset's fields that schemas said.
func (b *bench) said(t testing.TB, of catalog.Dataset) []catalog.Tag {
	t.Helper()
	tags := must(catalog.TagsByDataset(t.Context(), b.db, []uuid.UUID{of.ID}))(t)[of.ID]
	return slices.DeleteFunc(tags, func(tag catalog.Tag) bool { return tag.Source != "SCHEMA" })
}

// What a subject said of a topic that it leaves is marked: the records there are
// as they were. So it is when it becomes another part of the same topic's.
func TestTopicsThatAreLeft(t *testing.T) {
	t.Parallel()
	b := setup(t)
	billed := b.another(t, "billed")
	b.put(t, b.orders, "shop.Order", taggedOrder)
	wants(t, b.topics(t, b.team, "shop.Order", "orders", "billed"), "")
	wants(t, b.topics(t, b.team, "shop.Order", "billed"), "")
	left := "another version said so; none is live for this topic"
	if tags := b.said(t, b.topic); len(tags) != 1 || tags[0].Reason != left {
		t.Errorf("the topic that was left: %+v", tags)
	}
	if tags := b.said(t, billed); len(tags) != 1 || tags[0].Reason != "" {
		t.Errorf("the topic that was not: %+v", tags)
	}
	wants(t, b.topics(t, b.team, "shop.Order", "billed#value"), "")
	reasons := map[string]string{}
	for _, f := range must(catalog.FieldsByDataset(t.Context(), b.db, []uuid.UUID{billed.ID}))(t)[billed.ID] {
		for _, tag := range b.said(t, billed) {
			if *tag.FieldID == f.ID {
				reasons[f.Path] = tag.Reason
			}
		}
	}
	if len(reasons) != 2 || reasons["<shop.Order>.email"] != left || reasons["email"] != "" {
		t.Errorf("all values in place of one type of several: %q", reasons)
	}
	_ = must(b.DeleteConfig(t.Context(), b.team, "shop.Order"))(t)
	for _, tag := range b.said(t, billed) {
		if tag.Reason != left {
			t.Errorf("after all settings were taken back: %+v", tag)
		}
	}
	b.put(t, b.orders, "shop.Order", strings.Replace(taggedOrder, `"name":"email"`, `"name":"mail","aliases":["email"]`, 1))
	if got := b.paths(t, billed); slices.Contains(got, "mail") {
		t.Errorf("a subject that is bound to nothing writes into %q", got)
	}
}

// Whoever binds a subject acts for every topic's owner, and a topic that is
// declared later learns its fields then.
func TestWhoBindsATopic(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	c := catalog.New(b.db, b.clock)
	care := must(c.DeclareOwner(ctx, b.admin, catalog.Owner{Kind: catalog.Team, Ref: "care", Name: "Care", Active: true}))(t)
	controllers := must(catalog.ServiceByRef(ctx, b.db, "orders"))(t)
	support := must(c.RegisterService(ctx, b.admin, catalog.Service{Ref: "support", Name: "Support", OwnerID: &care.ID, ControllerID: controllers.ControllerID}))(t)
	must(c.DeclareDataset(ctx, b.admin, catalog.Dataset{Namespace: "kafka://default", Name: "calls", Kind: "TOPIC", ServiceID: &support.ID}))(t)
	b.put(t, b.orders, "shop.Order", taggedOrder)
	wants(t, b.topics(t, b.team, "shop.Order", "orders", "calls"), "NOT_OWNER")
	wants(t, b.topics(t, b.orders, "shop.Order", "orders"), "ROLE_REQUIRED")
	wants(t, b.topics(t, b.admin, "shop.Order", "orders", "calls"), "")
	wants(t, b.topics(t, b.team, "shop.Order", "orders"), "NOT_OWNER") // it is of both teams now
	both := access.Principal{ID: b.team.ID, Roles: []access.Role{access.Steward}, Teams: []string{"shop", "care"}}
	wants(t, b.topics(t, both, "shop.Order", "orders", "calls", "later"), "")
	later := b.another(t, "later")
	must(b.Fill(ctx, ""))(t)
	if got, want := b.paths(t, later), []string{"<shop.Order>.email", "<shop.Order>.id"}; !slices.Equal(got, want) {
		t.Errorf("a topic that was declared later: %q, want %q", got, want)
	}
	if next := must(b.Fill(ctx, ""))(t); next != "" {
		t.Errorf("there is more to fill: after %q", next)
	}
}

// Gate, consumers and "safe to contract?" speak of all the topics of a subject.
func TestTheGateLooksAtEachTopic(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	billed := b.another(t, "billed")
	b.put(t, b.orders, "shop.Order", taggedOrder)
	wants(t, b.topics(t, b.team, "shop.Order", "orders", "billed"), "")
	billing := must(catalog.ServiceByRef(ctx, b.db, "billing"))(t)
	must(catalog.New(b.db, time.Now).DeclareConsumption(ctx, b.admin, catalog.Consumption{ServiceID: billing.ID, DatasetID: billed.ID, Fields: []string{"<shop.Order>.email"}}))(t)
	a := must(b.Check(ctx, b.viewer, []schemas.Submission{{Subject: "shop.Order", Text: `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"phone","type":["null","string"],"default":null,"confluent:tags":["user.contact.phone_number"]}]}`}}))(t)[0]
	var got []string
	for _, f := range a.Findings {
		got = append(got, f.Code+" "+f.Path+" "+f.Message)
	}
	for _, want := range []string{"CG004 <shop.Order>.email", "CG020  in the topic billed: ", "CG040  in the topic billed: "} {
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("no finding %q among %q", want, got)
		}
	}
	if slices.ContainsFunc(got, func(s string) bool {
		return strings.Contains(s, "topic orders") && strings.HasPrefix(s, "CG0") && !strings.HasPrefix(s, "CG051") && !strings.HasPrefix(s, "CG023")
	}) {
		t.Errorf("the other topic lacks nothing: %q", got)
	}
	if want := []string{"billing", "orders"}; !slices.Equal(sorted(a.Owners), want) || !slices.Equal(a.Topics, []string{"billed<shop.Order>", "orders<shop.Order>"}) {
		t.Errorf("owners %q, topics %q", a.Owners, a.Topics)
	}
	// As it would be bound: nothing is known of topics that it is not bound to.
	topics := must(topic.Spell("shop.Order", []string{"orders"}))(t)
	a = must(b.Check(ctx, b.viewer, []schemas.Submission{{Subject: "shop.Order", Text: taggedOrder, Intended: schemas.Config{Settings: schemas.Settings{Topics: &topics}}}}))(t)[0]
	if !slices.Equal(a.Owners, []string{"orders"}) {
		t.Errorf("as it is to be bound it belongs to %q", a.Owners)
	}
}

func sorted(all []string) []string { slices.Sort(all); return all }

// A topic's headers have a schema of their own: each field at its top is a header,
// and personal data in one is told as such.
func TestHeadersOfATopic(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	const headers = `{"type":"record","name":"Headers","namespace":"shop","fields":[{"name":"trace_id","type":"string"},
		{"name":"tenant","type":{"type":"record","name":"Tenant","fields":[{"name":"id","type":"string"},{"name":"country","type":"string"}]}},
		{"name":"customer_email","type":"string","confluent:tags":["user.contact.email"]}]}`
	b.put(t, b.orders, "orders-headers", headers)
	wants(t, b.topics(t, b.team, "orders-headers", "orders#header"), "")
	b.put(t, b.orders, "orders-value", record("id"))
	if got, want := b.paths(t, b.topic), []string{"#header.customer_email", "#header.tenant", "#header.trace_id", "id"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	a := must(b.Check(ctx, b.viewer, []schemas.Submission{{Subject: "orders-headers", Text: headers}}))(t)[0]
	if !slices.ContainsFunc(a.Findings, func(f gate.Finding) bool { return f.Code == "CG030" && f.Path == "#header.customer_email" }) {
		t.Errorf("%+v", a.Findings)
	}
	// Without fields it says nothing of headers, and of nothing else.
	b.put(t, b.orders, "orders-nothing", `"string"`)
	wants(t, b.topics(t, b.team, "orders-nothing", "orders#header"), "")
	if got := b.paths(t, b.topic); len(got) != 4 {
		t.Errorf("%q", got)
	}
}

// Whatever the catalog changes because of a schema the audit log has once, whichever
// way it came.
func TestTheAuditLogHasWhatSchemasSay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	b.another(t, "billed")
	b.put(t, b.orders, "orders-value", taggedOrder)
	renamed := strings.Replace(taggedOrder, `"name":"email"`, `"name":"mail","aliases":["email"]`, 1)
	b.put(t, b.orders, "orders-value", renamed)
	b.put(t, b.orders, "shop.Order", taggedOrder)
	wants(t, b.topics(t, b.admin, "shop.Order", "billed"), "")
	must(b.DeleteVersion(ctx, b.admin, "orders-value", 2, false))(t)
	wants(t, b.topics(t, b.admin, "shop.Order"), "")
	must(b.DeleteSubject(ctx, b.admin, "orders-value", false))(t)
	const q = `
		WITH said AS (SELECT act, entity_id, count(*) AS n FROM catalog_change WHERE act LIKE '%tag%' GROUP BY act, entity_id),
		logged AS (SELECT act, entity_id, count(*) AS n FROM audit_entry WHERE act LIKE '%tag%' GROUP BY act, entity_id)
		SELECT coalesce(s.act, l.act) || ' ' || coalesce(s.n, 0) || ' ' || coalesce(l.n, 0)
		  FROM said s FULL JOIN logged l USING (act, entity_id)
		 ORDER BY 1`
	rows := must(postgres.Scalars[string](ctx, b.db, q))(t)
	if len(rows) < 4 {
		t.Errorf("of tags was said %q", rows)
	}
	for _, row := range rows {
		if act, counts, _ := strings.Cut(row, " "); counts != "1 1" {
			t.Errorf("%s: how often it is in the history and in the log: %s", act, counts)
		}
	}
}
