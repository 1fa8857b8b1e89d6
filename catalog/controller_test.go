package catalog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

// A controller lies where somebody knows the public holidays, and a slip of the
// keyboard is answered with what was meant. Codes are of ISO 3166, zones of the
// IANA database.
func TestControllersLieWhereHolidaysAreKnown(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	known := func(country, region string) error {
		switch {
		case country != "DE":
			return fault.Bad("country", "UNKNOWN_COUNTRY", "no holidays are known there")
		case region != "" && region != "DE-BY":
			return fault.Bad("region", "UNKNOWN_REGION", "no such region is known")
		}
		return nil
	}
	c, admin := catalog.New(db, time.Now, catalog.Calendars(known)), person(t, db, access.Admin)
	for _, w := range []struct {
		country, region, zone string
		told, says            string
	}{
		{"DE", "DE-BY", "Europe/Berlin", "", ""},
		{"DE", "", "Europe/Berlin", "", ""},
		{"DE", "DE-ZZ", "Europe/Berlin", "region:UNKNOWN_REGION", "no such region"},
		{"DE", "AT-9", "Europe/Berlin", "region:UNKNOWN_REGION", "same country"},
		{"CH", "", "Europe/Zurich", "country:UNKNOWN_COUNTRY", "no holidays"},
		{"DEE", "", "Europe/Berlin", "country:UNKNOWN_COUNTRY", `did you mean "DE"`},
		{"XX", "XX-1", "Europe/Berlin", "country:UNKNOWN_COUNTRY", "two capital letters"},
		{"DE", "", "Europe/Berln", "timeZone:UNKNOWN_TIME_ZONE", `did you mean "Europe/Berlin"`},
		{"DE", "", "", "timeZone:UNKNOWN_TIME_ZONE", "IANA"},
	} {
		d := catalog.Controller{Ref: fresh("c"), Name: "C", Country: w.country, TimeZone: w.zone}
		if w.region != "" {
			d.Region = &w.region
		}
		in := catalog.Changes{Put: catalog.Contents{Controllers: []catalog.Controller{d}}}
		if err := c.Rehearse(t.Context(), admin, in); (err == nil) != (w.told == "") {
			t.Errorf("%s %s %s in a file: %v", w.country, w.region, w.zone, err)
		}
		_, err := c.DeclareController(t.Context(), admin, d)
		if told(err) != w.told || err != nil && !strings.Contains(err.Error(), w.says) {
			t.Errorf("%s %s %s: %v, want %s", w.country, w.region, w.zone, err, w.told)
		}
	}
}

// A new controller that names no country or zone lies at home; one that is
// known stays where it is, whatever home has become.
func TestControllersThatNameNoPlaceLieAtHome(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	admin := person(t, db, access.Admin)
	german := catalog.New(db, time.Now, catalog.Home("DE", "Europe/Berlin"))
	french := catalog.New(db, time.Now, catalog.Home("FR", "Europe/Paris"))
	d, err := german.DeclareController(t.Context(), admin, catalog.Controller{Ref: fresh("c"), Name: "C"})
	if err != nil || d.Country != "DE" || d.TimeZone != "Europe/Berlin" {
		t.Fatalf("at home: %+v, %v", d, err)
	}
	d.Name, d.Country, d.TimeZone = "D", "", ""
	d, err = french.DeclareController(t.Context(), admin, d)
	if err != nil || d.Name != "D" || d.Country != "DE" || d.TimeZone != "Europe/Berlin" {
		t.Errorf("home moved: %+v, %v", d, err)
	}
	d, err = french.DeclareController(t.Context(), admin, catalog.Controller{Ref: fresh("c"), Name: "C", Country: "AT"})
	if err != nil || d.Country != "AT" || d.TimeZone != "Europe/Paris" {
		t.Errorf("half of it named: %+v, %v", d, err)
	}
	_, err = catalog.New(db, time.Now).DeclareController(t.Context(), admin, catalog.Controller{Ref: fresh("c"), Name: "C", TimeZone: "Europe/Berlin"})
	if told(err) != "country:UNKNOWN_COUNTRY" {
		t.Errorf("without a home: %v", err)
	}
}

// Each suggested zone is one.
func TestControllersTakeTheZonesOfTheUnion(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	c, admin := catalog.New(db, time.Now), person(t, db, access.Admin)
	for _, zone := range []string{"Europe/Berlin", "Asia/Nicosia", "Atlantic/Azores", "America/Cayenne", "Indian/Reunion", "Pacific/Auckland"} {
		if _, err := c.DeclareController(t.Context(), admin, catalog.Controller{Ref: fresh("c"), Name: "C", Country: "FR", TimeZone: zone}); err != nil {
			t.Errorf("%s: %v", zone, err)
		}
	}
}

// Who filters by a term that does not exist is told, not shown an empty list.
func TestDatasetsOfAnUnknownTerm(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tag(t, "user.contact.email")
	for term, want := range map[string]string{"user.contact": "", "customer": "", "user.contact.emial": "filter.term:UNKNOWN_TERM", "": "filter.term:UNKNOWN_TERM", "essential.service": "filter.term:TERM_DOES_NOT_APPLY"} {
		_, err := b.Datasets(t.Context(), b.admin, catalog.DatasetFilter{Term: &term}, page.Args{First: 10})
		if told(err) != want || term == "user.contact.emial" && !strings.Contains(err.Error(), "user.contact.email") {
			t.Errorf("%q: %v, want %q", term, err, want)
		}
	}
}
