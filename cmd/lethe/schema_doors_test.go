package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/schemas/report"
)

// doorsCatalog is a catalog in which topics lack nothing: what is found is found
// in the schemas.
const doorsCatalog = `lethe: catalog/1
controllers:
  - {ref: flowmart-de, name: FlowMart GmbH, country: DE, time_zone: Europe/Berlin}
teams:
  - {ref: shop, name: Shop, active: true}
retention_policies:
  - {ref: month, name: A month, duration: P30D, trigger: CREATION, action: DELETE}
purposes:
  - {ref: delivery, name: Delivery, use: essential.service, legal_basis: CONTRACT}
services:
  - {ref: orders, name: Orders, owner: shop, controller: flowmart-de}
stores:
  - ref: kafka
    name: Kafka
    service: orders
    technology: KAFKA
    access_mode: READ_WRITE
    datasets:
`

// doorsTopic is one of its topics.
const doorsTopic = "      - {namespace: 'kafka://default', name: %s, kind: TOPIC, erase_by: EXPIRE, retention: month, permits: [delivery]}\n"

// atDoor is a schema that is asked about at each door.
type atDoor struct {
	name, topic, part, kind, text string
	verdict                       string
	want                          []string // code, place and path of each finding
	pattern                       string   // that the schema's own metadata tag
}

func (s atDoor) subject() string { return s.topic + "-" + s.part }

// One verdict, whoever asks: GraphQL, REST and the command line say the same
// about codes, places, tags and differences, and a registration does what they
// said, under ENFORCE. What is expected is by hand, from the rules of the gate
// (catalog.md §13) and of each type of schema.
func TestOneVerdictAtEveryDoor(t *testing.T) {
	t.Parallel()
	const person = `"id","type":"string","tags":["user.unique_id"]`
	avro := func(fields string) string {
		return "{\"type\":\"record\",\"name\":\"Order\",\"namespace\":\"shop\",\"fields\":[\n{\"name\":" + person + "},\n" + fields + "]}"
	}
	object := func(properties string) string {
		return "{\"title\":\"Order\",\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\n\"id\":{\"type\":\"string\",\"tags\":[\"user.unique_id\"]},\n" + properties + "}}"
	}
	proto := func(fields string) string {
		return "syntax = \"proto3\"; package shop; import \"confluent/meta.proto\";\nmessage Order {\n string id = 1 [(confluent.field_meta).tags = \"user.unique_id\"];\n" + fields + "}\n"
	}
	all := []atDoor{
		{"avro, all is said", "a1", "value", "AVRO", avro(`{"name":"email","type":"string","confluent:tags":["user.contact.email"]}`), "PASS", nil, ""},
		{"avro, an e-mail that nobody classified", "a2", "value", "AVRO", avro(`  {"name":"email","type":"string"}`), "FAIL", []string{"CG010 3:3 email"}, ""},
		{"avro, a tag with a slip", "a3", "value", "AVRO", avro(`{"name":"note","type":"string","tags":"user.free_txt"}`), "FAIL", []string{"CG012 3:1 note", "CG015 3:1 note"}, ""},
		{"avro, by a pattern", "patterns.a4", "value", "AVRO", avro(`{"name":"email","type":"string"}`), "PASS", nil, ""},
		{"avro, free text beside a person", "a5", "value", "AVRO", avro(`{"name":"note","type":"string"}`), "WARN", []string{"CG015 3:1 note"}, ""},
		{"avro, a person in the key", "a6", "key", "AVRO", avro(`{"name":"shard","type":"int"}`), "FAIL", []string{"CG030 2:1 #key.id"}, ""},
		{"avro, no JSON", "a7", "value", "AVRO", "{\n  \"type\": }", "FAIL", []string{"CG001 2:11 "}, ""},
		{"avro, that may not follow", "before", "value", "AVRO", avro(`{"name":"total","type":"long"}`), "FAIL", []string{"CG002 3:1 total"}, ""},
		{"avro, that takes a tag away", "tagged", "value", "AVRO", avro(`{"name":"x","type":"string"}`), "FAIL", []string{"CG016 3:1 x"}, ""},
		{"json, all is said", "j1", "value", "JSON", object(`"buyer":{"type":"object","properties":{"email":{"type":"string","tags":["user.contact.email"]}}}`), "PASS", nil, ""},
		{"json, a phone inside of another", "j2", "value", "JSON", object("\"buyer\":{\"type\":\"object\",\"properties\":{\n\"phone\":{\"type\":\"string\"}}}"), "FAIL", []string{"CG010 4:9 buyer.phone"}, ""},
		{"json, by a pattern", "patterns.j3", "value", "JSON", object(`"buyer":{"type":"object","properties":{"email":{"type":"string"}}}`), "PASS", nil, ""},
		{"json, a type that is none", "j4", "value", "JSON", object(`"sku":{"type":"strin"}`), "FAIL", []string{"CG001 3:15 "}, ""},
		{"protobuf, all is said", "p1", "value", "PROTOBUF", proto(" string email = 2 [(confluent.field_meta).tags = \"user.contact.email\"];\n"), "PASS", nil, ""},
		{"protobuf, a phone in a list", "p2", "value", "PROTOBUF", proto(" repeated string phone_numbers = 2;\n"), "FAIL", []string{"CG010 4:2 phone_numbers[]"}, ""},
		{"protobuf, by a pattern", "patterns.p3", "value", "PROTOBUF", proto(" string email = 2;\n"), "PASS", nil, ""},
		{"protobuf, raw bytes beside a person", "p4", "value", "PROTOBUF", proto(" bytes blob = 2;\n"), "WARN", []string{"CG014 4:2 blob"}, ""},
		{"avro, by its own pattern", "own1", "value", "AVRO", avro(`{"name":"email","type":"string"}`), "PASS", nil, "shop.*.email"},
		{"json, by its own pattern of nothing", "own2", "value", "JSON", object(`"sku":{"type":"string"}`), "WARN", []string{"CG017 1:1 "}, "sku"},
		{"protobuf, by its own pattern", "own3", "value", "PROTOBUF", proto(" string email = 2;\n"), "PASS", nil, "**.email"},
	}
	d := newDesk(t)
	catalog := doorsCatalog
	for _, s := range all {
		catalog += fmt.Sprintf(doorsTopic, s.topic)
	}
	if r := d.as(t, access.Admin, "catalog", "import", d.write(t, "catalog.yaml", catalog)); r.code != exitOK {
		t.Fatalf("%s%s", r.out, r.err)
	}
	for subject, text := range map[string]string{"before-value": avro(`{"name":"email","type":"string","tags":"user.contact.email"}`), "tagged-value": avro(`{"name":"x","type":"string","tags":"user.name"}`)} {
		d.call(t, "POST", "/registry/subjects/"+subject+"/versions", encoded(t, map[string]any{"schema": text}))
	}
	d.call(t, "PUT", "/registry/config", `{"gate":"ENFORCE"}`)
	for _, s := range all {
		if strings.HasPrefix(s.topic, "patterns.") {
			d.call(t, "PUT", "/registry/config/"+s.subject(), `{"defaultMetadata":{"tags":{"**.email":["user.contact.email"]}}}`)
		}
	}
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			a := d.throughREST(t, s)
			if a.Policy != "ENFORCE" {
				t.Errorf("it was judged by %s", a.Policy)
			}
			var got []string
			for _, f := range a.Findings {
				got = append(got, fmt.Sprintf("%s %d:%d %s", f.Code, f.Line, f.Column, f.Path))
			}
			if string(a.Verdict) != s.verdict || !slices.Equal(got, s.want) {
				t.Errorf("REST says %s %q, want %s %q", a.Verdict, got, s.verdict, s.want)
			}
			judged := a
			judged.Metadata, judged.RuleSet = nil, nil // what would be kept beside the text GraphQL does not tell
			if other := d.throughGraphQL(t, s); !reflect.DeepEqual(other, judged) {
				t.Errorf("GraphQL says\n%+v\nREST\n%+v", other, judged)
			}
			if other := d.throughCommand(t, s); !reflect.DeepEqual(other, a) {
				t.Errorf("the command line says\n%+v\nREST\n%+v", other, a)
			}
			d.registers(t, s, a)
		})
	}
}

// metadata is what the schema brings beside its text, in the words of REST.
func (s atDoor) metadata() map[string]any {
	if s.pattern == "" {
		return map[string]any{}
	}
	return map[string]any{"metadata": map[string]any{"tags": map[string]any{s.pattern: []string{"user.contact.email"}}}}
}

// with adds members to an object.
func with(object map[string]any, more map[string]any) map[string]any {
	maps.Copy(object, more)
	return object
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// told is an answer without what one door alone tells.
func told(c report.Checked) report.Checked {
	c.File, c.Set, c.Owners, c.ID, c.Metadata, c.RuleSet = "", "", nil, 0, nil, nil
	for i := range c.Findings {
		c.Findings[i].Rule = ""
	}
	if len(c.Needs) == 0 {
		c.Needs = nil
	}
	return c
}

func (d *desk) throughREST(t *testing.T, s atDoor) report.Checked {
	t.Helper()
	body := encoded(t, map[string]any{"schemas": []any{with(map[string]any{"subject": s.subject(), "schemaType": s.kind, "schema": s.text}, s.metadata())}})
	resp := d.Do(t, "POST", "/api/v1/schemas/check", d.Token(access.Viewer), strings.NewReader(body))
	defer resp.Body.Close()
	var a report.Answer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || len(a.Schemas) != 1 || a.Verdict != a.Schemas[0].Verdict {
		t.Fatalf("%s %v %+v", resp.Status, err, a)
	}
	return told(a.Schemas[0])
}

func (d *desk) throughCommand(t *testing.T, s atDoor) report.Checked {
	t.Helper()
	file := d.write(t, s.topic+"/schema.txt", s.text)
	line := []string{"schema", "check", file, "--subject", s.subject(), "--type", s.kind, "--output", "json"}
	if s.pattern != "" {
		entry := with(map[string]any{"files": "schema.txt", "subject": s.subject(), "type": s.kind}, s.metadata())
		line = []string{"schema", "check", "--manifest", d.write(t, s.topic+"/lethe.yaml", encoded(t, map[string]any{"schemas": []any{entry}})), "--output", "json"}
	}
	r := d.as(t, access.Viewer, line...)
	var a report.Answer
	if err := json.Unmarshal([]byte(r.out), &a); err != nil || len(a.Schemas) != 1 || (r.code == exitNo) != (a.Verdict == "FAIL") {
		t.Fatalf("%d %v\n%s%s", r.code, err, r.out, r.err)
	}
	return told(a.Schemas[0])
}

func (d *desk) throughGraphQL(t *testing.T, s atDoor) report.Checked {
	t.Helper()
	const query = `query($in: CheckSchemaInput!) { checkSchema(input: $in) { subject verdict policy compatibility version registered
		findings { code severity path line column message mend category baseline approved } tags { path category source from } difference: personalData { kind path from category guessed } fingerprint needs { service owner why approved } } }`
	var out struct{ CheckSchema report.Checked }
	in := map[string]any{"subject": s.subject(), "schemaType": s.kind, "schema": s.text}
	if s.pattern != "" {
		in["metadata"] = map[string]any{"tags": []any{map[string]any{"pattern": s.pattern, "tags": []string{"user.contact.email"}}}}
	}
	d.Query(t, access.Viewer, query, map[string]any{"in": in}, &out)
	return told(out.CheckSchema)
}

// registers hands the schema in and checks that what was said comes true: it is
// refused with the fields and the codes of the errors, and nothing is kept; or it
// is kept, and the catalog says what the check said that it would.
func (d *desk) registers(t *testing.T, s atDoor, a report.Checked) {
	t.Helper()
	resp := d.Do(t, "POST", "/registry/subjects/"+s.subject()+"/versions", d.Token(access.Admin), strings.NewReader(encoded(t, with(map[string]any{"schemaType": s.kind, "schema": s.text}, s.metadata()))))
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var refused struct {
		Code    int `json:"error_code"`
		Message string
	}
	if err := json.Unmarshal(answer, &refused); err != nil {
		t.Fatal(err)
	}
	if after := d.throughREST(t, s); after.Known != (a.Verdict != "FAIL") {
		t.Errorf("registered: %t, after the verdict %s", after.Known, a.Verdict)
	}
	if a.Verdict != "FAIL" {
		if resp.StatusCode != 200 {
			t.Errorf("the verdict was %s, and it is refused: %s", a.Verdict, answer)
		}
		if got := d.asserted(t, s.topic); !slices.Equal(got, said(a)) {
			t.Errorf("the catalog says %q, and the check %q", got, said(a))
		}
		return
	}
	want := 42250
	for _, f := range a.Findings {
		switch {
		case f.Code == "CG001":
			want = 42201
		case f.Code == "CG002":
			want = 409
		case f.Severity == "ERROR" && want == 42250 && !strings.Contains(refused.Message, fmt.Sprintf("%s: %s (%s): %s", f.Path, f.Message, f.Code, f.Mend)):
			t.Errorf("%s of %s is not in the refusal: %s", f.Code, f.Path, refused.Message)
		}
	}
	if refused.Code != want {
		t.Errorf("refused with %d, want %d: %s", refused.Code, want, answer)
	}
	if got := d.asserted(t, s.topic); a.Version == 1 && len(got) > 0 {
		t.Errorf("it was refused, and the catalog says %q", got)
	}
}

// said lists the tags that a schema itself would have.
func said(a report.Checked) (out []string) {
	for _, tag := range a.Tags {
		if tag.Source == "INLINE" {
			out = append(out, tag.Path+" "+tag.Category)
		}
	}
	slices.Sort(out)
	return out
}

// asserted lists what schemas say of a topic's fields in the catalog.
func (d *desk) asserted(t *testing.T, topic string) (out []string) {
	t.Helper()
	var found struct {
		Dataset struct {
			Tags []struct {
				Source, State, Reason string
				Field                 struct{ Path string }
				Term                  struct{ Key string }
			}
		}
	}
	d.Query(t, access.Viewer, `query($name: String!) { dataset(namespace: "kafka://default", name: $name) { tags { source state reason field { path } term { key } } } }`, map[string]any{"name": topic}, &found)
	for _, tag := range found.Dataset.Tags {
		if tag.Source == "SCHEMA" && tag.State == "CONFIRMED" {
			out = append(out, strings.TrimSpace(tag.Field.Path+" "+tag.Term.Key+" "+tag.Reason))
		}
	}
	slices.Sort(out)
	return out
}
