package catalog_test

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
)

// Who may do what, by hand from the roles of the design (§4.4): an admin
// everything, a steward what its team owns, nobody else anything. "own" is an
// act on what the team customer-platform owns.
func TestAuthorisation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := map[string]access.Principal{
		"admin": b.admin, "own steward": b.steward, "other steward": b.other, "nobody": {},
		"lethe":                   access.System,
		"viewer":                  person(t, b.db, access.Viewer, "customer-platform"),
		"handler":                 person(t, b.db, access.Handler, "customer-platform"),
		"approver":                person(t, b.db, access.Approver, "customer-platform"),
		"dpo":                     person(t, b.db, access.DPO, "customer-platform"),
		"auditor":                 person(t, b.db, access.Auditor, "customer-platform"),
		"pipeline":                machine(t, b, access.CI, "customers"),
		"service":                 machine(t, b, access.Service, "customers"),
		"steward of no team":      person(t, b.db, access.Steward),
		"steward of a team of ''": person(t, b.db, access.Steward, ""),
	}
	own := []string{"admin", "lethe", "own steward"}
	organisation := []string{"admin", "lethe"}
	for act, a := range acts() {
		allowed := own
		if a.organisation {
			allowed = organisation
		}
		if act == "schema tags" {
			allowed = append([]string{"pipeline"}, own...)
		}
		for name, by := range who {
			err := a.do(t, b, by)
			may := false
			for _, n := range allowed {
				may = may || n == name
			}
			kind := fault.KindOf(err)
			switch {
			case may && err != nil && (kind == fault.Denied || kind == fault.Unknown || kind == fault.Internal):
				t.Errorf("%s by %s: %v", act, name, err)
			case !may && name == "nobody" && kind != fault.Unknown:
				t.Errorf("%s by nobody: %v, want to be asked to sign in", act, err)
			case !may && name != "nobody" && kind != fault.Denied:
				t.Errorf("%s by %s: %v, want a refusal", act, name, err)
			}
		}
	}
}

func machine(t *testing.T, b *bench, role access.Role, service string) access.Principal {
	p := person(t, b.db, role)
	p.Service = service
	return p
}

// Every method that takes a principal is tried: one that is new and not among
// the acts fails here.
func TestEveryActIsTried(t *testing.T) {
	t.Parallel()
	var tried []string
	for _, a := range acts() {
		tried = append(tried, a.method)
	}
	rooms, by := reflect.TypeFor[*catalog.Catalog](), reflect.TypeFor[access.Principal]()
	for i := range rooms.NumMethod() {
		m := rooms.Method(i)
		takes := false
		for n := range m.Type.NumIn() {
			takes = takes || m.Type.In(n) == by
		}
		if takes && !slices.Contains(tried, m.Name) && readings[m.Name] == nil {
			t.Errorf("%s takes a principal and is not among the acts", m.Name)
		}
	}
	for _, name := range slices.AppendSeq(tried, maps.Keys(readings)) {
		if _, ok := rooms.MethodByName(name); !ok {
			t.Errorf("there is no act %s any more", name)
		}
	}
}

// readings are what may be read, by everybody who works with the catalog: all
// roles but that of a service (design §4.4).
var readings = map[string]func(ctx context.Context, b *bench, by access.Principal) error{
	"Controllers":       listed((*catalog.Catalog).Controllers),
	"Owners":            listed((*catalog.Catalog).Owners),
	"Services":          listed((*catalog.Catalog).Services),
	"Stores":            listed((*catalog.Catalog).Stores),
	"Purposes":          listed((*catalog.Catalog).Purposes),
	"RetentionPolicies": listed((*catalog.Catalog).RetentionPolicies),
	"ActorAliases":      listed((*catalog.Catalog).ActorAliases),
	"Datasets": func(ctx context.Context, b *bench, by access.Principal) error {
		_, err := b.Datasets(ctx, by, catalog.DatasetFilter{}, page.Args{First: 1})
		return err
	},
	"Fields": func(ctx context.Context, b *bench, by access.Principal) error {
		_, err := b.Fields(ctx, by, b.dataset.ID, page.Args{First: 1})
		return err
	},
	"Changes": func(ctx context.Context, b *bench, by access.Principal) error {
		_, err := b.Changes(ctx, by, b.dataset.ID, page.Args{First: 1})
		return err
	},
	"Findings": func(ctx context.Context, b *bench, by access.Principal) error {
		_, err := b.Findings(ctx, by, nil, page.Args{First: 1})
		return err
	},
	"Generation": func(ctx context.Context, b *bench, by access.Principal) error {
		_, err := b.Generation(ctx, by)
		return err
	},
	"Snapshot": func(ctx context.Context, b *bench, by access.Principal) error {
		_, err := b.Snapshot(ctx, by)
		return err
	},
	"Find": func(ctx context.Context, b *bench, by access.Principal) error {
		_, err := b.Find(ctx, by, b.service.Ref)
		return err
	},
	"FindDataset": func(ctx context.Context, b *bench, by access.Principal) error {
		_, err := b.FindDataset(ctx, by, b.dataset.Environment, b.dataset.Namespace, b.dataset.Name)
		return err
	},
	"Keys": func(ctx context.Context, b *bench, by access.Principal) error {
		_, err := b.Keys(ctx, by, b.service.ID)
		return err
	},
}

func listed[T any](list func(*catalog.Catalog, context.Context, access.Principal, page.Args) (page.Page[T], error)) func(context.Context, *bench, access.Principal) error {
	return func(ctx context.Context, b *bench, by access.Principal) error {
		_, err := list(b.Catalog, ctx, by, page.Args{First: 1})
		return err
	}
}

func TestWhoReadsTheCatalog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, read := range readings {
		for _, role := range access.Roles {
			err := read(t.Context(), b, person(t, b.db, role))
			if role == access.Service && fault.KindOf(err) != fault.Denied || role != access.Service && err != nil {
				t.Errorf("%s by %s: %v", name, role, err)
			}
		}
		if err := read(t.Context(), b, access.Principal{}); fault.KindOf(err) != fault.Unknown {
			t.Errorf("%s by nobody: %v", name, err)
		}
	}
}

type authorised struct {
	method       string // of the catalog
	organisation bool   // only admins: it binds every team
	do           func(t *testing.T, b *bench, by access.Principal) error
}

// acts is every act of the catalog. It may fail for another reason than who
// acts; that is told apart by the kind of the fault.
func acts() map[string]authorised {
	all := map[string]authorised{}
	org := func(name, method string, do func(t *testing.T, b *bench, by access.Principal) error) {
		all[name] = authorised{method, true, do}
	}
	own := func(name, method string, do func(t *testing.T, b *bench, by access.Principal) error) {
		all[name] = authorised{method, false, do}
	}
	org("declare controller", "DeclareController", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.DeclareController(t.Context(), by, catalog.Controller{Ref: fresh("c"), Name: "C", Country: "IT", TimeZone: "Europe/Rome"})
		return err
	})
	org("declare owner", "DeclareOwner", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.DeclareOwner(t.Context(), by, catalog.Owner{Kind: catalog.Person, Ref: fresh("o"), Name: "O", Active: true})
		return err
	})
	org("declare policy", "DeclareRetentionPolicy", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.DeclareRetentionPolicy(t.Context(), by, catalog.RetentionPolicy{Ref: fresh("p"), Name: "P", Duration: "P1Y", Trigger: "CREATION", Action: "DELETE"})
		return err
	})
	org("declare purpose", "DeclarePurpose", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.DeclarePurpose(t.Context(), by, catalog.Purpose{Ref: fresh("u"), Name: "U", Use: "collect", LegalBasis: "CONSENT"})
		return err
	})
	org("register a service that nobody owns", "RegisterService", func(t *testing.T, b *bench, by access.Principal) error {
		s := b.aService(fresh("s"))
		s.OwnerID = nil
		_, err := b.RegisterService(t.Context(), by, s)
		return err
	})
	org("declare a store that nobody owns", "DeclareStore", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.DeclareStore(t.Context(), by, catalog.Store{Ref: fresh("t"), Name: "T", Technology: "S3"})
		return err
	})
	own("register service", "RegisterService", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.RegisterService(t.Context(), by, b.aService(fresh("s")))
		return err
	})
	own("update service", "UpdateService", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.UpdateService(t.Context(), by, b.service)
		return err
	})
	own("give service away", "SetServiceOwner", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.SetServiceOwner(t.Context(), by, b.service.ID, b.service.Rev, &b.team.ID)
		return err
	})
	own("disable service", "DisableService", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.DisableService(t.Context(), by, b.service.ID, 99)
		if fault.KindOf(err) == fault.Conflict { // the revision is judged first: try with the right one on a service of its own
			s, _ := b.RegisterService(t.Context(), b.admin, b.aService(fresh("d")))
			_, err = b.DisableService(t.Context(), by, s.ID, s.Rev)
		}
		return err
	})
	own("begin challenge", "BeginChallenge", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.BeginChallenge(t.Context(), by, b.service.ID)
		return err
	})
	own("begin rotation", "BeginRotation", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.BeginRotation(t.Context(), by, b.service.ID)
		return err
	})
	own("complete challenge", "CompleteChallenge", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.CompleteChallenge(t.Context(), by, b.service.ID, catalog.Answer{})
		return err
	})
	own("revoke key", "RevokeKey", func(t *testing.T, b *bench, by access.Principal) error {
		return b.RevokeKey(t.Context(), by, b.service.ID, "none")
	})
	own("declare store", "DeclareStore", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.DeclareStore(t.Context(), by, catalog.Store{Ref: fresh("t"), Name: "T", Technology: "S3", ServiceID: &b.service.ID})
		return err
	})
	own("declare reader", "DeclareStoreReader", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.DeclareStoreReader(t.Context(), by, catalog.StoreReader{StoreID: b.store.ID, ServiceID: b.service.ID})
		return err
	})
	own("declare dataset", "DeclareDataset", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.DeclareDataset(t.Context(), by, catalog.Dataset{Namespace: "s3://x", Name: fresh("d"), Kind: "OBJECTS", StoreID: &b.store.ID})
		return err
	})
	own("give dataset away", "SetDatasetOwner", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.SetDatasetOwner(t.Context(), by, b.dataset.ID, b.dataset.Rev, nil)
		return err
	})
	own("declare fields", "DeclareFields", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.DeclareFields(t.Context(), by, b.dataset.ID, []catalog.Field{{Path: fresh("f")}})
		return err
	})
	own("assert tags", "AssertTags", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.AssertTags(t.Context(), by, []catalog.Tag{{DatasetID: b.dataset.ID, Term: "user.name", Reason: fresh("r")}})
		return err
	})
	own("schema tags", "AssertTags", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.AssertTags(t.Context(), by, []catalog.Tag{{DatasetID: b.dataset.ID, Term: "user.name", Source: "SCHEMA", Reason: fresh("r")}})
		return err
	})
	own("end tags", "EndTags", func(t *testing.T, b *bench, by access.Principal) error {
		tags, err := b.AssertTags(t.Context(), b.admin, []catalog.Tag{{DatasetID: b.dataset.ID, Term: "user.social"}})
		if err != nil {
			return err
		}
		return b.EndTags(t.Context(), by, []uuid.UUID{tags[0].ID})
	})
	own("decide tags", "DecideTags", func(t *testing.T, b *bench, by access.Principal) error {
		tags, err := b.AssertTags(t.Context(), b.admin, []catalog.Tag{{DatasetID: b.dataset.ID, Term: "user.social", State: "SUGGESTED", Reason: fresh("r"), Source: "SCHEMA"}})
		if err != nil {
			return err
		}
		_, err = b.DecideTags(t.Context(), by, []uuid.UUID{tags[0].ID}, "CONFIRMED", "")
		return err
	})
	own("permit use", "DeclarePermittedUse", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.DeclarePermittedUse(t.Context(), by, catalog.PermittedUse{DatasetID: b.dataset.ID, PurposeID: nobody})
		return err
	})
	own("declare consumption", "DeclareConsumption", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.DeclareConsumption(t.Context(), by, catalog.Consumption{ServiceID: b.service.ID, DatasetID: nobody})
		return err
	})
	own("declare actor", "DeclareActorAlias", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := b.DeclareActorAlias(t.Context(), by, catalog.ActorAlias{Kind: "GROUP", Name: fresh("g"), ServiceID: b.service.ID})
		return err
	})
	own("end actor", "EndActorAlias", func(t *testing.T, b *bench, by access.Principal) error {
		n, err := b.DeclareActorAlias(t.Context(), b.admin, catalog.ActorAlias{Kind: "GROUP", Name: fresh("g"), ServiceID: b.service.ID})
		if err != nil {
			return err
		}
		return b.EndActorAlias(t.Context(), by, n.ID)
	})
	explain := func(t *testing.T, b *bench, by access.Principal) (catalog.Dismissal, error) {
		group := fresh("g")
		b.reading(t, group, today)
		return b.DismissReader(t.Context(), by, catalog.Dismissal{Group: group, DatasetID: b.dataset.ID, Reason: "a tool", ValidTo: time.Now().Add(time.Hour)})
	}
	own("dismiss reader", "DismissReader", func(t *testing.T, b *bench, by access.Principal) error {
		_, err := explain(t, b, by)
		return err
	})
	own("end dismissal", "EndDismissal", func(t *testing.T, b *bench, by access.Principal) error {
		d, err := explain(t, b, b.admin)
		if err != nil {
			return err
		}
		return b.EndDismissal(t.Context(), by, d.ID)
	})
	own("end consumption", "EndConsumption", func(t *testing.T, b *bench, by access.Principal) error {
		c, err := b.DeclareConsumption(t.Context(), b.admin, catalog.Consumption{ServiceID: b.service.ID, DatasetID: b.dataset.ID})
		if err != nil {
			return err
		}
		return b.EndConsumption(t.Context(), by, c.ID)
	})
	own("end a store's reader", "EndStoreReader", func(t *testing.T, b *bench, by access.Principal) error {
		s, err := b.RegisterService(t.Context(), b.admin, b.aService(fresh("r")))
		if err != nil {
			return err
		}
		r, err := b.DeclareStoreReader(t.Context(), b.admin, catalog.StoreReader{StoreID: b.store.ID, ServiceID: s.ID, Reason: "reports"})
		if err != nil {
			return err
		}
		return b.EndStoreReader(t.Context(), by, r.ID)
	})
	own("end a permitted use", "EndPermittedUse", func(t *testing.T, b *bench, by access.Principal) error {
		p, err := b.DeclarePurpose(t.Context(), b.admin, catalog.Purpose{Ref: fresh("u"), Name: "U", Use: "collect", LegalBasis: "CONSENT"})
		if err != nil {
			return err
		}
		u, err := b.DeclarePermittedUse(t.Context(), b.admin, catalog.PermittedUse{DatasetID: b.dataset.ID, PurposeID: p.ID})
		if err != nil {
			return err
		}
		return b.EndPermittedUse(t.Context(), by, u.ID)
	})
	own("rehearse", "Rehearse", func(t *testing.T, b *bench, by access.Principal) error {
		return b.Rehearse(t.Context(), by, catalog.Changes{Put: catalog.Contents{Stores: []catalog.Store{{Ref: fresh("t"), Name: "T", Technology: "S3", ServiceID: &b.service.ID}}}})
	})
	own("apply", "Apply", func(t *testing.T, b *bench, by access.Principal) error {
		return b.Apply(t.Context(), by, catalog.Changes{Put: catalog.Contents{Stores: []catalog.Store{{Ref: fresh("t"), Name: "T", Technology: "S3", ServiceID: &b.service.ID}}}})
	})
	return all
}

func fresh(prefix string) string { return prefix + "-" + uuid.NewString()[:8] }

// Nothing slips to another team: what a steward has, it cannot put under a
// service of others, nor take from them.
func TestStewardsKeepToTheirTeams(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	theirs := b.aService("orders")
	theirs.OwnerID = &b.orders.ID
	theirs = must(b.RegisterService(ctx, b.other, theirs))(t)
	denied := func(what string, err error) {
		t.Helper()
		if fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: %v, want a refusal", what, err)
		}
	}
	store, dataset := b.store, b.dataset
	store.ServiceID = &theirs.ID
	_, err := b.DeclareStore(ctx, b.steward, store)
	denied("own store under their service", err)
	_, err = b.DeclareStore(ctx, b.other, store)
	denied("our store taken", err)
	dataset.ServiceID = &theirs.ID
	_, err = b.DeclareDataset(ctx, b.steward, dataset)
	denied("own dataset under their service", err)
	_, err = b.DeclareDataset(ctx, b.other, dataset)
	denied("our dataset taken", err)
	alias := must(b.DeclareActorAlias(ctx, b.other, catalog.ActorAlias{Kind: "GROUP", Name: "orders", ServiceID: theirs.ID}))(t)
	alias.ServiceID = b.service.ID
	_, err = b.DeclareActorAlias(ctx, b.steward, alias)
	denied("their consumer group taken", err)
	_, err = b.AssertTags(ctx, machine(t, b, access.CI, "orders"), []catalog.Tag{{DatasetID: b.dataset.ID, Term: "user.name", Source: "SCHEMA"}})
	denied("tags by another service's pipeline", err)
	_, err = b.AssertTags(ctx, machine(t, b, access.CI, ""), []catalog.Tag{{DatasetID: b.dataset.ID, Term: "user.name", Source: "SCHEMA"}})
	denied("tags by a pipeline of no service", err)
}
