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
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/catalog/yaml/strict"
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
	strict.Place
	value T
}

type serviceEntry struct {
	strict.Place
	value             catalog.Service
	owner, controller strict.Name
}

type storeEntry struct {
	strict.Place
	value   catalog.Store
	service strict.Name
	readers []readerEntry
}

type readerEntry struct {
	strict.Place
	service strict.Name
	reason  string
}

type datasetEntry struct {
	strict.Place
	value                          catalog.Dataset
	store                          string // ref of the store it stands in, or ""
	service, owner, retention      strict.Name
	derivedFrom, formerly, permits []strict.Name
	tags                           []tagEntry
	fields                         []fieldEntry
}

type fieldEntry struct {
	strict.Place
	path             string
	dataType, doc    *string
	nullable, opaque *bool
	tags             []tagEntry
	permits          []strict.Name
}

type tagEntry struct {
	strict.Place
	term   string
	denied bool
	reason string
	until  *time.Time
}

type consumptionEntry struct {
	strict.Place
	environment    string
	service, reads strict.Name
	purposes       []strict.Name
	fields         []string
}

type actorEntry struct {
	strict.Place
	value   catalog.ActorAlias
	service strict.Name
}

// Parse reads a catalog file. vars gives the values of ${NAME} in it; nil
// means there are none. The error joins every mistake, each with file, line and
// column as its path.
func Parse(file string, data []byte, vars func(string) (string, bool)) (Doc, error) {
	if vars == nil {
		vars = func(string) (string, bool) { return "", false }
	}
	d, r := Doc{file: file}, newReader(file, vars)
	if body := r.Tree(data); body != nil {
		d.read(r, body)
	} else if r.Err() == nil {
		r.Bad(strict.Mark{Line: 1, Column: 1}, "EMPTY", "the file is empty; begin with lethe: %s", format)
	}
	return d, r.Err()
}

func (d *Doc) read(r *strict.Reader, body ast.Node) {
	o, ok := r.Object(body, "a catalog file", "lethe", "environment", "controllers", "teams", "people", "retention_policies", "purposes",
		"services", "stores", "datasets", "consumption", "actors")
	if !ok {
		return
	}
	if o.Text("lethe") != format {
		r.Bad(o.Of("lethe"), "UNKNOWN_FORMAT", "the file says lethe: %s, so that its form can change one day", format)
	}
	d.environment = o.Word("environment", "production")
	d.controllers = entries(o, "controllers", readController)
	d.owners = append(entries(o, "teams", readOwner(catalog.Team)), entries(o, "people", readOwner(catalog.Person))...)
	d.policies = entries(o, "retention_policies", readPolicy)
	d.purposes = entries(o, "purposes", readPurpose)
	d.services = each(o, "services", readService)
	for _, n := range o.Items("stores") {
		d.readStore(r, n)
	}
	for _, n := range o.Items("datasets") {
		if e, ok := d.readDataset(r, n, ""); ok {
			d.datasets = append(d.datasets, e)
		}
	}
	d.consumption = each(o, "consumption", d.readConsumption)
	d.actors = each(o, "actors", readActor)
}

// each reads the entries of a list.
func each[T any](o strict.Object, key string, read func(*strict.Reader, ast.Node) (T, bool)) []T {
	var out []T
	for _, n := range o.Items(key) {
		if e, ok := read(o.Reader, n); ok {
			out = append(out, e)
		}
	}
	return out
}

func entries[T any](o strict.Object, key string, read func(*strict.Reader, ast.Node) (strict.Place, T, bool)) []entry[T] {
	return each(o, key, func(r *strict.Reader, n ast.Node) (entry[T], bool) {
		p, v, ok := read(r, n)
		return entry[T]{p, v}, ok
	})
}

func readController(r *strict.Reader, n ast.Node) (strict.Place, catalog.Controller, bool) {
	o, ok := r.Object(n, "a controller", "ref", "name", "country", "region", "time_zone", "daily_ceiling")
	c := catalog.Controller{Ref: o.Need("ref", ""), Name: o.Need("name", ""), Country: o.Text("country"), Region: o.Optional("region"),
		TimeZone: o.Text("time_zone"), DailyCeiling: or(o.Count("daily_ceiling"), 200)}
	return o.Place, c, ok
}

func or[T any](v *T, otherwise T) T {
	if v == nil {
		return otherwise
	}
	return *v
}

func readOwner(kind catalog.OwnerKind) func(*strict.Reader, ast.Node) (strict.Place, catalog.Owner, bool) {
	return func(r *strict.Reader, n ast.Node) (strict.Place, catalog.Owner, bool) {
		o, ok := r.Object(n, "an owner", "ref", "name", "active")
		return o.Place, catalog.Owner{Kind: kind, Ref: o.Need("ref", ""), Name: o.Need("name", ""), Active: or(o.Yes("active"), true)}, ok
	}
}

func readPolicy(r *strict.Reader, n ast.Node) (strict.Place, catalog.RetentionPolicy, bool) {
	o, ok := r.Object(n, "a retention policy", "ref", "name", "duration", "trigger", "action", "ground", "legal_reference")
	return o.Place, catalog.RetentionPolicy{Ref: o.Need("ref", ""), Name: o.Need("name", ""), Duration: o.Need("duration", ""), Trigger: o.Need("trigger", ""),
		Action: o.Need("action", ""), Ground: o.Optional("ground"), LegalReference: o.Optional("legal_reference")}, ok
}

func readPurpose(r *strict.Reader, n ast.Node) (strict.Place, catalog.Purpose, bool) {
	o, ok := r.Object(n, "a purpose", "ref", "name", "doc", "use", "legal_basis")
	p := catalog.Purpose{Ref: o.Need("ref", ""), Name: o.Need("name", ""), Doc: o.Text("doc"), Use: o.Need("use", ""), LegalBasis: o.Need("legal_basis", "")}
	if p.Use != "" {
		term(r, o.Of("use"), p.Use, taxonomy.Use)
	}
	return o.Place, p, ok
}

func readService(r *strict.Reader, n ast.Node) (serviceEntry, bool) {
	o, ok := r.Object(n, "a service", "ref", "name", "doc", "owner", "controller", "party_role", "endpoint", "identifier_types", "resolves",
		"allowed_networks", "rate_per_second", "max_in_flight")
	e := serviceEntry{Place: o.Place, owner: o.Name("owner"), controller: o.Name("controller"), value: catalog.Service{
		Ref: o.Need("ref", ""), Name: o.Need("name", ""), Doc: o.Text("doc"), PartyRole: o.Word("party_role", "CONTROLLER"), Endpoint: o.Optional("endpoint"),
		IdentifierTypes: o.Texts("identifier_types"), Resolves: o.Texts("resolves"), AllowedNetworks: networks(o, "allowed_networks"),
		RatePerSecond: or(o.Number("rate_per_second"), 20), MaxInFlight: or(o.Count("max_in_flight"), 100)}}
	if !e.controller.Given() {
		r.Bad(o.Of("controller"), "REQUIRED", "a service needs the controller it works for")
	}
	return e, ok
}

func (d *Doc) readStore(r *strict.Reader, n ast.Node) {
	o, ok := r.Object(n, "a store", "ref", "name", "doc", "service", "technology", "access_mode", "residency", "backup", "readers", "datasets")
	if !ok {
		return
	}
	e := storeEntry{Place: o.Place, service: o.Name("service"), value: catalog.Store{
		Ref: o.Need("ref", ""), Name: o.Need("name", ""), Doc: o.Text("doc"), Technology: o.Need("technology", ""),
		AccessMode: o.Word("access_mode", "READ_WRITE"), Residency: o.Optional("residency")}}
	if backup := o.Value("backup"); backup != nil {
		b, _ := r.Object(backup, "a backup", "horizon_days", "evidence_on")
		e.value.BackupHorizonDays, e.value.BackupEvidenceOn = b.Count("horizon_days"), b.Date("evidence_on")
	}
	e.readers = each(o, "readers", readReader)
	d.stores = append(d.stores, e)
	for _, n := range o.Items("datasets") {
		if e, ok := d.readDataset(r, n, e.value.Ref); ok {
			d.datasets = append(d.datasets, e)
		}
	}
}

func readReader(r *strict.Reader, n ast.Node) (readerEntry, bool) {
	o, ok := r.Object(n, "a reader", "service", "reason")
	e := readerEntry{Place: o.Place, service: o.Name("service"), reason: o.Text("reason")}
	if ok && !e.service.Given() {
		r.Bad(o.At, "REQUIRED", "a reader is a service; name it")
	}
	return e, ok
}

func (d *Doc) readDataset(r *strict.Reader, n ast.Node, store string) (datasetEntry, bool) {
	o, ok := r.Object(n, "a dataset", "environment", "namespace", "name", "formerly", "kind", "doc", "service", "owner", "derived", "derived_from",
		"lifecycle", "erase_by", "usual_max", "retention", "tags", "permits", "fields")
	kind := o.Need("kind", "")
	eraseBy := "DELETE"
	if kind == "TOPIC" {
		eraseBy = "EXPIRE"
	}
	e := datasetEntry{Place: o.Place, store: store, service: o.Name("service"), owner: o.Name("owner"), retention: o.Name("retention"),
		derivedFrom: o.Names("derived_from"), formerly: o.Names("formerly"), permits: o.Names("permits"),
		value: catalog.Dataset{Environment: o.Word("environment", d.environment), Namespace: o.Need("namespace", ""), Name: o.Need("name", ""), Kind: kind,
			Doc: o.Text("doc"), Derived: or(o.Yes("derived"), false), Lifecycle: o.Word("lifecycle", "ACTIVE"), EraseBy: o.Word("erase_by", eraseBy),
			UsualMax: o.Whole("usual_max")}}
	if len(e.derivedFrom) > 0 {
		e.value.Derived = true
	}
	e.tags = each(o, "tags", readTag)
	once(r, e.tags)
	seen := map[string]bool{}
	for _, n := range o.Items("fields") {
		f, ok := readField(r, n)
		if ok && seen[f.path] {
			r.Bad(f.Of("path"), "TWICE", "the field %q stands here twice", f.path)
		}
		seen[f.path] = true
		e.fields = append(e.fields, f)
	}
	return e, ok
}

func readField(r *strict.Reader, n ast.Node) (fieldEntry, bool) {
	o, ok := r.Object(n, "a field", "path", "type", "nullable", "doc", "opaque", "tags", "permits")
	f := fieldEntry{Place: o.Place, path: o.Need("path", ""), dataType: o.Optional("type"), doc: o.Optional("doc"), nullable: o.Yes("nullable"),
		opaque: o.Yes("opaque"), tags: each(o, "tags", readTag), permits: o.Names("permits")}
	once(r, f.tags)
	if f.path != "" {
		if _, err := fieldpath.Parse(f.path); err != nil {
			r.Bad(strict.MarkOf(o.Value("path")), "BAD_FIELD_PATH", "%s", fault.All(err)[0].Message)
		}
	}
	return f, ok
}

// readTag reads a term alone, or with what is to be said about it.
func readTag(r *strict.Reader, n ast.Node) (tagEntry, bool) {
	t := tagEntry{Place: strict.Place{At: strict.MarkOf(n)}}
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		o, _ := r.Object(n, "a tag", "term", "deny", "reason", "until")
		t = tagEntry{Place: o.Place, term: o.Need("term", ""), denied: or(o.Yes("deny"), false), reason: o.Text("reason"), until: o.Date("until")}
		if t.denied && t.reason == "" {
			r.Bad(t.At, "REQUIRED", "say in \"reason\" why the term does not apply; an auditor will ask")
		}
	default:
		t.term, _ = r.Scalar(n)
	}
	if t.term == "" {
		return t, false
	}
	term(r, t.Of("term"), t.term, taxonomy.Category, taxonomy.Subject, taxonomy.Sensitivity)
	return t, true
}

func (d *Doc) readConsumption(r *strict.Reader, n ast.Node) (consumptionEntry, bool) {
	o, ok := r.Object(n, "a consumption", "service", "reads", "environment", "purposes", "fields")
	e := consumptionEntry{Place: o.Place, environment: o.Word("environment", d.environment), service: o.Name("service"), reads: o.Name("reads"),
		purposes: o.Names("purposes"), fields: o.Texts("fields")}
	if o.Value("fields") != nil && e.fields == nil {
		e.fields = []string{}
	}
	if ok && (!e.service.Given() || !e.reads.Given()) {
		r.Bad(o.At, "REQUIRED", "a consumption names the service and what it reads, such as kafka://default/orders")
		return e, false
	}
	for _, f := range e.fields {
		if _, err := fieldpath.Parse(f); err != nil {
			r.Bad(o.Of("fields"), "BAD_FIELD_PATH", "%s", fault.All(err)[0].Message)
		}
	}
	return e, ok
}

func readActor(r *strict.Reader, n ast.Node) (actorEntry, bool) {
	o, ok := r.Object(n, "an actor", "cluster", "kind", "name", "service")
	e := actorEntry{Place: o.Place, service: o.Name("service"), value: catalog.ActorAlias{
		Cluster: o.Word("cluster", "default"), Kind: strings.ToUpper(o.Word("kind", "GROUP")), Name: o.Need("name", "")}}
	if ok && !e.service.Given() {
		r.Bad(o.At, "REQUIRED", "an actor is a service; name it")
	}
	return e, ok
}
