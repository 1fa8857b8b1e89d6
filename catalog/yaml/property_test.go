package yaml_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/yaml"
)

// maker makes catalogs out of a seed, with text that is hard on YAML.
type maker struct {
	*rand.Rand
	all catalog.Contents
}

var texts = []string{"plain", "two words", "yes", "NO", "null", "~", "1e3", "0x10", "2026-11-23", "a: b", "a #b", "- a", "'quoted'", `"both'`, "${HOME}", "$${X}", "$",
	"{a}", "[b]", "c, d", "*e", "&f", "!g", "%h", "@i", "`j", "| k", "> l", "? m", "tab\there", "line\nbreak\n\nmore", "trailing ", " leading", "ünïcödé", "日本", "🙂",
	"\u2028", "back\\slash", "colon:", ":colon", "//", "<html>", "a:b", "a::b", "\u00a0", "=", "<<"}

func (m *maker) text() string { return texts[m.IntN(len(texts))] }

// title is a text that may stand as a name on a screen.
func (m *maker) title() string {
	for {
		if s := m.text(); !strings.ContainsAny(s, "\n\t") && strings.TrimSpace(s) != "" {
			return s
		}
	}
}

func (m *maker) maybe(s string) *string {
	if m.IntN(2) == 0 {
		return nil
	}
	return &s
}

func id() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func pick[T any](m *maker, from []T) T { return from[m.IntN(len(from))] }

func ptr[T any](v T) *T { return &v }

func (m *maker) company() {
	a := &m.all
	a.Controllers = []catalog.Controller{{ID: id(), Ref: "c1", Name: m.title(), Country: "NO", TimeZone: "Europe/Oslo", DailyCeiling: 1 + m.IntN(500)}}
	for i := range 3 {
		kind := pick(m, []catalog.OwnerKind{catalog.Team, catalog.Person})
		a.Owners = append(a.Owners, catalog.Owner{ID: id(), Kind: kind, Ref: fmt.Sprintf("o%d", i), Name: m.title(), Active: m.IntN(3) > 0})
		a.Purposes = append(a.Purposes, catalog.Purpose{ID: id(), Ref: fmt.Sprintf("p%d", i), Name: m.title(), Doc: m.text(), Use: "essential.service", LegalBasis: "CONTRACT"})
		a.RetentionPolicies = append(a.RetentionPolicies, catalog.RetentionPolicy{ID: id(), Ref: fmt.Sprintf("r%d", i), Name: m.title(),
			Duration: pick(m, []string{"P1Y", "P30D", "PT24H"}), Trigger: "CREATION", Action: "DELETE", LegalReference: m.maybe(m.title())})
	}
	for i := range 3 {
		s := catalog.Service{ID: id(), Ref: fmt.Sprintf("s%d", i), Name: m.title(), Doc: m.text(), ControllerID: a.Controllers[0].ID, PartyRole: "PROCESSOR",
			RatePerSecond: 0.5 + float64(m.IntN(100)), MaxInFlight: 1 + m.IntN(9), IdentifierTypes: []string{"email", "phone"}}
		if m.IntN(2) == 0 {
			s.OwnerID = &a.Owners[m.IntN(3)].ID
		}
		a.Services = append(a.Services, s)
		st := catalog.Store{ID: id(), Ref: fmt.Sprintf("t%d", i), Name: m.title(), Doc: m.text(), ServiceID: &s.ID, Technology: "POSTGRESQL", AccessMode: "READ", Residency: m.maybe(m.title())}
		if m.IntN(2) == 0 {
			st.BackupHorizonDays, st.BackupEvidenceOn = ptr(m.IntN(99)), ptr(time.Date(2026, 1, 1+m.IntN(300), 0, 0, 0, 0, time.UTC))
		}
		a.Stores = append(a.Stores, st)
	}
	slices.SortFunc(a.Owners, func(x, y catalog.Owner) int { return bytes.Compare([]byte(x.Ref), []byte(y.Ref)) })
}

func (m *maker) data() {
	a := &m.all
	for i := range 4 {
		d := catalog.Dataset{ID: id(), Environment: pick(m, []string{"production", "sit"}), Namespace: pick(m, []string{"postgres://x", "s3://bücher,[1]", "yes"}),
			Name: pick(m, []string{"public.a", "ä#b", "'c'", "{d}", "e:f", "- "[:1]}) + fmt.Sprint(i), Kind: "TABLE", Doc: m.text(), StoreID: &a.Stores[m.IntN(3)].ID,
			Lifecycle: pick(m, []string{"ACTIVE", "DRAFT"}), EraseBy: pick(m, []string{"DELETE", "EXPIRE"}), Derived: m.IntN(4) == 0}
		if len(a.Datasets) > 0 && m.IntN(2) == 0 {
			d.Derived, d.DerivedFrom = true, []uuid.UUID{pick(m, a.Datasets).ID}
		}
		if m.IntN(2) == 0 {
			d.RetentionPolicyID, d.UsualMax = &a.RetentionPolicies[m.IntN(3)].ID, ptr(int64(1+m.IntN(100)))
		}
		a.Datasets = append(a.Datasets, d)
		for j, path := range []string{"email", "#key", "items[].sku", `a\.b`, "x<y.Z>{}"} {
			f := catalog.Field{ID: id(), DatasetID: d.ID, Path: path, DataType: m.title(), Nullable: m.IntN(2) == 0, Doc: m.text(), Opaque: m.IntN(4) == 0}
			a.Fields = append(a.Fields, f)
			if j < 3 {
				m.say(d.ID, &f.ID)
			}
		}
		m.say(d.ID, nil)
	}
	slices.SortFunc(a.Fields, func(x, y catalog.Field) int {
		return bytes.Compare(append(x.DatasetID[:], x.Path...), append(y.DatasetID[:], y.Path...))
	})
}

// say makes assertions on a target, of what is already said of it none.
func (m *maker) say(dataset uuid.UUID, field *uuid.UUID) {
	a := &m.all
	if m.IntN(2) == 0 {
		t := catalog.Tag{ID: id(), DatasetID: dataset, FieldID: field, Term: pick(m, []string{"user.name", "user.contact.email", "customer"}), Polarity: "+", State: "CONFIRMED", Source: "IMPORT"}
		if m.IntN(2) == 0 {
			t.Polarity, t.Reason = "-", m.title()
		}
		if m.IntN(3) == 0 {
			t.ValidTo = ptr(time.Date(2099, 1, 1+m.IntN(300), 0, 0, 0, 0, time.UTC))
		}
		a.Tags = append(a.Tags, t)
	}
	if m.IntN(2) == 0 {
		a.PermittedUses = append(a.PermittedUses, catalog.PermittedUse{ID: id(), DatasetID: dataset, FieldID: field, PurposeID: pick(m, a.Purposes).ID})
	}
}

// relations replaces who reads what.
func (m *maker) relations() {
	a := &m.all
	a.Consumption, a.StoreReaders, a.ActorAliases = nil, nil, nil
	for i, s := range a.Services {
		if m.IntN(2) == 0 {
			c := catalog.Consumption{ID: id(), ServiceID: s.ID, DatasetID: pick(m, a.Datasets).ID}
			c.Fields = pick(m, [][]string{nil, {}, {"#key", "items[].sku"}})
			if m.IntN(2) == 0 {
				c.PurposeIDs = []uuid.UUID{pick(m, a.Purposes).ID}
			}
			a.Consumption = append(a.Consumption, c)
		}
		if m.IntN(2) == 0 {
			a.StoreReaders = append(a.StoreReaders, catalog.StoreReader{ID: id(), StoreID: a.Stores[(i+1)%3].ID, ServiceID: s.ID, Reason: m.title()})
		}
		a.ActorAliases = append(a.ActorAliases, catalog.ActorAlias{Cluster: "default", Kind: "GROUP", Name: "g" + m.title(), ServiceID: s.ID})
	}
	slices.SortFunc(a.ActorAliases, func(x, y catalog.ActorAlias) int { return bytes.Compare([]byte(x.Name), []byte(y.Name)) })
	a.ActorAliases = slices.CompactFunc(a.ActorAliases, func(x, y catalog.ActorAlias) bool { return x.Name == y.Name })
}

// Any catalog, written to a file, imports; a second time it changes nothing;
// what is exported then says the same. Then any other words about the same
// things import over it, with the same properties: what the file no longer
// says has ended.
func TestImportIsIdempotent(t *testing.T) {
	t.Parallel()
	for seed := range uint64(25) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			m := &maker{Rand: rand.New(rand.NewPCG(seed, 7))}
			m.company()
			m.data()
			m.relations()
			b.settles(t, m.all)
			m.all.Tags, m.all.PermittedUses = nil, nil
			for _, d := range m.all.Datasets {
				m.say(d.ID, nil)
			}
			for i := range m.all.Datasets {
				m.all.Datasets[i].Doc = m.text()
			}
			m.relations()
			b.settles(t, m.all)
		})
	}
}

func (b *bench) settles(t *testing.T, want catalog.Contents) {
	t.Helper()
	file := yaml.Export(want)
	b.apply(t, file)
	if again := b.plan(t, file); len(again.Steps) != 0 {
		t.Errorf("the second import changes %+v\n%s", again.Steps, file)
	}
	now := b.everything(t)
	if again := b.plan(t, yaml.Export(now)); len(again.Steps) != 0 {
		t.Errorf("the export imports with %+v", again.Steps)
	}
	count := func(c catalog.Contents) [5]int {
		return [5]int{len(c.Datasets), len(c.Fields), len(c.Tags), len(c.PermittedUses), len(c.Consumption) + len(c.StoreReaders)}
	}
	if count(now) != count(want) {
		t.Errorf("the catalog has %v, the file says %v", count(now), count(want))
	}
	for i, d := range want.Datasets {
		found := slices.ContainsFunc(now.Datasets, func(n catalog.Dataset) bool {
			return n.Environment == d.Environment && n.Namespace == d.Namespace && n.Name == d.Name && n.Doc == d.Doc && n.Derived == d.Derived && n.EraseBy == d.EraseBy
		})
		if !found {
			t.Errorf("dataset %d is not as it was written: %+v", i, d)
		}
	}
}
