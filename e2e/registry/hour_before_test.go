//go:build chaos

package registry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	toxics "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/flowmart/lethe/internal/devstack"
)

// beforeTheOutage fills a registry, and asks every replica everything as every
// caller.
func beforeTheOutage(t *testing.T, life time.Duration) *outage {
	t.Helper()
	s := installed(t, replicas, devstack.IssuerOptions{Lifetime: life, Machines: []devstack.Machine{{ID: "orders-producer", Secret: "s", Role: "service", Service: "orders"}}})
	o := &outage{t: t, s: s, life: life, tokens: map[string]signed{}}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	key, other := o.elsewhere(ctx)
	o.proxied()
	s.serveAll(ctx)
	bearer := func(as string) func() string { return func() string { return "Bearer " + o.token(as) } }
	basic := func(password func() string) func() string {
		return func() string {
			r := http.Request{Header: http.Header{}}
			r.SetBasicAuth("token", password())
			return r.Header.Get("Authorization")
		}
	}
	o.callers = []caller{
		{"an admin's token", bearer("admin"), true}, {"a viewer's token", bearer("viewer"), false}, {"a producer's token", bearer("service:orders"), true},
		{"a token as password", basic(func() string { return o.token("service:orders") }), true},
		{"an API key", func() string { return "Bearer " + key }, true}, {"an API key as password", basic(func() string { return key }), true},
	}
	o.strangers = []caller{{"a token that comes for the first time", bearer("nshah"), false}, {"an API key that comes for the first time", basic(func() string { return other }), true}}
	o.fill()
	for i, q := range o.questions {
		for replica := range replicas {
			for _, c := range o.callers {
				if !c.registers && strings.HasSuffix(q.path, "/versions") && q.method == "POST" {
					continue
				}
				a, err := s.ask(replica, c.header(), q.method, q.path, q.body)
				s.must(err)
				if len(o.known) == i {
					o.known = append(o.known, a)
				}
				if !a.is(o.known[i]) || a.status >= 500 {
					t.Fatalf("before: %s of replica %d for %s: %d %s; another said %d %s", q, replica, c.name, a.status, a.text, o.known[i].status, o.known[i].text)
				}
			}
		}
	}
	return o
}

// elsewhere makes two API keys, as an operator does, at a server that serves
// everything, and somebody signs in there.
func (o *outage) elsewhere(ctx context.Context) (key, other string) {
	o.t.Helper()
	s := o.s
	p, err := s.lethe.Serve(ctx, s.listen[0], s.ops[0], s.file("all.log"), "LETHE_ONLY=registry,intake,requests,web")
	s.must(err)
	defer p.Stop()
	const catalog = `lethe: catalog/1
controllers:
  - {ref: flowmart-de, name: FlowMart GmbH, country: DE, time_zone: Europe/Berlin}
services:
  - {ref: orders, name: Orders, controller: flowmart-de}
`
	operator := s.lethe
	operator.Env = append(operator.Env, "LETHE_TOKEN="+s.token("admin"))
	_, err = operator.Run(ctx, []byte(catalog), "catalog", "import", "-")
	s.must(err)
	for _, into := range []*string{&key, &other} {
		out, err := operator.Run(ctx, nil, "apikey", "create", "--service", "orders", "--label", "producers")
		s.must(err)
		*into = strings.Fields(out)[0]
	}
	a, err := s.ask(0, "Bearer "+o.token("nshah"), "GET", "/subjects", nil)
	s.must(err)
	if a.status != http.StatusOK {
		o.t.Fatalf("signing in elsewhere: %d %s", a.status, a.text)
	}
	return key, other
}

// proxied puts a proxy between the replicas and their databases.
func (o *outage) proxied() {
	o.t.Helper()
	for _, db := range []*string{&o.s.lethe.Database, &o.s.lethe.Keystore} {
		at, err := url.Parse(*db)
		o.s.must(err)
		if o.proxy == nil {
			all := &toxics.ApiServer{Collection: toxics.NewProxyCollection(), Metrics: toxics.NewMetricsContainer(prometheus.NewRegistry())}
			all.Logger = silent(all.Logger)
			o.proxy = toxics.NewProxy(all, "postgres", "127.0.0.1:0", at.Host)
			o.s.must(o.proxy.Start())
			o.t.Cleanup(o.proxy.Stop)
		}
		at.Host = o.proxy.Listen
		*db = at.String()
	}
}

// silent is the zero of the library's logger, which says nothing.
func silent[T any](*T) *T { return new(T) }

// fill registers and sets something of everything, and notes what is asked of
// it.
func (o *outage) fill() {
	o.t.Helper()
	do := func(method, path string, body any) answer {
		o.t.Helper()
		a, err := o.s.ask(rand.IntN(replicas), "Bearer "+o.token("admin"), method, path, body)
		o.s.must(err)
		if a.status != http.StatusOK {
			o.t.Fatalf("%s %s: %d %s", method, path, a.status, a.text)
		}
		return a
	}
	register := func(subject string, body map[string]any) any {
		o.t.Helper()
		return do("POST", "/subjects/"+url.PathEscape(subject)+"/versions", body).body["id"]
	}
	ask := func(method, path string, body any) {
		o.questions = append(o.questions, question{method: method, path: path, body: body})
	}
	read := func(format string, args ...any) { ask("GET", fmt.Sprintf(format, args...), nil) }
	moving := func(format string, args ...any) {
		o.questions = append(o.questions, question{method: "GET", path: fmt.Sprintf(format, args...), moves: true})
	}
	deep := func(subject string, id any, versions int) {
		at := "/subjects/" + url.PathEscape(subject)
		read("%s/versions", at)
		read("%s/versions?deleted=true", at)
		read("%s/versions?deletedAsNegative=true", at)
		read("%s/versions/latest", at)
		read("%s/versions/latest/schema", at)
		for v := range versions {
			read("%s/versions/%d?deleted=true", at, v+1)
			read("%s/versions/%d/referencedby", at, v+1)
		}
		read("/schemas/ids/%v?subject=%s", id, url.QueryEscape(subject))
		read("/schemas/ids/%v/schema?subject=%s", id, url.QueryEscape(subject))
		read("/schemas/ids/%v/subjects?subject=%s", id, url.QueryEscape(subject))
		read("/schemas/ids/%v/versions?subject=%s&deleted=true", id, url.QueryEscape(subject))
		read("/config/%s?defaultToGlobal=true", url.PathEscape(subject))
		read("/mode/%s?defaultToGlobal=true", url.PathEscape(subject))
	}

	// Levels, everywhere one can be set.
	for path, level := range map[string]string{"/config": "BACKWARD", "/config/:.bank:": "NONE", "/config/s1-value": "FULL", "/config/:.bank:s0-value": "FORWARD"} {
		do("PUT", path, map[string]any{"compatibility": level})
	}
	do("PUT", "/config/other-name", map[string]any{"alias": "s0-value"})
	do("PUT", "/config/s2-value", map[string]any{"normalize": true, "defaultMetadata": map[string]any{"properties": map[string]string{"owner": "orders"}}})

	for i := range 8 {
		for _, context := range []string{"", ":.bank:"} {
			subject := fmt.Sprintf("%ss%d-value", context, i)
			body := func(v int) map[string]any {
				return map[string]any{"schema": schema(10*i + v), "metadata": map[string]any{"properties": map[string]string{"major": fmt.Sprint(v)}}}
			}
			var id any
			for v := range 3 {
				id = register(subject, body(v))
			}
			deep(subject, id, 3)
			at := url.PathEscape(subject)
			read("/subjects/%s/metadata?key=major&value=1", at)
			ask("POST", "/subjects/"+at, body(1))
			ask("POST", "/subjects/"+at+"/versions", body(2))
			ask("POST", "/compatibility/subjects/"+at+"/versions/latest?verbose=true", submission(schema(10*i+7)))
			ask("POST", "/compatibility/subjects/"+at+"/versions", submission(`"string"`))
		}
	}
	// References, two deep, in each type; subjects of a context refer home.
	money := `{"type":"record","name":"Money","namespace":"shop","fields":[{"name":"cents","type":"long"}]}`
	line := `{"type":"record","name":"Line","namespace":"shop","fields":[{"name":"price","type":"shop.Money"}]}`
	bill := `{"type":"record","name":"Bill","namespace":"shop","fields":[{"name":"lines","type":{"type":"array","items":"shop.Line"}}]}`
	refers := func(kind, text, name, subject string) map[string]any {
		return map[string]any{"schemaType": kind, "schema": text, "references": []map[string]any{{"name": name, "subject": subject, "version": 1}}}
	}
	for _, one := range []struct {
		subject string
		body    map[string]any
	}{
		{"money", submission(money)}, {"line", refers("AVRO", line, "shop.Money", "money")}, {"bill", refers("AVRO", bill, "shop.Line", "line")},
		{":.bank:bill", refers("AVRO", bill, "shop.Line", ":.:line")},
		{"money-json", map[string]any{"schemaType": "JSON", "schema": `{"type":"integer"}`}},
		{"bill-json", refers("JSON", `{"type":"object","properties":{"price":{"$ref":"money.json"}}}`, "money.json", "money-json")},
		{"money-proto", map[string]any{"schemaType": "PROTOBUF", "schema": "syntax = \"proto3\";\npackage shop;\nmessage Money { int64 cents = 1; }"}},
		{"bill-proto", refers("PROTOBUF", "syntax = \"proto3\";\npackage shop;\nimport \"money.proto\";\nmessage Bill { Money price = 1; }", "money.proto", "money-proto")},
	} {
		id := register(one.subject, one.body)
		deep(one.subject, id, 1)
		at := url.PathEscape(one.subject)
		read("/subjects/%s/versions/1?format=resolved", at)
		read("/subjects/%s/versions/1?format=serialized&referenceFormat=qualified", at)
		ask("POST", "/subjects/"+at, one.body)
		ask("POST", "/subjects/"+at+"/versions", one.body)
		ask("POST", "/compatibility/subjects/"+at+"/versions/latest", one.body)
	}
	// Deleted: a version and a subject softly, and one for good.
	for _, subject := range []string{"gone-soft", "gone-part", "gone-good"} {
		id := register(subject, submission(schema(900)))
		register(subject, submission(schema(901)))
		read("/schemas/ids/%v", id)
	}
	do("DELETE", "/subjects/gone-soft", nil)
	do("DELETE", "/subjects/gone-part/versions/1", nil)
	for _, permanent := range []string{"", "?permanent=true"} {
		do("DELETE", "/subjects/gone-good"+permanent, nil)
	}
	deep("gone-part", 1, 2)
	read("/subjects/gone-soft/versions?deleted=true")
	read("/subjects/gone-soft/versions/1?deleted=true")
	read("/subjects/other-name/versions/latest")
	read("/subjects/other-name/versions")
	do("PUT", "/mode/s7-value", map[string]any{"mode": "READONLY"})
	do("PUT", "/mode/:.bank:", map[string]any{"mode": "READONLY"})

	for _, path := range []string{
		"/config", "/config/:.bank:", "/config/s1-value", "/config/s2-value", "/config/s3-value", "/mode", "/mode/:.bank:", "/mode/s7-value", "/mode/s7-value?defaultToGlobal=true",
		"/config/:.__GLOBAL:", "/mode/:.__GLOBAL:",
		"/schemas/types", "/contexts", "/subjects", "/subjects?deleted=true", "/subjects?deletedOnly=true", "/subjects?subjectPrefix=bill", "/subjects?offset=3&limit=4", "/contexts/bank/subjects",
		"/subjects?subjectPrefix=:*:s1", "/schemas?subjectPrefix=bill&latestOnly=true", "/v1/metadata/id", "/",
	} {
		read("%s", path)
	}
	moving("/schemas?latestOnly=true")
	moving("/schemas?deleted=true&limit=20&offset=5")
	moving("/subjects/writes-value/versions")
	moving("/subjects/writes-value/versions/latest")
	register("writes-value", submission(schema(5000)))
	a := do("GET", "/subjects/bill/versions/1", nil)
	read("/schemas/guids/%v", a.body["guid"])
	read("/schemas/guids/%v/ids", a.body["guid"])
}

// refusals are what would change something, or asks for what is not known.
var refusals = []question{
	{method: "POST", path: "/subjects/writes-value/versions", body: submission(schema(999_999))},
	{method: "POST", path: "/subjects/new-value/versions", body: submission(schema(5000))},
	{method: "PUT", path: "/config", body: map[string]string{"compatibility": "NONE"}},
	{method: "PUT", path: "/config/s3-value", body: map[string]string{"compatibility": "NONE"}},
	{method: "PUT", path: "/mode/s3-value", body: map[string]string{"mode": "READONLY"}},
	{method: "DELETE", path: "/config/s1-value"}, {method: "DELETE", path: "/mode/s7-value"},
	{method: "DELETE", path: "/subjects/s3-value"}, {method: "DELETE", path: "/subjects/s3-value/versions/1"}, {method: "DELETE", path: "/contexts/none"},
	{method: "GET", path: "/subjects/unknown-value/versions/latest"}, {method: "GET", path: "/subjects/unknown-value/versions"}, {method: "GET", path: "/config/unknown-value?defaultToGlobal=true"}, {method: "GET", path: "/subjects/s3-value/versions/7"},
	{method: "GET", path: "/schemas/ids/1000000"}, {method: "GET", path: "/schemas/ids/1000000/versions"}, {method: "GET", path: "/schemas/guids/00000000-0000-0000-0000-000000000000"},
	{method: "POST", path: "/subjects/s3-value", body: submission(schema(999_998))},
}
