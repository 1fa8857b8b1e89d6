package yaml

import (
	"context"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/yaml/strict"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
)

// Action is what an import does to one thing.
type Action string

// The actions.
const (
	Create Action = "CREATE"
	Update Action = "UPDATE"
	End    Action = "END" // an assertion that the file no longer makes
)

// Step is one change of a plan.
type Step struct {
	Action Action
	Kind   string   // CONTROLLER, OWNER, SERVICE, STORE, DATASET, FIELD, TAG, …
	Ref    string   // its ref or full name
	Keys   []string // what changes, of an update
	Line   int      // where the file says so; 0 for what the file leaves out
}

// Plan is what an import would do.
type Plan struct {
	Steps     []Step
	Unchanged int // things the file lists that are as it says already
	file      string
	changes   catalog.Changes
	places    map[string][]strict.Place // of the changes, by list and index
}

// Source is a file to import.
type Source struct {
	File string                      // its name, for the places of mistakes; "" if it has none
	Text []byte                      // what it says
	Vars func(string) (string, bool) // the values of ${NAME} in it; nil: there are none
}

// Import reads a file, plans it, and does what the plan says, or with dryRun
// tries whether it could and changes nothing. It needs a steward or an admin;
// what of the plan each of them may do, the catalog decides.
func Import(ctx context.Context, c *catalog.Catalog, by access.Principal, from Source, dryRun bool) (Plan, error) {
	if err := by.Require(access.Steward, access.Admin); err != nil {
		return Plan{}, err
	}
	doc, err := Parse(from.File, from.Text, from.Vars)
	if err != nil {
		return Plan{}, err
	}
	plan, err := NewPlan(ctx, c, by, doc)
	switch {
	case err != nil:
		return plan, err
	case dryRun:
		return plan, plan.Rehearse(ctx, c, by)
	}
	return plan, plan.Apply(ctx, c, by)
}

// NewPlan compares a file with the catalog as it is at one moment. The error
// joins every name in the file that refers to nothing.
func NewPlan(ctx context.Context, c *catalog.Catalog, by access.Principal, doc Doc) (Plan, error) {
	now, err := c.Snapshot(ctx, by)
	if err != nil {
		return Plan{}, err
	}
	p := newPlanner(doc, now)
	p.plan()
	return p.out, p.Err()
}

// Rehearse tells whether Apply would succeed for by, and changes nothing.
func (p Plan) Rehearse(ctx context.Context, c *catalog.Catalog, by access.Principal) error {
	return p.located(c.Rehearse(ctx, by, p.changes))
}

// Apply does what the plan says, all of it or nothing. If the catalog has
// changed since the plan was made, it refuses with CONFLICT.
func (p Plan) Apply(ctx context.Context, c *catalog.Catalog, by access.Principal) error {
	if len(p.Steps) == 0 {
		return nil
	}
	return p.located(c.Apply(ctx, by, p.changes))
}

// located points the faults of a change at the lines that caused it.
func (p Plan) located(err error) error {
	faults := fault.All(err)
	if faults == nil {
		return err
	}
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = p.locate(f)
	}
	return errors.Join(errs...)
}

func (p Plan) locate(f *fault.Fault) *fault.Fault {
	if len(f.Path) < 2 {
		return f
	}
	i, err := strconv.Atoi(f.Path[1])
	entries := p.places[f.Path[0]]
	if err != nil || i < 0 || i >= len(entries) {
		return f
	}
	at := entries[i].At
	if len(f.Path) > 2 {
		at = entries[i].Of(keyOf(f.Path[len(f.Path)-1]))
	}
	c := *f
	c.Path = []string{p.file, strconv.Itoa(at.Line), strconv.Itoa(at.Column)}
	return &c
}

var hump = regexp.MustCompile(`([a-z])([A-Z])`)

// keyOf turns the path of an input into the key of the file: ownerId is owner.
func keyOf(path string) string {
	key := strings.ToLower(hump.ReplaceAllString(path, "${1}_${2}"))
	key = strings.TrimSuffix(strings.TrimSuffix(key, "_ids"), "_id")
	switch key {
	case "retention_policy":
		return "retention"
	case "backup_horizon_days", "backup_evidence_on":
		return "backup"
	case "data_type":
		return "type"
	case "valid_to":
		return "until"
	}
	return key
}

// planner holds what the catalog has and what the file names, by name.
type planner struct {
	*strict.Reader // gathers what is wrong with the file

	doc Doc
	now catalog.Contents
	out Plan

	ids         map[string]map[string]uuid.UUID // by kind and ref, of catalog and file
	controllers map[string]catalog.Controller
	owners      map[string]catalog.Owner
	policies    map[string]catalog.RetentionPolicy
	purposes    map[string]catalog.Purpose
	services    map[string]catalog.Service
	stores      map[string]catalog.Store
	datasets    map[string]catalog.Dataset // by environment and full name
	fields      map[uuid.UUID]map[string]catalog.Field
	entryIDs    []uuid.UUID // of doc.datasets
}

func newPlanner(doc Doc, now catalog.Contents) *planner {
	p := &planner{Reader: &strict.Reader{File: doc.file}, doc: doc, now: now, ids: map[string]map[string]uuid.UUID{}, out: Plan{file: doc.file, places: map[string][]strict.Place{}}}
	p.controllers = known(p, "controller", now.Controllers, func(v catalog.Controller) (string, uuid.UUID) { return v.Ref, v.ID })
	p.owners = known(p, "owner", now.Owners, func(v catalog.Owner) (string, uuid.UUID) { return v.Ref, v.ID })
	p.policies = known(p, "retention policy", now.RetentionPolicies, func(v catalog.RetentionPolicy) (string, uuid.UUID) { return v.Ref, v.ID })
	p.purposes = known(p, "purpose", now.Purposes, func(v catalog.Purpose) (string, uuid.UUID) { return v.Ref, v.ID })
	p.services = known(p, "service", now.Services, func(v catalog.Service) (string, uuid.UUID) { return v.Ref, v.ID })
	p.stores = known(p, "store", now.Stores, func(v catalog.Store) (string, uuid.UUID) { return v.Ref, v.ID })
	p.datasets = known(p, "dataset", now.Datasets, func(v catalog.Dataset) (string, uuid.UUID) { return fullName(v), v.ID })
	p.fields = map[uuid.UUID]map[string]catalog.Field{}
	for _, f := range now.Fields {
		if p.fields[f.DatasetID] == nil {
			p.fields[f.DatasetID] = map[string]catalog.Field{}
		}
		p.fields[f.DatasetID][f.Path] = f
	}
	return p
}

// fullName is how files refer to a dataset, with its environment in front.
func fullName(d catalog.Dataset) string {
	return d.Environment + " " + d.Namespace + "/" + d.Name
}

// known indexes rows of the catalog by name.
func known[T any](p *planner, kind string, rows []T, of func(T) (string, uuid.UUID)) map[string]T {
	byName := make(map[string]T, len(rows))
	p.ids[kind] = make(map[string]uuid.UUID, len(rows))
	for _, row := range rows {
		ref, id := of(row)
		byName[ref], p.ids[kind][ref] = row, id
	}
	return byName
}

// claim gives an entry of the file an id: that of the row it names, or a new
// one. A name that stands twice is a mistake.
func (p *planner) claim(kind, ref string, at strict.Mark, seen map[string]bool) {
	if seen[ref] {
		p.Bad(at, "TWICE", "the %s %q stands in this file twice", kind, ref)
	}
	seen[ref] = true
	if _, ok := p.ids[kind][ref]; !ok {
		p.ids[kind][ref] = uuid.Must(uuid.NewV7())
	}
}

// find resolves a name; an unknown one is a mistake, with the nearest known.
func (p *planner) find(kind string, n strict.Name) *uuid.UUID {
	if !n.Given() {
		return nil
	}
	if id, ok := p.ids[kind][n.Value]; ok {
		return &id
	}
	var refs []string
	for ref := range p.ids[kind] {
		refs = append(refs, ref)
	}
	slices.Sort(refs)
	p.Bad(n.At, "UNKNOWN_REFERENCE", "%s", fault.Suggest("neither the file nor the catalog has this "+kind, n.Value, refs))
	return nil
}

// findDataset resolves the full name of a dataset within an environment. A
// name with another environment and a space in front is of that one.
func (p *planner) findDataset(environment string, n strict.Name) *uuid.UUID {
	full := n.Value
	if !strings.Contains(full, " ") {
		full = environment + " " + full
	}
	if id, ok := p.ids["dataset"][full]; ok {
		return &id
	}
	var refs []string
	for ref := range p.ids["dataset"] {
		if other, ok := strings.CutPrefix(ref, environment+" "); ok {
			refs = append(refs, other)
		}
	}
	slices.Sort(refs)
	p.Bad(n.At, "UNKNOWN_REFERENCE", "%s", fault.Suggest(
		"neither the file nor the catalog has this dataset; a dataset is named by namespace, slash and name", n.Value, refs))
	return nil
}

// findID is find for what must be there; the zero id stands for a mistake.
func (p *planner) findID(kind string, n strict.Name) uuid.UUID { return or(p.find(kind, n), uuid.Nil) }

// put notes an entry of the file that the catalog does not have so: next
// against the row there is, if there is one.
func put[T any](p *planner, into *[]T, list, kind, ref string, at strict.Place, old *T, next T) {
	action, keys := Create, []string(nil)
	if old != nil {
		if keys = differences(*old, next); len(keys) == 0 {
			p.out.Unchanged++
			return
		}
		action = Update
	}
	*into = append(*into, next)
	p.out.places[list] = append(p.out.places[list], at)
	p.out.Steps = append(p.out.Steps, Step{action, kind, ref, keys, at.At.Line})
}

func (p *planner) end(into *[]uuid.UUID, kind, ref string, id uuid.UUID) {
	*into = append(*into, id)
	p.out.Steps = append(p.out.Steps, Step{Action: End, Kind: kind, Ref: ref})
}

// differences names the fields of a struct in which two values differ.
func differences[T any](a, b T) []string {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	var out []string
	for i := range va.NumField() {
		if !equal(va.Field(i), vb.Field(i)) {
			out = append(out, keyOf(va.Type().Field(i).Name))
		}
	}
	return out
}

// equal compares values; an empty list is an absent one, and an instant is the
// same in every zone.
func equal(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	if ta, ok := a.Interface().(*time.Time); ok {
		tb := b.Interface().(*time.Time)
		return ta == nil && tb == nil || ta != nil && tb != nil && ta.Equal(*tb)
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// pick finds what the catalog has under a name.
func pick[T any](rows map[string]T, ref string) *T {
	if v, ok := rows[ref]; ok {
		return &v
	}
	return nil
}
