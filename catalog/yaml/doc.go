// Package yaml reads a catalog from a file and writes it to one.
//
// A file speaks for what it lists, wholly: a key that is left out has its
// default, a tag, permitted use, reader or consumption that is left out of a
// listed dataset, store or service ends. It does not speak for what it does
// not list, nor for tags that people set by other means. The format is
// described in docs/catalog.md.
//
// Parse finds what is wrong with the file alone, NewPlan compares it with the
// catalog, Rehearse tries the plan without keeping it, Apply keeps it.
package yaml

import (
	"errors"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/internal/fault"
)

// format is the first key of every catalog file.
const format = "catalog/1"

// Doc is a catalog file, read and found well-formed.
type Doc struct {
	file        string
	environment string
	controllers []entry[catalog.Controller]
	owners      []entry[catalog.Owner]
	policies    []entry[catalog.RetentionPolicy]
	purposes    []entry[catalog.Purpose]
	services    []serviceEntry
	stores      []storeEntry
	datasets    []datasetEntry // those in stores too
	consumption []consumptionEntry
	actors      []actorEntry
}

type entry[T any] struct {
	place
	value T
}

type serviceEntry struct {
	place
	value             catalog.Service
	owner, controller name
}

type storeEntry struct {
	place
	value   catalog.Store
	service name
	readers []readerEntry
}

type readerEntry struct {
	place
	service name
	reason  string
}

type datasetEntry struct {
	place
	value                          catalog.Dataset
	store                          string // ref of the store it stands in, or ""
	service, owner, retention      name
	derivedFrom, formerly, permits []name
	tags                           []tagEntry
	fields                         []fieldEntry
}

type fieldEntry struct {
	place
	path             string
	dataType, doc    *string
	nullable, opaque *bool
	tags             []tagEntry
	permits          []name
}

type tagEntry struct {
	place
	term   string
	denied bool
	reason string
	until  *time.Time
}

type consumptionEntry struct {
	place
	environment    string
	service, reads name
	purposes       []name
	fields         []string
}

type actorEntry struct {
	place
	value   catalog.ActorAlias
	service name
}

// Parse reads a catalog file. vars gives the values of ${NAME} in it; nil
// means there are none. The error joins every mistake, each with file, line and
// column as its path.
func Parse(file string, data []byte, vars func(string) (string, bool)) (Doc, error) {
	if vars == nil {
		vars = func(string) (string, bool) { return "", false }
	}
	r := &reader{file: file, vars: vars}
	d := Doc{file: file}
	if body := r.tree(data); body != nil {
		d.read(r, body)
	} else if len(r.errs) == 0 {
		r.bad(mark{1, 1}, "EMPTY", "the file is empty; begin with lethe: %s", format)
	}
	return d, errors.Join(r.errs...)
}

func (d *Doc) read(r *reader, body ast.Node) {
	o, ok := r.object(body, "a catalog file", "lethe", "environment", "controllers", "teams", "people", "retention_policies", "purposes",
		"services", "stores", "datasets", "consumption", "actors")
	if !ok {
		return
	}
	if o.text("lethe") != format {
		r.bad(o.of("lethe"), "UNKNOWN_FORMAT", "the file says lethe: %s, so that its form can change one day", format)
	}
	d.environment = o.word("environment", "production")
	d.controllers = entries(o, "controllers", readController)
	d.owners = append(entries(o, "teams", readOwner(catalog.Team)), entries(o, "people", readOwner(catalog.Person))...)
	d.policies = entries(o, "retention_policies", readPolicy)
	d.purposes = entries(o, "purposes", readPurpose)
	d.services = each(o, "services", readService)
	for _, n := range o.items("stores") {
		d.readStore(r, n)
	}
	for _, n := range o.items("datasets") {
		if e, ok := d.readDataset(r, n, ""); ok {
			d.datasets = append(d.datasets, e)
		}
	}
	d.consumption = each(o, "consumption", d.readConsumption)
	d.actors = each(o, "actors", readActor)
}

// each reads the entries of a list.
func each[T any](o object, key string, read func(*reader, ast.Node) (T, bool)) []T {
	var out []T
	for _, n := range o.items(key) {
		if e, ok := read(o.reader, n); ok {
			out = append(out, e)
		}
	}
	return out
}

func entries[T any](o object, key string, read func(*reader, ast.Node) (place, T, bool)) []entry[T] {
	return each(o, key, func(r *reader, n ast.Node) (entry[T], bool) {
		p, v, ok := read(r, n)
		return entry[T]{p, v}, ok
	})
}

func readController(r *reader, n ast.Node) (place, catalog.Controller, bool) {
	o, ok := r.object(n, "a controller", "ref", "name", "country", "region", "time_zone", "daily_ceiling")
	c := catalog.Controller{Ref: o.need("ref"), Name: o.need("name"), Country: o.text("country"), Region: o.optional("region"),
		TimeZone: o.text("time_zone"), DailyCeiling: or(o.count("daily_ceiling"), 200)}
	return o.place, c, ok
}

func or[T any](v *T, otherwise T) T {
	if v == nil {
		return otherwise
	}
	return *v
}

func readOwner(kind catalog.OwnerKind) func(*reader, ast.Node) (place, catalog.Owner, bool) {
	return func(r *reader, n ast.Node) (place, catalog.Owner, bool) {
		o, ok := r.object(n, "an owner", "ref", "name", "active")
		return o.place, catalog.Owner{Kind: kind, Ref: o.need("ref"), Name: o.need("name"), Active: or(o.yes("active"), true)}, ok
	}
}

func readPolicy(r *reader, n ast.Node) (place, catalog.RetentionPolicy, bool) {
	o, ok := r.object(n, "a retention policy", "ref", "name", "duration", "trigger", "action", "ground", "legal_reference")
	return o.place, catalog.RetentionPolicy{Ref: o.need("ref"), Name: o.need("name"), Duration: o.need("duration"), Trigger: o.need("trigger"),
		Action: o.need("action"), Ground: o.optional("ground"), LegalReference: o.optional("legal_reference")}, ok
}

func readPurpose(r *reader, n ast.Node) (place, catalog.Purpose, bool) {
	o, ok := r.object(n, "a purpose", "ref", "name", "doc", "use", "legal_basis")
	p := catalog.Purpose{Ref: o.need("ref"), Name: o.need("name"), Doc: o.text("doc"), Use: o.need("use"), LegalBasis: o.need("legal_basis")}
	if p.Use != "" {
		r.term(o.of("use"), p.Use, taxonomy.Use)
	}
	return o.place, p, ok
}

// term refuses a word that the vocabulary lacks.
func (r *reader) term(at mark, key string, kinds ...taxonomy.Kind) {
	if _, err := taxonomy.Find("", key, kinds...); err != nil {
		f := fault.All(err)[0]
		r.bad(at, f.Code, "%s", f.Message)
	}
}

func readService(r *reader, n ast.Node) (serviceEntry, bool) {
	o, ok := r.object(n, "a service", "ref", "name", "doc", "owner", "controller", "party_role", "endpoint", "identifier_types", "resolves",
		"allowed_networks", "rate_per_second", "max_in_flight")
	e := serviceEntry{place: o.place, owner: o.ref("owner"), controller: o.ref("controller"), value: catalog.Service{
		Ref: o.need("ref"), Name: o.need("name"), Doc: o.text("doc"), PartyRole: o.word("party_role", "CONTROLLER"), Endpoint: o.optional("endpoint"),
		IdentifierTypes: o.texts("identifier_types"), Resolves: o.texts("resolves"), AllowedNetworks: o.networks("allowed_networks"),
		RatePerSecond: or(o.number("rate_per_second"), 20), MaxInFlight: or(o.count("max_in_flight"), 100)}}
	if !e.controller.given() {
		r.bad(o.of("controller"), "REQUIRED", "a service needs the controller it works for")
	}
	return e, ok
}

func (d *Doc) readStore(r *reader, n ast.Node) {
	o, ok := r.object(n, "a store", "ref", "name", "doc", "service", "technology", "access_mode", "residency", "backup", "readers", "datasets")
	if !ok {
		return
	}
	e := storeEntry{place: o.place, service: o.ref("service"), value: catalog.Store{
		Ref: o.need("ref"), Name: o.need("name"), Doc: o.text("doc"), Technology: o.need("technology"),
		AccessMode: o.word("access_mode", "READ_WRITE"), Residency: o.optional("residency")}}
	if backup := o.values["backup"]; backup != nil {
		b, _ := r.object(backup, "a backup", "horizon_days", "evidence_on")
		e.value.BackupHorizonDays, e.value.BackupEvidenceOn = b.count("horizon_days"), b.date("evidence_on")
	}
	e.readers = each(o, "readers", readReader)
	d.stores = append(d.stores, e)
	for _, n := range o.items("datasets") {
		if e, ok := d.readDataset(r, n, e.value.Ref); ok {
			d.datasets = append(d.datasets, e)
		}
	}
}

func readReader(r *reader, n ast.Node) (readerEntry, bool) {
	o, ok := r.object(n, "a reader", "service", "reason")
	e := readerEntry{place: o.place, service: o.ref("service"), reason: o.text("reason")}
	if ok && !e.service.given() {
		r.bad(o.at, "REQUIRED", "a reader is a service; name it")
	}
	return e, ok
}

func (d *Doc) readDataset(r *reader, n ast.Node, store string) (datasetEntry, bool) {
	o, ok := r.object(n, "a dataset", "environment", "namespace", "name", "formerly", "kind", "doc", "service", "owner", "derived", "derived_from",
		"lifecycle", "erase_by", "usual_max", "retention", "tags", "permits", "fields")
	kind := o.need("kind")
	eraseBy := "DELETE"
	if kind == "TOPIC" {
		eraseBy = "EXPIRE"
	}
	e := datasetEntry{place: o.place, store: store, service: o.ref("service"), owner: o.ref("owner"), retention: o.ref("retention"),
		derivedFrom: o.names("derived_from"), formerly: o.names("formerly"), permits: o.names("permits"),
		value: catalog.Dataset{Environment: o.word("environment", d.environment), Namespace: o.need("namespace"), Name: o.need("name"), Kind: kind,
			Doc: o.text("doc"), Derived: or(o.yes("derived"), false), Lifecycle: o.word("lifecycle", "ACTIVE"), EraseBy: o.word("erase_by", eraseBy),
			UsualMax: o.whole("usual_max")}}
	if len(e.derivedFrom) > 0 {
		e.value.Derived = true
	}
	e.tags = each(o, "tags", readTag)
	r.once(e.tags)
	seen := map[string]bool{}
	for _, n := range o.items("fields") {
		f, ok := readField(r, n)
		if ok && seen[f.path] {
			r.bad(f.of("path"), "TWICE", "the field %q stands here twice", f.path)
		}
		seen[f.path] = true
		e.fields = append(e.fields, f)
	}
	return e, ok
}

// once refuses a term that stands twice for one target.
func (r *reader) once(tags []tagEntry) {
	seen := map[string]bool{}
	for _, t := range tags {
		if seen[t.term] {
			r.bad(t.at, "TWICE", "the term %q stands here twice", t.term)
		}
		seen[t.term] = true
	}
}

func readField(r *reader, n ast.Node) (fieldEntry, bool) {
	o, ok := r.object(n, "a field", "path", "type", "nullable", "doc", "opaque", "tags", "permits")
	f := fieldEntry{place: o.place, path: o.need("path"), dataType: o.optional("type"), doc: o.optional("doc"), nullable: o.yes("nullable"),
		opaque: o.yes("opaque"), tags: each(o, "tags", readTag), permits: o.names("permits")}
	r.once(f.tags)
	if f.path != "" {
		if _, err := fieldpath.Parse(f.path); err != nil {
			r.bad(markOf(o.values["path"]), "BAD_FIELD_PATH", "%s", fault.All(err)[0].Message)
		}
	}
	return f, ok
}

// readTag reads a term alone, or with what is to be said about it.
func readTag(r *reader, n ast.Node) (tagEntry, bool) {
	t := tagEntry{place: place{at: markOf(n)}}
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		o, _ := r.object(n, "a tag", "term", "deny", "reason", "until")
		t = tagEntry{place: o.place, term: o.need("term"), denied: or(o.yes("deny"), false), reason: o.text("reason"), until: o.date("until")}
		if t.denied && t.reason == "" {
			r.bad(t.at, "REQUIRED", "say in \"reason\" why the term does not apply; an auditor will ask")
		}
	default:
		t.term, _ = r.scalar(n)
	}
	if t.term == "" {
		return t, false
	}
	r.term(t.of("term"), t.term, taxonomy.Category, taxonomy.Subject, taxonomy.Sensitivity)
	return t, true
}

func (d *Doc) readConsumption(r *reader, n ast.Node) (consumptionEntry, bool) {
	o, ok := r.object(n, "a consumption", "service", "reads", "environment", "purposes", "fields")
	e := consumptionEntry{place: o.place, environment: o.word("environment", d.environment), service: o.ref("service"), reads: o.ref("reads"),
		purposes: o.names("purposes"), fields: o.texts("fields")}
	if o.values["fields"] != nil && e.fields == nil {
		e.fields = []string{}
	}
	if ok && (!e.service.given() || !e.reads.given()) {
		r.bad(o.at, "REQUIRED", "a consumption names the service and what it reads, such as kafka://default/orders")
		return e, false
	}
	for _, f := range e.fields {
		if _, err := fieldpath.Parse(f); err != nil {
			r.bad(o.of("fields"), "BAD_FIELD_PATH", "%s", fault.All(err)[0].Message)
		}
	}
	return e, ok
}

func readActor(r *reader, n ast.Node) (actorEntry, bool) {
	o, ok := r.object(n, "an actor", "cluster", "kind", "name", "service")
	e := actorEntry{place: o.place, service: o.ref("service"), value: catalog.ActorAlias{
		Cluster: o.word("cluster", "default"), Kind: strings.ToUpper(o.word("kind", "GROUP")), Name: o.need("name")}}
	if ok && !e.service.given() {
		r.bad(o.at, "REQUIRED", "an actor is a service; name it")
	}
	return e, ok
}
