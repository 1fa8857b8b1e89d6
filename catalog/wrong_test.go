package catalog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
)

func ptr[T any](v T) *T { return &v }

// wrong is a form of an act that must be refused, with the place and code of
// what is told.
type wrong struct {
	what string
	do   func(t *testing.T, b *bench) error
	want string // path:CODE, several with a space between
}

func told(err error) string {
	var out []string
	for _, f := range fault.All(err) {
		out = append(out, strings.Join(f.Path, ".")+":"+f.Code)
	}
	return strings.Join(out, " ")
}

var nobody = uuid.MustParse("01890000-0000-7000-8000-00000000dead")

// Every act has its wrong forms: refused with code and path, nothing written.
func TestWrongForms(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tag(t, "user.contact.email")
	b.reading(t, "exporter", today)
	for _, w := range wrongForms() {
		t.Run(w.what, func(t *testing.T) {
			before, history := generation(t, b), b.count(t, "catalog_change")
			err := w.do(t, b)
			if got := told(err); got != w.want {
				t.Errorf("told %q (%v), want %q", got, err, w.want)
			}
			if generation(t, b) != before || b.count(t, "catalog_change") != history {
				t.Error("something was written")
			}
		})
	}
}

// count reads how many rows of its own log the catalog has, or of another
// table that a test names.
func (b *bench) count(t testing.TB, table string) int {
	t.Helper()
	var n int
	if err := b.db.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func wrongForms() []wrong {
	dismissal := func(amend func(*catalog.Dismissal)) func(*testing.T, *bench) error {
		return func(t *testing.T, b *bench) error {
			d := catalog.Dismissal{Group: "exporter", DatasetID: b.dataset.ID, Reason: "a tool", ValidTo: time.Now().Add(time.Hour)}
			amend(&d)
			_, err := b.DismissReader(t.Context(), b.steward, d)
			return err
		}
	}
	controller := func(amend func(*catalog.Controller)) func(*testing.T, *bench) error {
		return func(t *testing.T, b *bench) error {
			c := catalog.Controller{Ref: "other", Name: "Other", Country: "FR", TimeZone: "Europe/Paris"}
			amend(&c)
			_, err := b.DeclareController(t.Context(), b.admin, c)
			return err
		}
	}
	service := func(amend func(*bench, *catalog.Service)) func(*testing.T, *bench) error {
		return func(t *testing.T, b *bench) error {
			s := b.aService("other")
			amend(b, &s)
			_, err := b.RegisterService(t.Context(), b.steward, s)
			return err
		}
	}
	store := func(amend func(*bench, *catalog.Store)) func(*testing.T, *bench) error {
		return func(t *testing.T, b *bench) error {
			s := catalog.Store{Ref: "other", Name: "Other", ServiceID: &b.service.ID, Technology: "REDIS"}
			amend(b, &s)
			_, err := b.DeclareStore(t.Context(), b.steward, s)
			return err
		}
	}
	dataset := func(amend func(*bench, *catalog.Dataset)) func(*testing.T, *bench) error {
		return func(t *testing.T, b *bench) error {
			d := catalog.Dataset{Namespace: "postgres://other", Name: "public.other", Kind: "TABLE", StoreID: &b.store.ID}
			amend(b, &d)
			_, err := b.DeclareDataset(t.Context(), b.steward, d)
			return err
		}
	}
	policy := func(amend func(*catalog.RetentionPolicy)) func(*testing.T, *bench) error {
		return func(t *testing.T, b *bench) error {
			p := catalog.RetentionPolicy{Ref: "p", Name: "P", Duration: "P1Y", Trigger: "CREATION", Action: "DELETE"}
			amend(&p)
			_, err := b.DeclareRetentionPolicy(t.Context(), b.admin, p)
			return err
		}
	}
	tag := func(amend func(*bench, *catalog.Tag)) func(*testing.T, *bench) error {
		return func(t *testing.T, b *bench) error {
			g := catalog.Tag{DatasetID: b.dataset.ID, Term: "user.name"}
			amend(b, &g)
			_, err := b.AssertTags(t.Context(), b.steward, []catalog.Tag{g})
			return err
		}
	}
	return []wrong{
		{"controller without anything", func(t *testing.T, b *bench) error {
			_, err := b.DeclareController(t.Context(), b.admin, catalog.Controller{DailyCeiling: -1})
			return err
		}, "ref:BAD_REF name:BAD_NAME country:UNKNOWN_COUNTRY timeZone:UNKNOWN_TIME_ZONE dailyCeiling:OUT_OF_RANGE"},
		{"controller's ref in capitals", controller(func(c *catalog.Controller) { c.Ref = "Other" }), "ref:BAD_REF"},
		{"controller's ref taken", controller(func(c *catalog.Controller) { c.Ref = "flowmart-de" }), "ref:TAKEN"},
		{"controller's country unknown", controller(func(c *catalog.Controller) { c.Country = "XX" }), "country:UNKNOWN_COUNTRY"},
		{"controller's country two codes", controller(func(c *catalog.Controller) { c.Country = "E " }), "country:UNKNOWN_COUNTRY"},
		{"controller's region of another country", controller(func(c *catalog.Controller) { c.Region = ptr("DE-BY") }), "region:UNKNOWN_REGION"},
		{"controller's zone Local", controller(func(c *catalog.Controller) { c.TimeZone = "Local" }), "timeZone:UNKNOWN_TIME_ZONE"},
		{"controller's zone a path", controller(func(c *catalog.Controller) { c.TimeZone = "../etc/passwd" }), "timeZone:UNKNOWN_TIME_ZONE"},
		{"controller unknown", controller(func(c *catalog.Controller) { c.ID, c.Rev = nobody, 1 }), ":CONTROLLER_NOT_FOUND"},
		{"owner of no kind", func(t *testing.T, b *bench) error {
			_, err := b.DeclareOwner(t.Context(), b.admin, catalog.Owner{Kind: "TEEM", Ref: "x", Name: "X"})
			return err
		}, "kind:UNKNOWN_VALUE"},
		{"owner's ref taken", func(t *testing.T, b *bench) error {
			_, err := b.DeclareOwner(t.Context(), b.admin, catalog.Owner{Kind: catalog.Team, Ref: "order-management", Name: "X"})
			return err
		}, "ref:TAKEN"},

		{"service without anything", func(t *testing.T, b *bench) error {
			_, err := b.RegisterService(t.Context(), b.admin, catalog.Service{})
			return err
		}, "ref:BAD_REF name:BAD_NAME"},
		{"service without a controller", service(func(b *bench, s *catalog.Service) { s.ControllerID = nobody }), "controllerId:UNKNOWN_REFERENCE"},
		{"service's ref taken", service(func(b *bench, s *catalog.Service) { s.Ref = "customers" }), "ref:TAKEN"},
		{"service's name with a line break", service(func(b *bench, s *catalog.Service) { s.Name = "a\nb" }), "name:BAD_NAME"},
		{"service new with a revision", service(func(b *bench, s *catalog.Service) { s.Rev = 1 }), "rev:NOT_NEW"},
		{"service's id in use", service(func(b *bench, s *catalog.Service) { s.ID = b.service.ID }), "id:TAKEN"},
		{"service's role unknown", service(func(b *bench, s *catalog.Service) { s.PartyRole = "PROCESOR" }), "partyRole:UNKNOWN_VALUE"},
		{"service's identifier types", service(func(b *bench, s *catalog.Service) { s.IdentifierTypes = []string{"E-Mail", "email", "email"} }),
			"identifierTypes:BAD_IDENTIFIER_TYPE identifierTypes:TWICE"},
		{"service resolves from what it does not know", service(func(b *bench, s *catalog.Service) { s.Resolves = []string{"phone"} }), "resolves:NOT_AN_IDENTIFIER_TYPE"},
		{"service's rates", service(func(b *bench, s *catalog.Service) { s.RatePerSecond, s.MaxInFlight = -1, -1 }), "ratePerSecond:OUT_OF_RANGE maxInFlight:OUT_OF_RANGE"},
		{"service's description with NUL", service(func(b *bench, s *catalog.Service) { s.Doc = "\x00" }), "doc:TOO_LONG"},
		{"service's endpoint", service(func(b *bench, s *catalog.Service) { s.Endpoint = ptr("http://example.com") }), "endpoint:HTTPS_REQUIRED"},
		{"service updated without revision", func(t *testing.T, b *bench) error {
			s := b.service
			s.Rev = 0
			_, err := b.UpdateService(t.Context(), b.steward, s)
			return err
		}, "rev:REQUIRED"},
		{"service given away without revision", func(t *testing.T, b *bench) error {
			_, err := b.SetServiceOwner(t.Context(), b.steward, b.service.ID, 0, nil)
			return err
		}, "rev:REQUIRED"},
		{"service given away at a negative revision", func(t *testing.T, b *bench) error {
			_, err := b.SetServiceOwner(t.Context(), b.steward, b.service.ID, -1, nil)
			return err
		}, "rev:REQUIRED"},
		{"service disabled without revision", func(t *testing.T, b *bench) error {
			_, err := b.DisableService(t.Context(), b.steward, b.service.ID, 0)
			return err
		}, "rev:REQUIRED"},
		{"dataset given away without revision", func(t *testing.T, b *bench) error {
			_, err := b.SetDatasetOwner(t.Context(), b.steward, b.dataset.ID, 0, nil)
			return err
		}, "rev:REQUIRED"},
		{"service updated at an old revision", func(t *testing.T, b *bench) error {
			s := b.service
			s.Rev = 7
			_, err := b.UpdateService(t.Context(), b.steward, s)
			return err
		}, ":CONFLICT"},
		{"service updated that is not there", func(t *testing.T, b *bench) error {
			s := b.service
			s.ID = nobody
			_, err := b.UpdateService(t.Context(), b.steward, s)
			return err
		}, ":SERVICE_NOT_FOUND"},
		{"service disabled at an old revision", func(t *testing.T, b *bench) error {
			_, err := b.DisableService(t.Context(), b.steward, b.service.ID, 9)
			return err
		}, ":CONFLICT"},
		{"service given to nobody known", func(t *testing.T, b *bench) error {
			_, err := b.SetServiceOwner(t.Context(), b.steward, b.service.ID, b.service.Rev, &nobody)
			return err
		}, "ownerId:UNKNOWN_REFERENCE"},
		{"challenge of no service", func(t *testing.T, b *bench) error {
			_, err := b.BeginChallenge(t.Context(), b.steward, nobody)
			return err
		}, ":SERVICE_NOT_FOUND"},
		{"key of no service", func(t *testing.T, b *bench) error { return b.RevokeKey(t.Context(), b.steward, b.service.ID, "k1") }, ":KEY_NOT_FOUND"},

		{"store's technology", store(func(b *bench, s *catalog.Store) { s.Technology = "POSTGRES" }), "technology:UNKNOWN_VALUE"},
		{"store's mode", store(func(b *bench, s *catalog.Store) { s.AccessMode = "RW" }), "accessMode:UNKNOWN_VALUE"},
		{"store's horizon", store(func(b *bench, s *catalog.Store) { s.BackupHorizonDays = ptr(-1) }), "backupHorizonDays:OUT_OF_RANGE"},
		{"store's evidence of nothing", store(func(b *bench, s *catalog.Store) { s.BackupEvidenceOn = ptr(today) }), "backupHorizonDays:REQUIRED"},
		{"store's residency empty", store(func(b *bench, s *catalog.Store) { s.Residency = ptr("") }), "residency:BAD_RESIDENCY"},
		{"store's ref taken", store(func(b *bench, s *catalog.Store) { s.Ref = "customers-db" }), "ref:TAKEN"},
		{"store of no service known", func(t *testing.T, b *bench) error {
			_, err := b.DeclareStore(t.Context(), b.admin, catalog.Store{Ref: "x", Name: "X", Technology: "S3", ServiceID: &nobody})
			return err
		}, "serviceId:UNKNOWN_REFERENCE"},
		{"reader of its own store", func(t *testing.T, b *bench) error {
			_, err := b.DeclareStoreReader(t.Context(), b.steward, catalog.StoreReader{StoreID: b.store.ID, ServiceID: b.service.ID})
			return err
		}, "serviceId:OWN_STORE"},
		{"reader of no store", func(t *testing.T, b *bench) error {
			_, err := b.DeclareStoreReader(t.Context(), b.steward, catalog.StoreReader{StoreID: nobody, ServiceID: b.service.ID})
			return err
		}, "storeId:UNKNOWN_REFERENCE"},
		{"reader that is no service", func(t *testing.T, b *bench) error {
			_, err := b.DeclareStoreReader(t.Context(), b.steward, catalog.StoreReader{StoreID: b.store.ID, ServiceID: nobody})
			return err
		}, "serviceId:UNKNOWN_REFERENCE"},
		{"reader ended that is not there", func(t *testing.T, b *bench) error { return b.EndStoreReader(t.Context(), b.steward, nobody) }, ":STORE_READER_NOT_FOUND"},

		{"dataset's name with a space", dataset(func(b *bench, d *catalog.Dataset) { d.Name = "a b" }), "name:BAD_NAME"},
		{"dataset's namespace empty", dataset(func(b *bench, d *catalog.Dataset) { d.Namespace = "" }), "namespace:BAD_NAMESPACE"},
		{"dataset's environment", dataset(func(b *bench, d *catalog.Dataset) { d.Environment = "Prod" }), "environment:BAD_ENVIRONMENT"},
		{"dataset's kind", dataset(func(b *bench, d *catalog.Dataset) { d.Kind = "TABEL" }), "kind:UNKNOWN_VALUE"},
		{"dataset's lifecycle and erasure", dataset(func(b *bench, d *catalog.Dataset) { d.Lifecycle, d.EraseBy = "OLD", "DROP" }), "lifecycle:UNKNOWN_VALUE eraseBy:UNKNOWN_VALUE"},
		{"dataset's usual count", dataset(func(b *bench, d *catalog.Dataset) { d.UsualMax = ptr(int64(0)) }), "usualMax:OUT_OF_RANGE"},
		{"dataset taken", dataset(func(b *bench, d *catalog.Dataset) { d.Namespace, d.Name = b.dataset.Namespace, b.dataset.Name }), "name:TAKEN"},
		{"dataset from itself", dataset(func(b *bench, d *catalog.Dataset) { d.ID = uuid.Must(uuid.NewV7()); d.DerivedFrom = []uuid.UUID{d.ID} }), "derivedFrom:DERIVED_FROM_ITSELF"},
		{"dataset from nowhere", dataset(func(b *bench, d *catalog.Dataset) { d.DerivedFrom = []uuid.UUID{nobody} }), "derivedFrom:UNKNOWN_REFERENCE"},
		{"dataset of no policy known", dataset(func(b *bench, d *catalog.Dataset) { d.RetentionPolicyID = &nobody }), "retentionPolicyId:UNKNOWN_REFERENCE"},
		{"topic outside Kafka", dataset(func(b *bench, d *catalog.Dataset) { d.Kind = "TOPIC" }), "namespace:BAD_NAMESPACE"},
		{"topic with a bad name", dataset(func(b *bench, d *catalog.Dataset) { d.Kind, d.Namespace, d.Name = "TOPIC", "kafka://default", "ä" }), "name:BAD_TOPIC"},
		{"dataset given at an old revision", func(t *testing.T, b *bench) error {
			_, err := b.SetDatasetOwner(t.Context(), b.steward, b.dataset.ID, 5, nil)
			return err
		}, ":CONFLICT"},
		{"fields none", func(t *testing.T, b *bench) error {
			_, err := b.DeclareFields(t.Context(), b.steward, b.dataset.ID, nil)
			return err
		}, "fields:OUT_OF_RANGE"},
		{"fields of no dataset", func(t *testing.T, b *bench) error {
			_, err := b.DeclareFields(t.Context(), b.steward, nobody, []catalog.Field{{Path: "a"}})
			return err
		}, "datasetId:UNKNOWN_REFERENCE"},
		{"fields wrong and twice", func(t *testing.T, b *bench) error {
			_, err := b.DeclareFields(t.Context(), b.steward, b.dataset.ID, []catalog.Field{{Path: "a..b"}, {Path: "a"}, {Path: "a", DataType: "\x00"}})
			return err
		}, "fields.0.path:BAD_FIELD_PATH fields.2.path:TWICE fields.2.dataType:TOO_LONG"},

		{"policy's duration", policy(func(p *catalog.RetentionPolicy) { p.Duration = "10 years" }), "duration:BAD_DURATION"},
		{"policy's words", policy(func(p *catalog.RetentionPolicy) { p.Trigger, p.Action = "BIRTH", "SHRED" }), "trigger:UNKNOWN_VALUE action:UNKNOWN_VALUE"},
		{"policy's ground without law", policy(func(p *catalog.RetentionPolicy) { p.Ground = ptr("17(3)(b)") }), "legalReference:REQUIRED"},
		{"policy's ground", policy(func(p *catalog.RetentionPolicy) { p.Ground, p.LegalReference = ptr("17.3.b"), ptr("AO") }), "ground:UNKNOWN_VALUE"},
		{"purpose's words", func(t *testing.T, b *bench) error {
			_, err := b.DeclarePurpose(t.Context(), b.admin, catalog.Purpose{Ref: "p", Name: "P", Use: "essential.servise", LegalBasis: "LAW"})
			return err
		}, "legalBasis:UNKNOWN_VALUE use:UNKNOWN_TERM"},
		{"purpose's use a category", func(t *testing.T, b *bench) error {
			_, err := b.DeclarePurpose(t.Context(), b.admin, catalog.Purpose{Ref: "p", Name: "P", Use: "user.name", LegalBasis: "CONTRACT"})
			return err
		}, "use:TERM_DOES_NOT_APPLY"},

		{"tag unknown", tag(func(b *bench, g *catalog.Tag) { g.Term = "user.contact.emial" }), "tags.0.term:UNKNOWN_TERM"},
		{"tag a use", tag(func(b *bench, g *catalog.Tag) { g.Term = "essential.service" }), "tags.0.term:TERM_DOES_NOT_APPLY"},
		{"tag's words", tag(func(b *bench, g *catalog.Tag) { g.Polarity, g.Source, g.State = "?", "GUESS", "MAYBE" }),
			"tags.0.polarity:UNKNOWN_VALUE tags.0.source:UNKNOWN_VALUE tags.0.state:UNKNOWN_VALUE"},
		{"tag denied without reason", tag(func(b *bench, g *catalog.Tag) { g.Polarity = "-" }), "tags.0.reason:REQUIRED"},
		{"tag's validity backwards", tag(func(b *bench, g *catalog.Tag) { g.ValidFrom, g.ValidTo = today, ptr(today.Add(-time.Hour)) }), "tags.0.validTo:OUT_OF_RANGE"},
		{"tag over before it begins", tag(func(b *bench, g *catalog.Tag) { g.ValidTo = ptr(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)) }), "validTo:OUT_OF_RANGE"},
		{"tag of no dataset", tag(func(b *bench, g *catalog.Tag) { g.DatasetID = nobody }), "datasetId:UNKNOWN_REFERENCE"},
		{"tag of another dataset's field", tag(func(b *bench, g *catalog.Tag) { g.FieldID = &nobody }), "fieldId:UNKNOWN_REFERENCE"},
		{"tag twice", func(t *testing.T, b *bench) error {
			g := catalog.Tag{DatasetID: b.dataset.ID, Term: "user.name"}
			_, err := b.AssertTags(t.Context(), b.steward, []catalog.Tag{g, g})
			return err
		}, "tags.1.term:TWICE"},
		{"tags none", func(t *testing.T, b *bench) error {
			_, err := b.AssertTags(t.Context(), b.steward, nil)
			return err
		}, "tags:OUT_OF_RANGE"},
		{"tag ended that is not there", func(t *testing.T, b *bench) error { return b.EndTags(t.Context(), b.steward, []uuid.UUID{nobody}) }, ":TAG_NOT_FOUND"},
		{"use permitted for no purpose", func(t *testing.T, b *bench) error {
			_, err := b.DeclarePermittedUse(t.Context(), b.steward, catalog.PermittedUse{DatasetID: b.dataset.ID, PurposeID: nobody})
			return err
		}, "purposeId:UNKNOWN_REFERENCE"},
		{"permission ended that is not there", func(t *testing.T, b *bench) error { return b.EndPermittedUse(t.Context(), b.steward, nobody) }, ":PERMITTED_USE_NOT_FOUND"},
		{"consumption of nothing", func(t *testing.T, b *bench) error {
			_, err := b.DeclareConsumption(t.Context(), b.steward, catalog.Consumption{ServiceID: b.service.ID, DatasetID: nobody})
			return err
		}, "datasetId:UNKNOWN_REFERENCE"},
		{"consumption by nobody", func(t *testing.T, b *bench) error {
			_, err := b.DeclareConsumption(t.Context(), b.steward, catalog.Consumption{ServiceID: nobody, DatasetID: b.dataset.ID})
			return err
		}, "serviceId:UNKNOWN_REFERENCE"},
		{"consumption's fields and purposes", func(t *testing.T, b *bench) error {
			_, err := b.DeclareConsumption(t.Context(), b.steward, catalog.Consumption{ServiceID: b.service.ID, DatasetID: b.dataset.ID, Fields: []string{"a["}})
			return err
		}, "fields.0.path:BAD_FIELD_PATH"},
		{"consumption for no purpose known", func(t *testing.T, b *bench) error {
			_, err := b.DeclareConsumption(t.Context(), b.steward, catalog.Consumption{ServiceID: b.service.ID, DatasetID: b.dataset.ID, PurposeIDs: []uuid.UUID{nobody}})
			return err
		}, "purposeIds:UNKNOWN_REFERENCE"},
		{"consumption ended that is not there", func(t *testing.T, b *bench) error { return b.EndConsumption(t.Context(), b.steward, nobody) }, ":CONSUMPTION_NOT_FOUND"},
		{"actor without name", func(t *testing.T, b *bench) error {
			_, err := b.DeclareActorAlias(t.Context(), b.steward, catalog.ActorAlias{Kind: "TEAM", ServiceID: b.service.ID})
			return err
		}, "kind:UNKNOWN_VALUE name:BAD_NAME"},
		{"actor of no service", func(t *testing.T, b *bench) error {
			_, err := b.DeclareActorAlias(t.Context(), b.steward, catalog.ActorAlias{Kind: "GROUP", Name: "x", ServiceID: nobody})
			return err
		}, "serviceId:UNKNOWN_REFERENCE"},
		{"actor ended that is not there", func(t *testing.T, b *bench) error { return b.EndActorAlias(t.Context(), b.steward, nobody) }, ":ACTOR_ALIAS_NOT_FOUND"},
		{"reader explained by nothing", dismissal(func(d *catalog.Dismissal) { d.Reason, d.ValidTo = "", time.Time{} }), "reason:REQUIRED validTo:OUT_OF_RANGE"},
		{"reader explained at length", dismissal(func(d *catalog.Dismissal) { d.Reason = strings.Repeat("x", 1001) }), "reason:TOO_LONG"},
		{"reader explained with a line break", dismissal(func(d *catalog.Dismissal) { d.Reason = "a\nb" }), "reason:TOO_LONG"},
		{"reader explained for ever", dismissal(func(d *catalog.Dismissal) { d.ValidTo = time.Now().AddDate(0, 0, 181) }), "validTo:OUT_OF_RANGE"},
		{"reader explained in the past", dismissal(func(d *catalog.Dismissal) { d.ValidTo = time.Now().Add(-time.Minute) }), "validTo:OUT_OF_RANGE"},
		{"reader explained that nobody saw", dismissal(func(d *catalog.Dismissal) { d.Group = "exportre" }), "name:UNKNOWN_REFERENCE"},
		{"reader explained on another cluster", dismissal(func(d *catalog.Dismissal) { d.Cluster = "other" }), "name:UNKNOWN_REFERENCE"},
		{"reader explained of no dataset", dismissal(func(d *catalog.Dismissal) { d.DatasetID = nobody }), "datasetId:UNKNOWN_REFERENCE"},
		{"explanation ended that is not there", func(t *testing.T, b *bench) error { return b.EndDismissal(t.Context(), b.steward, nobody) }, ":READER_DISMISSAL_NOT_FOUND"},
		{"many at once, one wrong", func(t *testing.T, b *bench) error {
			return b.Apply(t.Context(), b.admin, catalog.Changes{Put: catalog.Contents{Stores: []catalog.Store{
				{Ref: "good", Name: "Good", Technology: "S3"}, {Ref: "bad", Name: "", Technology: "S4"}}}})
		}, "stores.1.name:BAD_NAME stores.1.technology:UNKNOWN_VALUE"},
		{"many at once by nobody", func(t *testing.T, b *bench) error {
			return b.Apply(t.Context(), access.Principal{}, catalog.Changes{Put: catalog.Contents{Purposes: []catalog.Purpose{{}}}})
		}, "purposes.0:UNAUTHENTICATED"},
	}
}
