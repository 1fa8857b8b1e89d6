package yaml

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
)

// Export writes a catalog as a file that, imported again, changes nothing. Of
// the tags it writes those that are confirmed; keys and states of services,
// findings and what was observed are not part of a file.
func Export(all catalog.Contents) []byte {
	w := &writer{all: all, refs: map[uuid.UUID]string{}}
	w.learn()
	w.line(0, "lethe: %s", format)
	w.parties()
	w.services()
	w.stores()
	w.loose()
	w.consumption()
	w.actors()
	return w.out.Bytes()
}

// writer writes the sections of a file.
type writer struct {
	out      bytes.Buffer
	all      catalog.Contents
	refs     map[uuid.UUID]string // of everything that is referred to
	datasets map[uuid.UUID]catalog.Dataset
}

// learn collects the names by which things are referred to.
func (w *writer) learn() {
	for _, v := range w.all.Controllers {
		w.refs[v.ID] = v.Ref
	}
	for _, v := range w.all.Owners {
		w.refs[v.ID] = v.Ref
	}
	for _, v := range w.all.RetentionPolicies {
		w.refs[v.ID] = v.Ref
	}
	for _, v := range w.all.Purposes {
		w.refs[v.ID] = v.Ref
	}
	for _, v := range w.all.Services {
		w.refs[v.ID] = v.Ref
	}
	w.datasets = map[uuid.UUID]catalog.Dataset{}
	for _, v := range w.all.Datasets {
		w.refs[v.ID], w.datasets[v.ID] = v.Namespace+"/"+v.Name, v
	}
}

func (w *writer) line(depth int, text string, args ...any) {
	w.out.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(&w.out, text, args...)
	w.out.WriteByte('\n')
}

// item writes the keys of an entry of a list. Absent values are left out.
func (w *writer) item(depth int, keys ...string) {
	dash := "- "
	for pair := range slices.Chunk(keys, 2) {
		if len(pair) < 2 || pair[1] == "" {
			continue
		}
		w.line(depth, "%s%s: %s", dash, pair[0], pair[1])
		dash = "  "
	}
}

// plain is what needs no quotes: no sign of YAML's in it, and no word that
// YAML takes for something else.
var plain = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_/.@+-]*(?:[ :][A-Za-z0-9_/.(@+-][A-Za-z0-9_/.()@+-]*)*$`)

// text writes a value so that it reads back the same; "" stays absent.
func text(s string) string {
	if s == "" {
		return ""
	}
	low := strings.ToLower(s)
	if plain.MatchString(s) && !slices.Contains([]string{"null", "true", "false", "yes", "no", "on", "off", "y", "n"}, low) {
		return s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(strings.ReplaceAll(s, "${", "$${")) // a string always encodes
	return strings.TrimSpace(b.String())
}

func optional(s *string) string { return text(or(s, "")) }

func (w *writer) ref(id *uuid.UUID) string {
	if id == nil {
		return ""
	}
	return text(w.refs[*id])
}

func list(items []string) string {
	if len(items) == 0 {
		return ""
	}
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = text(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// unless writes a value that is not the default one.
func unless(v, otherwise string) string {
	if v == otherwise {
		return ""
	}
	return text(v)
}

func integer[N int | int64](n *N) string {
	if n == nil {
		return ""
	}
	return fmt.Sprint(*n)
}

func truth(b, otherwise bool) string {
	if b == otherwise {
		return ""
	}
	return strconv.FormatBool(b)
}

func date(t *time.Time) string {
	if t == nil {
		return ""
	}
	return `"` + t.UTC().Format(time.DateOnly) + `"`
}

func (w *writer) section(key string, n int) {
	if n > 0 {
		w.line(0, "\n%s:", key)
	}
}

func (w *writer) parties() {
	w.section("controllers", len(w.all.Controllers))
	for _, v := range w.all.Controllers {
		w.item(1, "ref", text(v.Ref), "name", text(v.Name), "country", quoted(v.Country), "region", optional(v.Region), "time_zone", text(v.TimeZone),
			"daily_ceiling", fmt.Sprint(v.DailyCeiling))
	}
	for _, kind := range []catalog.OwnerKind{catalog.Team, catalog.Person} {
		owners := slices.DeleteFunc(slices.Clone(w.all.Owners), func(o catalog.Owner) bool { return o.Kind != kind })
		w.section(map[catalog.OwnerKind]string{catalog.Team: "teams", catalog.Person: "people"}[kind], len(owners))
		for _, v := range owners {
			w.item(1, "ref", text(v.Ref), "name", text(v.Name), "active", truth(v.Active, true))
		}
	}
	w.section("retention_policies", len(w.all.RetentionPolicies))
	for _, v := range w.all.RetentionPolicies {
		w.item(1, "ref", text(v.Ref), "name", text(v.Name), "duration", text(v.Duration), "trigger", text(v.Trigger), "action", text(v.Action),
			"ground", optional(v.Ground), "legal_reference", optional(v.LegalReference))
	}
	w.section("purposes", len(w.all.Purposes))
	for _, v := range w.all.Purposes {
		w.item(1, "ref", text(v.Ref), "name", text(v.Name), "doc", text(v.Doc), "use", text(v.Use), "legal_basis", text(v.LegalBasis))
	}
}

// quoted keeps NO a country for readers that are not ours.
func quoted(s string) string { return strconv.Quote(s) }

func (w *writer) services() {
	w.section("services", len(w.all.Services))
	for _, v := range w.all.Services {
		var networks []string
		for _, n := range v.AllowedNetworks {
			networks = append(networks, n.String())
		}
		w.item(1, "ref", text(v.Ref), "name", text(v.Name), "doc", text(v.Doc), "owner", w.ref(v.OwnerID), "controller", w.ref(&v.ControllerID),
			"party_role", unless(v.PartyRole, "CONTROLLER"), "endpoint", optional(v.Endpoint), "identifier_types", list(v.IdentifierTypes),
			"resolves", list(v.Resolves), "allowed_networks", list(networks),
			"rate_per_second", strconv.FormatFloat(v.RatePerSecond, 'g', -1, 64), "max_in_flight", fmt.Sprint(v.MaxInFlight))
	}
}

func (w *writer) stores() {
	w.section("stores", len(w.all.Stores))
	for _, v := range w.all.Stores {
		w.item(1, "ref", text(v.Ref), "name", text(v.Name), "doc", text(v.Doc), "service", w.ref(v.ServiceID), "technology", text(v.Technology),
			"access_mode", unless(v.AccessMode, "READ_WRITE"), "residency", optional(v.Residency))
		if v.BackupHorizonDays != nil {
			w.line(2, "backup:")
			w.line(3, "horizon_days: %d", *v.BackupHorizonDays)
			if v.BackupEvidenceOn != nil {
				w.line(3, "evidence_on: %s", date(v.BackupEvidenceOn))
			}
		}
		w.storeReaders(v.ID)
		w.datasetsOf(&v.ID, 2)
	}
}

func (w *writer) storeReaders(store uuid.UUID) {
	readers := slices.DeleteFunc(slices.Clone(w.all.StoreReaders), func(r catalog.StoreReader) bool { return r.StoreID != store })
	if len(readers) == 0 {
		return
	}
	w.line(2, "readers:")
	for _, r := range readers {
		w.item(3, "service", w.ref(&r.ServiceID), "reason", text(r.Reason))
	}
}

// loose writes the datasets that are in no store.
func (w *writer) loose() { w.datasetsOf(nil, 0) }

func (w *writer) datasetsOf(store *uuid.UUID, depth int) {
	first := true
	for _, v := range w.all.Datasets {
		if (v.StoreID == nil) != (store == nil) || store != nil && *v.StoreID != *store {
			continue
		}
		if first {
			w.line(depth, "datasets:")
			first = false
		}
		w.dataset(v, depth+1)
	}
}

func (w *writer) dataset(v catalog.Dataset, depth int) {
	var sources []string
	for _, id := range v.DerivedFrom {
		ref := w.refs[id]
		if e := w.datasets[id].Environment; e != v.Environment {
			ref = e + " " + ref
		}
		sources = append(sources, ref)
	}
	byDefault := "DELETE"
	if v.Kind == "TOPIC" {
		byDefault = "EXPIRE"
	}
	w.item(depth, "environment", unless(v.Environment, "production"), "namespace", text(v.Namespace), "name", text(v.Name), "kind", text(v.Kind),
		"doc", text(v.Doc), "service", w.ref(v.ServiceID), "owner", w.ref(v.OwnerID), "derived", truth(v.Derived, len(sources) > 0),
		"derived_from", list(sources), "lifecycle", unless(v.Lifecycle, "ACTIVE"), "erase_by", unless(v.EraseBy, byDefault),
		"usual_max", integer(v.UsualMax), "retention", w.ref(v.RetentionPolicyID))
	w.said(v.ID, nil, depth+1)
	fields := between(w.all.Fields, v.ID, func(f catalog.Field) uuid.UUID { return f.DatasetID })
	if len(fields) > 0 {
		w.line(depth+1, "fields:")
	}
	for _, f := range fields {
		w.item(depth+2, "path", text(f.Path), "type", text(f.DataType), "nullable", truth(f.Nullable, true), "doc", text(f.Doc), "opaque", truth(f.Opaque, false))
		w.said(v.ID, &f.ID, depth+3)
	}
}

// said writes the tags and permitted uses of a target.
func (w *writer) said(dataset uuid.UUID, field *uuid.UUID, depth int) {
	w.tags(dataset, fieldKey(field), depth)
	var purposes []string
	for _, u := range between(w.all.PermittedUses, dataset, func(u catalog.PermittedUse) uuid.UUID { return u.DatasetID }) {
		if fieldKey(u.FieldID) == fieldKey(field) {
			purposes = append(purposes, w.refs[u.PurposeID])
		}
	}
	if len(purposes) > 0 {
		w.line(depth, "permits: %s", list(purposes))
	}
}

// tags writes what is confirmed of a target, each term once: where several
// sources speak, a denial is louder, and then a person.
func (w *writer) tags(dataset, field uuid.UUID, depth int) {
	said := map[string]catalog.Tag{}
	var terms []string
	for _, t := range between(w.all.Tags, dataset, func(t catalog.Tag) uuid.UUID { return t.DatasetID }) {
		if fieldKey(t.FieldID) != field || t.State != "CONFIRMED" {
			continue
		}
		before, known := said[t.Term]
		if !known {
			terms = append(terms, t.Term)
		}
		if !known || t.Polarity == "-" && before.Polarity == "+" {
			said[t.Term] = t
		}
	}
	if len(terms) > 0 {
		w.line(depth, "tags:")
	}
	for _, term := range terms {
		t := said[term]
		if t.Polarity == "+" && t.Reason == "" && t.ValidTo == nil {
			w.line(depth+1, "- %s", text(term))
			continue
		}
		w.item(depth+1, "term", text(term), "deny", truth(t.Polarity == "-", false), "reason", text(t.Reason), "until", date(t.ValidTo))
	}
}

func (w *writer) consumption() {
	w.section("consumption", len(w.all.Consumption))
	for _, c := range w.all.Consumption {
		var purposes []string
		for _, id := range c.PurposeIDs {
			purposes = append(purposes, w.refs[id])
		}
		fields := list(c.Fields)
		if c.Fields != nil && len(c.Fields) == 0 {
			fields = "[]"
		}
		w.item(1, "service", w.ref(&c.ServiceID), "reads", text(w.refs[c.DatasetID]),
			"environment", unless(w.datasets[c.DatasetID].Environment, "production"), "purposes", list(purposes), "fields", fields)
	}
}

func (w *writer) actors() {
	w.section("actors", len(w.all.ActorAliases))
	for _, a := range w.all.ActorAliases {
		w.item(1, "cluster", unless(a.Cluster, "default"), "kind", unless(a.Kind, "GROUP"), "name", text(a.Name), "service", w.ref(&a.ServiceID))
	}
}
