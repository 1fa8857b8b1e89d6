package yaml_test

import (
	"strings"
	"testing"

	"github.com/flowmart/lethe/catalog/yaml"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
)

const head = "lethe: catalog/1\n"

// parse returns what is told of a file, line by line.
func parse(file string) string {
	_, err := yaml.Parse("f", []byte(file), ports)
	return strings.Join(yaml.Lines(err), "\n")
}

// Every mistake a file can hold by itself, with its place.
func TestMistakesInAFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ file, want string }{
		{"", "f:1:1: EMPTY"},
		{"# only a comment\n", "f:1:1: EMPTY"},
		{"controllers: []\n", "f:1:1: UNKNOWN_FORMAT"},
		{"lethe: catalog/2\n", "f:1:1: UNKNOWN_FORMAT"},
		{"- a\n- b\n", "f:1:1: NOT_A_MAPPING"},
		{"just text", "f:1:1: NOT_A_MAPPING"},
		{head + "servces: []\n", `f:2:1: UNKNOWN_KEY: a catalog file has no key "servces"; did you mean "services"?`},
		{head + "teams: []\nteams: []\n", "f:3:1: "},
		{head + "teams: a\n", "f:2:8: NOT_A_LIST"},
		{head + "teams:\n  - a\n", "f:3:5: NOT_A_MAPPING"},
		{head + "teams:\n  - ref: a\n", `f:3:5: REQUIRED: "name" is missing or empty`},
		{head + "teams:\n  - {ref: a, name: [x]}\n", "f:3:20: NOT_TEXT"},
		{head + "teams:\n  - {ref: a, name: A, active: maybe}\n", "f:3:31: NOT_TRUE_OR_FALSE"},
		{head + "controllers:\n  - {ref: a, name: A, country: NO, time_zone: Europe/Oslo, daily_ceiling: many}\n", "f:3:75: NOT_A_NUMBER"},
		{head + "controllers:\n  - {ref: a, name: A, country: NO, time_zone: Europe/Oslo, daily_ceiling: -1}\n", "f:3:75: OUT_OF_RANGE"},
		{head + "services:\n  - {ref: a, name: A}\n", "f:3:6: REQUIRED: a service needs the controller"},
		{head + "services:\n  - {ref: a, name: A, controller: c, endpoint: '${NOPE}'}\n", "f:3:48: VARIABLE_NOT_SET: the variable NOPE has no value"},
		{head + "services:\n  - {ref: a, name: A, controller: c, allowed_networks: [10.0.0.0]}\n", "f:3:57: BAD_NETWORK"},
		{head + "services:\n  - {ref: a, name: A, controller: c, rate_per_second: .inf}\n", "f:3:55: NOT_A_NUMBER"},
		{head + "services:\n  - {ref: a, name: A, controller: c, identifier_types: [a, a]}\n", "f:3:60: TWICE"},
		{head + "purposes:\n  - {ref: a, name: A, use: essential.servise, legal_basis: CONTRACT}\n", `f:3:23: UNKNOWN_TERM: the vocabulary has no such term; did you mean "essential.service"?`},
		{head + "purposes:\n  - {ref: a, name: A, use: user.name, legal_basis: CONTRACT}\n", "f:3:23: TERM_DOES_NOT_APPLY"},
		{head + "stores:\n  - {ref: a, name: A, technology: S3, backup: {evidence_on: yesterday}}\n", "f:3:61: NOT_A_DAY"},
		{head + "stores:\n  - {ref: a, name: A, technology: S3, backup: {days: 3}}\n", `f:3:48: UNKNOWN_KEY: a backup has no key "days"`},
		{head + "stores:\n  - {ref: a, name: A, technology: S3, readers: [{reason: x}]}\n", "f:3:50: REQUIRED: a reader is a service"},
		{head + "datasets:\n  - {namespace: a, name: b, kind: TABLE, fields: [{path: a..b}]}\n", "f:3:58: BAD_FIELD_PATH"},
		{head + "datasets:\n  - {namespace: a, name: b, kind: TABLE, fields: [{path: a}, {path: a}]}\n", `f:3:63: TWICE: the field "a" stands here twice`},
		{head + "datasets:\n  - {namespace: a, name: b, kind: TABLE, tags: [user.nam]}\n", `f:3:49: UNKNOWN_TERM: the vocabulary has no such term; did you mean "user.name"?`},
		{head + "datasets:\n  - {namespace: a, name: b, kind: TABLE, tags: [user.name, user.name]}\n", "f:3:60: TWICE"},
		{head + "datasets:\n  - {namespace: a, name: b, kind: TABLE, tags: [{term: user.name, deny: true}]}\n", "f:3:50: REQUIRED: say in \"reason\" why"},
		{head + "datasets:\n  - {namespace: a, name: b, kind: TABLE, tags: [essential.service]}\n", "f:3:49: TERM_DOES_NOT_APPLY"},
		{head + "datasets:\n  - {namespace: a, name: b, kind: TABLE, usual_max: 1.5}\n", "f:3:53: NOT_A_NUMBER"},
		{head + "datasets:\n  - {namespace: a, name: b, kind: TABLE, permits: [~]}\n", "f:3:52: REQUIRED"},
		{head + "consumption:\n  - {service: a}\n", "f:3:6: REQUIRED: a consumption names"},
		{head + "actors:\n  - {name: g}\n", "f:3:6: REQUIRED: an actor is a service"},
		{head + "teams: &a []\n", "f:2:8: YAML_FEATURE"},
		{head + "teams: *a\n", "f:2:8: YAML_FEATURE"},
		{head + "teams: !!seq []\n", "f:2:8: YAML_FEATURE"},
		{head + "<<: {}\n", "f:2:1: YAML_FEATURE"},
		{head + "? a\n: b\n", "f:2:1: YAML_FEATURE"},
		{"%YAML 1.2\n---\n" + head, "f:1:1: YAML_FEATURE"},
		{head + "---\nlethe: catalog/1\n---\na: b\n", "YAML_TOO_DEEP"},
		{head + "teams: " + strings.Repeat("[", 100000), "YAML_TOO_DEEP"},
		{head + "teams: " + strings.Repeat("{a: ", 100000), "YAML_TOO_DEEP"},
		{head + "teams: " + strings.Repeat("- ", 100000), "YAML_TOO_DEEP"},
		{head + "teams: [\n", "f:2:8: BAD_YAML"},
		{head + "teams:\n\t- ref: a\n", "BAD_YAML"},
		{strings.Repeat("#", 5<<20), "f:1:1: FILE_TOO_LARGE"},
	} {
		got := parse(c.file)
		if !strings.Contains(got, c.want) {
			t.Errorf("%.80q:\n got %s\nwant %s", c.file, got, c.want)
		}
	}
}

// All mistakes are told at once, in the order of the file.
func TestEveryMistakeIsTold(t *testing.T) {
	t.Parallel()
	got := parse(head + "teams:\n  - ref: a\n    nme: A\npurposes:\n  - ref: b\n    name: B\n    use: sale\n    legal_basis: CONSENT\n")
	want := `f:4:5: UNKNOWN_KEY: an owner has no key "nme"; did you mean "name"?
f:3:5: REQUIRED: "name" is missing or empty
f:8:5: UNKNOWN_TERM: the vocabulary has no such term; did you mean "sales"?`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	many := head + "teams:\n" + strings.Repeat("  - {x: y}\n", 500)
	if n := strings.Count(parse(many), "\n") + 1; n != 100 {
		t.Errorf("%d mistakes told, at most 100", n)
	}
}

const small = head + `
controllers:
  - {ref: de, name: DE, country: DE, time_zone: Europe/Berlin}
teams:
  - {ref: team, name: Team}
services:
  - ref: shop
    name: Shop
    owner: team
    controller: de
stores:
  - ref: shop-db
    name: Shop
    service: shop
    technology: POSTGRESQL
    datasets:
      - namespace: postgres://shop
        name: public.customer
        kind: TABLE
        tags: [customer]
        fields:
          - {path: email, type: text, tags: [user.contact.email]}
`

// Names that refer to nothing, and what the catalog's rules refuse, are told
// with their places too, and nothing is written.
func TestMistakesAgainstTheCatalog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.apply(t, []byte(small))
	generation := b.generation(t)
	for _, c := range []struct{ change, by, want string }{
		{"owner: team", "owner: teem", `f:10:12: UNKNOWN_REFERENCE: neither the file nor the catalog has this owner; did you mean "team"?`},
		{"controller: de", "controller: dee", `f:11:17: UNKNOWN_REFERENCE`},
		{"service: shop", "service: shp", `f:15:14: UNKNOWN_REFERENCE`},
		{"kind: TABLE", "kind: TABEL", `f:20:9: UNKNOWN_VALUE: choose one of`},
		{"kind: TABLE", "kind: TABLE\n        derived_from: [postgres://shop/public.custmer]", `f:21:24: UNKNOWN_REFERENCE: neither the file nor the catalog has this dataset; a dataset is named by namespace, slash and name; did you mean "postgres://shop/public.customer"?`},
		{"kind: TABLE", "kind: TABLE\n        derived_from: [postgres://shop/public.customer]", `f:21:9: DERIVED_FROM_ITSELF`},
		{"kind: TABLE", "kind: TABLE\n        retention: ever", `f:21:20: UNKNOWN_REFERENCE`},
		{"kind: TABLE", "kind: TABLE\n        permits: [ads]", `f:21:19: UNKNOWN_REFERENCE`},
		{"technology: POSTGRESQL", "technology: POSTGRES", `f:16:5: UNKNOWN_VALUE: choose one of POSTGRESQL`},
		{"country: DE", "country: XX", `f:4:25: UNKNOWN_COUNTRY`},
		{"controller: de", "controller: de\n    endpoint: http://shop.example.com", `f:12:5: HTTPS_REQUIRED`},
		{"controller: de", "controller: de\n    resolves: [email]", `f:12:5: NOT_AN_IDENTIFIER_TYPE`},
		{"- {ref: team, name: Team}", "- {ref: team, name: Team}\n  - {ref: team, name: Again}", `f:7:6: TWICE: the owner "team" stands in this file twice`},
		{"- {path: email", "- {path: mail, type: \"a\\u0001\"}\n          - {path: email", `f:23:26: TOO_LONG`},
		{"kind: TABLE", "kind: TABLE\nconsumption:\n  - {service: shop, reads: kafka://x/y}", ""},
		{"tags: [customer]", "tags: [{term: customer, until: 2001-01-01}]", `OUT_OF_RANGE`},
	} {
		file := strings.Replace(small, c.change, c.by, 1)
		if got := b.try(t, file, b.admin); !strings.Contains(got, c.want) || got == "" {
			t.Errorf("%q:\n got %s\nwant %s", c.by, got, c.want)
		}
	}
	if b.generation(t) != generation {
		t.Error("something was written")
	}
}

func (b *bench) generation(t *testing.T) int64 {
	t.Helper()
	var n int64
	if err := b.db.QueryRow(t.Context(), `SELECT coalesce(sum(generation), 0)::bigint FROM catalog_generation_part`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// try plans, rehearses and applies a file and returns what is told.
func (b *bench) try(t *testing.T, file string, by access.Principal) string {
	t.Helper()
	doc, err := yaml.Parse("f", []byte(file), ports)
	if err == nil {
		var plan yaml.Plan
		if plan, err = yaml.NewPlan(t.Context(), b.Catalog, by, doc); err == nil {
			err = plan.Apply(t.Context(), b.Catalog, by)
			if rehearsed := plan.Rehearse(t.Context(), b.Catalog, by); (rehearsed == nil) != (err == nil) && err != nil {
				t.Errorf("rehearsing says %v, applying %v", rehearsed, err)
			}
		}
	}
	return strings.Join(yaml.Lines(err), "\n")
}

// A steward imports what its team owns, and no more; a file made for an older
// catalog is told so.
func TestWhoMayImport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.apply(t, []byte(small))
	renamed := strings.Replace(small, "name: Shop\n    owner", "name: The shop\n    owner", 1)
	for role, by := range map[string]access.Principal{"viewer": b.person(t, access.Viewer), "steward of others": b.person(t, access.Steward, "others"), "handler": b.person(t, access.Handler)} {
		doc, _ := yaml.Parse("f", []byte(renamed), nil)
		plan, err := yaml.NewPlan(t.Context(), b.Catalog, b.admin, doc)
		if err != nil || len(plan.Steps) != 1 {
			t.Fatal(plan.Steps, err)
		}
		if err := plan.Apply(t.Context(), b.Catalog, by); fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: %v, want a refusal", role, err)
		}
	}
	doc, _ := yaml.Parse("f", []byte(renamed), nil)
	stale, err := yaml.NewPlan(t.Context(), b.Catalog, b.admin, doc)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.try(t, renamed, b.person(t, access.Steward, "team")); got != "" {
		t.Errorf("the team's own steward: %s", got)
	}
	if err := stale.Apply(t.Context(), b.Catalog, b.admin); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a plan made before the last change: %v, want CONFLICT", err)
	}
}

// FuzzParse: whatever bytes come, Parse answers, and in time.
func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	for _, s := range []string{"a: [", "lethe: catalog/1\nteams:\n- {ref: a, name: A}\n", "a: |\n  b\n", "? a", "\"\\u", "a: !!b c", "- - - a", "{{{{", "a:\n b:\n  c: d", "\x00", "%"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := yaml.Parse("f", data, ports)
		if err != nil && fault.All(err) == nil {
			t.Fatalf("not a fault: %v", err)
		}
	})
}
