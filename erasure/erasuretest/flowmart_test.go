package erasuretest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/internal/devstack/kafkatest"
)

// FlowMart's services were written from docs/rights-protocol.md and share no
// code with Lethe. Here the real processes meet the real readers of Lethe, so
// that specification, services and readers cannot drift apart.

// held is where each service keeps personal data; README.md says what an
// erasure does to it.
var held = map[string][]struct {
	table, erased string
}{
	"customers":          {{"public.addresses", "erased"}, {"public.customers", "erased"}, {"flowmart.customers.v1", "pending_expiry"}},
	"orders":             {{"public.order_items", "erased"}, {"public.orders", "erased"}, {"public.order_customers", "erased"}, {"flowmart.orders.v1", "pending_expiry"}},
	"payments":           {{"public.payments", "anonymised"}, {"public.invoices", "retained"}, {"flowmart.payments.v1", "pending_expiry"}},
	"shipping":           {{"public.shipments", "erased"}, {"flowmart.shipments.v1", "pending_expiry"}},
	"reviews":            {{"public.purchases", "erased"}, {"public.reviews", "anonymised"}, {"flowmart.reviews.v1", "pending_expiry"}},
	"notifications":      {{"public.notifications", "erased"}},
	"marketing-exporter": {{"public.marketing_contacts", "erased"}},
}

var types = map[string][]string{"customers": {"customer_id", "email", "phone"}, "orders": {"customer_id", "email"}, "payments": {"customer_id"},
	"shipping": {"customer_id"}, "reviews": {"customer_id"}, "notifications": {"email", "phone"}, "marketing-exporter": {"email"}}

func datasetsOf(service string) (all []protocol.Dataset) {
	for _, h := range held[service] {
		ns := "postgres://" + service
		if strings.HasPrefix(h.table, "flowmart.") {
			ns = "kafka://default"
		}
		all = append(all, protocol.Dataset{ID: uuid.NewSHA1(uuid.NameSpaceURL, []byte(ns+h.table)), Namespace: ns, Name: h.table})
	}
	return all
}

// emptyKafka lends a cluster without FlowMart's topics and groups: their names
// are FlowMart's own, and a cluster that others use may have seen them before.
func emptyKafka(t *testing.T) []string {
	t.Helper()
	brokers := kafkatest.Brokers(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	topics, err := admin.ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old := slices.DeleteFunc(topics.Names(), func(topic string) bool { return !strings.HasPrefix(topic, "flowmart.") })
	if len(old) == 0 {
		return brokers
	}
	var groups []string
	for name := range held {
		groups = append(groups, name+"-service", name)
	}
	if _, err := admin.DeleteGroups(t.Context(), groups...); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.DeleteTopics(t.Context(), old...); err != nil {
		t.Fatal(err)
	}
	return brokers
}

// shop starts all of FlowMart on one Kafka and waits until everybody has read
// everything.
func shop(t *testing.T, l *lethe) map[string]*program {
	t.Helper()
	brokers := emptyKafka(t)
	registry := srfake.New(srfake.WithAuth("Bearer secret"))
	t.Cleanup(registry.Close)
	all := map[string]*program{}
	for _, name := range slices.Sorted(maps.Keys(held)) {
		all[name] = launch(t, l, name, "FLOWMART_KAFKA_BROKERS="+strings.Join(brokers, ","),
			"FLOWMART_REGISTRY_URL="+registry.URL(), "FLOWMART_REGISTRY_TOKEN=secret")
	}
	settled := func() bool {
		orders := all["orders"].rows()
		n := orders["public.orders"]
		for _, p := range all {
			if p.rows()["outbox"] != 0 {
				return false
			}
		}
		return orders["public.order_customers"] == 40 && all["payments"].rows()["public.invoices"] == n && all["shipping"].rows()["public.shipments"] == n &&
			all["notifications"].rows()["public.notifications"] == 3*n && all["marketing-exporter"].rows()["public.marketing_contacts"] == 40 &&
			all["reviews"].rows()["public.purchases"] == orders["public.order_items"]
	}
	for deadline := time.Now().Add(3 * time.Minute); !settled(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			for _, p := range all {
				t.Logf("%s %v %s", p.name, p.rows(), p.log)
			}
			t.Fatal("FlowMart did not settle")
		}
	}
	return all
}

// known picks the identifiers a service declared.
func known(service string, ids []protocol.Identifier) (own []protocol.Identifier) {
	for _, id := range ids {
		if slices.Contains(types[service], id.Type) {
			own = append(own, id)
		}
	}
	return own
}

func outcomesByName(r protocol.Result, service string) map[string]protocol.DatasetOutcome {
	out := map[string]protocol.DatasetOutcome{}
	for _, d := range datasetsOf(service) {
		for _, o := range r.Outcomes {
			if o.Dataset == d.ID {
				out[d.Name] = o
			}
		}
	}
	return out
}

func TestFlowMartForgetsOneAndHandsOverAnother(t *testing.T) {
	l := newLethe(t)
	all := shop(t, l)
	ask := func(p *program, action protocol.Action, ids []protocol.Identifier) protocol.Result {
		t.Helper()
		var sets []protocol.Dataset
		if action != protocol.Resolve {
			sets = datasetsOf(p.name)
		}
		task := l.task(action, ids, sets...)
		if len(sets) > 0 && action != protocol.Locate { // identifiers travel sealed, but for the counting
			sealed, err := protocol.SealIdentifiers(p.recipient, ids)
			if err != nil {
				t.Fatal(err)
			}
			task.Identifiers, task.Sealed = nil, sealed
		}
		if status, a := l.ask(p.url, p.name, task); status != http.StatusAccepted || len(a.Accepted) != 1 {
			t.Fatalf("%s %s: %d %+v %s", p.name, action, status, a, p.log)
		}
		r := l.final(task.Task)
		if err := r.CheckFor(action); err != nil || r.State != protocol.Done {
			t.Fatalf("%s %s: %+v %v", p.name, action, r, err)
		}
		return r
	}

	found := ask(all["customers"], protocol.Resolve, []protocol.Identifier{{Type: "customer_id", Value: "C-000003"}})
	ids := found.Resolved.Identifiers
	if found.Resolved.People != 1 || len(ids) != 3 {
		t.Fatalf("%+v", found)
	}
	if nobody := ask(all["customers"], protocol.Resolve, []protocol.Identifier{{Type: "email", Value: "nobody@example.org"}}); nobody.Resolved.People != 0 {
		t.Errorf("%+v", nobody)
	}
	total := map[string]int{}
	for name, p := range all {
		for table, n := range p.rows() {
			total[name+table] = n
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		located := outcomesByName(ask(all[name], protocol.Locate, known(name, ids)), name)
		erased := outcomesByName(ask(all[name], protocol.Erase, known(name, ids)), name)
		after := outcomesByName(ask(all[name], protocol.Probe, known(name, ids)), name)
		for _, h := range held[name] {
			was, did, is := located[h.table], erased[h.table], after[h.table]
			if was.Outcome == protocol.Absent && h.table == "public.reviews" || h.table == "flowmart.reviews.v1" && was.Outcome == protocol.Absent {
				continue // not everybody writes reviews
			}
			left := h.erased == "retained" || h.erased == "pending_expiry"
			if was.Outcome != protocol.Present || was.Count == 0 || string(did.Outcome) != h.erased || did.Count != was.Count || (is.Outcome == protocol.Present) != left {
				t.Errorf("%s %s: was %+v, did %+v, is %+v", name, h.table, was, did, is)
			}
			if h.erased == "erased" {
				if n := all[name].rows()[h.table]; n != total[name+h.table]-int(was.Count) {
					t.Errorf("%s %s: %d rows left of %d after %d were erased", name, h.table, n, total[name+h.table], was.Count)
				}
			}
		}
		if strings.Contains(all[name].log.String(), ids[1].Value) || strings.Contains(all[name].log.String(), ids[0].Value) {
			t.Errorf("%s wrote an identifier into its log", name)
		}
		if n := all[name].count(`SELECT count(*) FROM rights_task WHERE request IS NOT NULL OR result::text LIKE '%@%'`); n != 0 {
			t.Errorf("%s keeps identifiers of %d finished tasks", name, n)
		}
	}
	// Ten years from the end of the year: § 147 AO.
	years := all["payments"].count(`SELECT extract(year FROM max(issued_on))::int + 10 FROM invoices WHERE customer_id = 'C-000003'`)
	for _, r := range l.came {
		for _, o := range r.Outcomes {
			if o.Outcome == protocol.Retained && o.Until != protocol.Date(fmt.Sprintf("%d-12-31", years)) {
				t.Errorf("kept until %s", o.Until)
			}
		}
	}

	other := ask(all["customers"], protocol.Resolve, []protocol.Identifier{{Type: "customer_id", Value: "C-000004"}}).Resolved.Identifiers
	for _, name := range slices.Sorted(maps.Keys(all)) {
		r := ask(all[name], protocol.Export, known(name, other))
		for _, part := range r.Parts {
			content := l.part(r.Task, part.Dataset)
			if int64(len(content)) != part.Bytes || int64(strings.Count(content, "\n")) != part.Records {
				t.Errorf("%s: declared %+v, came %d bytes", name, part, len(content))
			}
			for line := range strings.Lines(content) {
				if !json.Valid([]byte(line)) {
					t.Errorf("%s: not JSON", name)
				}
			}
		}
		if len(r.Parts) == 0 {
			t.Errorf("%s handed nothing over", name)
		}
	}
	if errs := l.refused(); len(errs) != 0 {
		t.Error(errs)
	}
}

// Each way of being wrong must show in what the protocol lets Lethe see.
func TestFlowMartBreaksAsItSays(t *testing.T) {
	t.Parallel()
	who := []protocol.Identifier{{Type: "customer_id", Value: "C-000003"}}
	const rows = `SELECT count(*) FROM customers WHERE customer_id = 'C-000003'`
	erased := func(l *lethe, p *program) protocol.Task {
		task := l.task(protocol.Erase, who, datasetsOf("customers")[:2]...)
		if status, _ := l.ask(p.url, p.name, task); status != http.StatusAccepted {
			t.Errorf("%d", status)
		}
		return task
	}
	probed := func(l *lethe, p *program) protocol.Outcome {
		task := l.task(protocol.Probe, who, datasetsOf("customers")[1])
		l.ask(p.url, p.name, task)
		return l.final(task.Task).Outcomes[0].Outcome
	}
	checks := map[string]func(t *testing.T, l *lethe, p *program){
		"keeps-row": func(t *testing.T, l *lethe, p *program) {
			if said := l.final(erased(l, p).Task).Outcomes[0].Outcome; said != protocol.Erased || p.count(rows) != 1 || probed(l, p) != protocol.Present {
				t.Errorf("said %s, keeps %d", said, p.count(rows))
			}
		},
		"lies": func(t *testing.T, l *lethe, p *program) {
			if said := l.final(erased(l, p).Task).Outcomes[0].Outcome; said != protocol.Erased || p.count(rows) != 1 || probed(l, p) != protocol.Present {
				t.Errorf("said %s, keeps %d", said, p.count(rows))
			}
		},
		"leaks-log": func(t *testing.T, l *lethe, p *program) {
			task := l.task(protocol.Erase, who, datasetsOf("customers")[:2]...)
			body, err := protocol.Encode(protocol.Requests{Spec: protocol.Spec, Type: protocol.TypeRequests, Issuer: l.url, Audience: p.name, IssuedAt: time.Now().UTC(), Tasks: []protocol.Task{task}})
			if err != nil {
				t.Fatal(err)
			}
			resp, answer, err := l.send("POST", p.url+"/lethe/v1/tasks", uuid.NewString(), body)
			if err != nil || resp.StatusCode != http.StatusInternalServerError || !bytes.Contains(answer, []byte("@example.")) {
				t.Errorf("%v %v", resp, err)
			}
			// What a program logs before it answers comes through a pipe, and may
			// come after the answer.
			for deadline := time.Now().Add(time.Minute); !strings.Contains(p.log.String(), "@example."); time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("no address in the log: %s", p.log)
				}
			}
			if status, _ := l.ask(p.url, p.name, task); status != http.StatusAccepted {
				t.Errorf("%d", status)
			}
			<-l.taken
			if errs := l.refused(); len(errs) == 0 || !strings.Contains(errs[0].Error(), "does not belong here") {
				t.Errorf("%v", errs)
			}
		},
		"drops-result": func(t *testing.T, l *lethe, p *program) {
			task := erased(l, p)
			for deadline := time.Now().Add(time.Minute); p.count(rows) > 0 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			}
			if status, _ := l.poll(p.url, task.Task); p.count(rows) != 0 || status != http.StatusServiceUnavailable || len(l.results(task.Task)) != 0 {
				t.Errorf("status %d", status)
			}
		},
		"wrong-part": func(t *testing.T, l *lethe, p *program) {
			task := l.task(protocol.Export, who, datasetsOf("customers")[1])
			l.ask(p.url, p.name, task)
			r := l.final(task.Task)
			if content := l.part(task.Task, task.Datasets[0].ID); len(content) == 0 || int64(len(content)) == r.Parts[0].Bytes {
				t.Errorf("%+v", r)
			}
		},
	}
	for mode, check := range checks {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			l := newLethe(t)
			check(t, l, launch(t, l, "customers", "FLOWMART_BREAK="+mode))
		})
	}
}

// A service killed at any moment does each task once (dsr.md §11 no. 7, seen
// from the service's side).
func TestFlowMartIsKilledAndForgetsNothing(t *testing.T) {
	t.Parallel()
	l := newLethe(t)
	p := launch(t, l, "customers", "FLOWMART_THINK=20ms")
	var tasks []protocol.Task
	for n := 1; n <= 30; n++ {
		tasks = append(tasks, l.task(protocol.Erase, []protocol.Identifier{{Type: "customer_id", Value: fmt.Sprintf("C-%06d", n)}}, datasetsOf("customers")[:2]...))
	}
	for round := range 3 {
		if status, _ := l.ask(p.url, p.name, tasks...); status != http.StatusAccepted {
			t.Fatalf("%d %s", status, p.log)
		}
		time.Sleep(time.Duration(15+10*round) * time.Millisecond)
		p.kill()
		p.start()
	}
	l.ask(p.url, p.name, tasks...)
	for _, task := range tasks {
		l.final(task.Task)
	}
	if n, distinct := p.count(`SELECT count(*) FROM rights_effect`), p.count(`SELECT count(DISTINCT task) FROM rights_effect`); n != 30 || distinct != 30 {
		t.Errorf("%d effects of %d tasks", n, distinct)
	}
	if left := p.count(`SELECT count(*) FROM customers`); left != 10 {
		t.Errorf("%d customers left", left)
	}
}

func TestFlowMartRefusesWhatItMust(t *testing.T) {
	t.Parallel()
	l := newLethe(t)
	p := launch(t, l, "customers", "FLOWMART_THINK=500ms")
	who := []protocol.Identifier{{Type: "customer_id", Value: "C-000003"}}
	sets := datasetsOf("customers")[:2]

	forger := newLethe(t)
	forger.url = l.url
	if status, _ := forger.ask(p.url, p.name, l.task(protocol.Erase, who, sets...)); status != http.StatusUnauthorized {
		t.Errorf("forged: %d", status)
	}
	if status, _ := l.ask(p.url, "orders", l.task(protocol.Erase, who, sets...)); status != http.StatusUnauthorized {
		t.Errorf("other audience: %d", status)
	}
	elsewhere := l.task(protocol.Erase, who, sets...)
	elsewhere.ReplyTo = "https://evil.example/results"
	for name, c := range map[string]struct {
		task protocol.Task
		code protocol.Code
	}{
		"unknown dataset":    {l.task(protocol.Erase, who, datasetsOf("orders")[0]), protocol.UnknownDataset},
		"unknown identifier": {l.task(protocol.Erase, []protocol.Identifier{{Type: "loyalty_no", Value: "1"}}, sets...), protocol.UnsupportedIdentifier},
		"restriction":        {l.task(protocol.Restrict, who, sets...), protocol.UnsupportedAction},
		"reply elsewhere":    {elsewhere, protocol.InternalError},
	} {
		if _, a := l.ask(p.url, p.name, c.task); len(a.Rejected) != 1 || a.Rejected[0].Code != c.code {
			t.Errorf("%s: %+v", name, a)
		}
	}
	expired := l.task(protocol.Erase, who, sets...)
	expired.ExpiresAt = time.Now().Add(-time.Minute).UTC()
	l.ask(p.url, p.name, expired)
	if r := l.final(expired.Task); r.State != protocol.Refused || r.Code != protocol.TaskExpired {
		t.Errorf("%+v", r)
	}
	conflict := expired
	conflict.PlanDigest = strings.Repeat("cd", 32)
	if _, a := l.ask(p.url, p.name, conflict); len(a.Rejected) != 1 || a.Rejected[0].Code != protocol.TaskConflict {
		t.Errorf("%+v", a)
	}
	probe := l.task(protocol.Probe, who, sets...)
	l.ask(p.url, p.name, probe)
	_, alive := l.poll(p.url, probe.Task)
	if r := l.final(probe.Task); alive.State != protocol.Working || r.Seq <= alive.Seq {
		t.Errorf("polled %+v, then %+v", alive, r)
	}
	flowmartCancels(t, l, p, who, sets)
	if n := p.count(`SELECT count(*) FROM customers`); n != 40 {
		t.Errorf("%d customers left", n)
	}
}

func flowmartCancels(t *testing.T, l *lethe, p *program, who []protocol.Identifier, sets []protocol.Dataset) {
	t.Helper()
	cancel := func(task uuid.UUID) protocol.Code {
		c := l.task(protocol.Cancel, nil)
		c.Cancels = task
		l.ask(p.url, p.name, c)
		return l.final(c.Task).Code
	}
	late := l.task(protocol.Erase, who, sets...)
	if code := cancel(late.Task); code != protocol.UnknownTask {
		t.Errorf("unseen: %s", code)
	}
	l.ask(p.url, p.name, late)
	if r := l.final(late.Task); r.State != protocol.Refused || r.Code != protocol.Cancelled {
		t.Errorf("came after its cancellation: %+v", r)
	}
	locate := l.task(protocol.Locate, who, sets...)
	l.ask(p.url, p.name, locate)
	l.final(locate.Task)
	if code := cancel(locate.Task); code != protocol.TooLate {
		t.Errorf("done: %s", code)
	}
}
