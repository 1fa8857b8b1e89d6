package catalog

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the same time zones on every machine

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
)

// Controller is a legal entity that answers for personal data (Art. 4(7) GDPR).
// Its country and time zone decide due dates.
type Controller struct {
	ID           uuid.UUID
	Ref          string  // the name files and requests use
	Name         string  // of the legal entity
	Country      string  // ISO 3166-1 alpha-2; declared empty: as it was, or Home's
	Region       *string // ISO 3166-2, where public holidays differ within the country
	TimeZone     string  // IANA; declared empty: as it was, or Home's
	DailyCeiling int     // requests a day before a person must decide; 0 means 200
	Rev          int
}

func (d Controller) key() uuid.UUID { return d.ID }
func (d Controller) revision() int  { return d.Rev }

const defaultCeiling = 200

// DeclareController enters a legal entity, or changes it. It needs an admin.
func (c *Catalog) DeclareController(ctx context.Context, by access.Principal, d Controller) (Controller, error) {
	err := c.work(ctx, by, func(a *act) (err error) {
		d, err = a.putController(ctx, d)
		return err
	})
	return d, err
}

func (a *act) putController(ctx context.Context, d Controller) (Controller, error) {
	if err := a.by.Require(access.Admin); err != nil {
		return d, err
	}
	if d.DailyCeiling == 0 {
		d.DailyCeiling = defaultCeiling
	}
	if err := a.settle(ctx, &d); err != nil {
		return d, err
	}
	if err := d.check(a.calendar); err != nil {
		return d, err
	}
	old, err := previous(ctx, a, "controller", d, ControllersByID)
	if err != nil || old != nil && same(*old, d) {
		return d, err
	}
	d.ID = newID(d.ID)
	if d.Rev, err = saveController(ctx, a.db, d); err != nil {
		return d, err
	}
	a.did("controller.declared", "CONTROLLER", d.ID, old, d)
	return d, nil
}

// settle says where a controller is that does not: where it was, or if it is
// new, at home. A home that moves later moves no controller with it.
func (a *act) settle(ctx context.Context, d *Controller) error {
	if d.Country != "" && d.TimeZone != "" {
		return nil
	}
	at := a.home
	if d.Rev != 0 {
		known, err := ControllersByID(ctx, a.db, []uuid.UUID{d.ID})
		if err != nil {
			return err
		}
		at = place{known[d.ID].Country, known[d.ID].TimeZone}
	}
	d.Country, d.TimeZone = cmp.Or(d.Country, at.country), cmp.Or(d.TimeZone, at.zone)
	return nil
}

func (d Controller) check(calendar func(country, region string) error) error {
	var m mistakes
	checkRef(&m, d.Ref)
	checkName(&m, d.Name)
	d.checkPlace(&m, calendar)
	_, err := time.LoadLocation(d.TimeZone)
	m.require(err == nil && d.TimeZone != "" && d.TimeZone != "Local", "timeZone", "UNKNOWN_TIME_ZONE",
		"%s", fault.Suggest("give a time zone of the IANA database, such as Europe/Berlin", d.TimeZone, zones))
	m.require(d.DailyCeiling > 0 && d.DailyCeiling <= 1_000_000, "dailyCeiling", "OUT_OF_RANGE", "the daily ceiling is 1 to 1,000,000 requests")
	return m.err()
}

// checkPlace refuses what is no country or region, and where no holidays are
// known: a request of such a controller would have no due date.
func (d Controller) checkPlace(m *mistakes, calendar func(country, region string) error) {
	codes := strings.Fields(countries)
	if !slices.Contains(codes, d.Country) {
		m.add(fault.Bad("country", "UNKNOWN_COUNTRY", "%s",
			fault.Suggest("give the two capital letters of ISO 3166-1, such as DE", d.Country, codes)))
		return
	}
	region := ""
	if d.Region != nil {
		region = *d.Region
		if !strings.HasPrefix(region, d.Country+"-") || len(region) > 6 {
			m.add(fault.Bad("region", "UNKNOWN_REGION", "give the code of ISO 3166-2, such as DE-BY, of the same country"))
			return
		}
	}
	if calendar != nil {
		m.add(calendar(d.Country, region))
	}
}

func saveController(ctx context.Context, db postgres.DB, d Controller) (int, error) {
	const q = `
		INSERT INTO catalog_controller (id, ref, name, country, region, time_zone, daily_ceiling)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		    ON CONFLICT (id) DO UPDATE
		   SET ref = excluded.ref, name = excluded.name, country = excluded.country, region = excluded.region,
		       time_zone = excluded.time_zone, daily_ceiling = excluded.daily_ceiling,
		       rev = catalog_controller.rev + 1, updated_at = now()
		 WHERE catalog_controller.rev = $8
		RETURNING rev`
	rev, err := postgres.Scalar[int](ctx, db, q, d.ID, d.Ref, d.Name, d.Country, d.Region, d.TimeZone, d.DailyCeiling, d.Rev)
	return rev, lost(err)
}

// ControllersByID finds controllers; unknown ids are absent.
func ControllersByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Controller, error) {
	const q = `
		SELECT id, ref, name, country, region, time_zone, daily_ceiling, rev
		  FROM catalog_controller
		 WHERE id = ANY ($1)
		 ORDER BY id`
	return indexed(postgres.Many[Controller](ctx, db, q, ids))
}

// ControllerByRef finds a controller by its ref.
func ControllerByRef(ctx context.Context, db postgres.DB, ref string) (Controller, error) {
	const q = `
		SELECT id, ref, name, country, region, time_zone, daily_ceiling, rev
		  FROM catalog_controller
		 WHERE ref = $1`
	c, err := postgres.One[Controller](ctx, db, q, ref)
	if errors.Is(err, postgres.ErrNotFound) {
		const q = `SELECT ref FROM catalog_controller ORDER BY ref`
		return c, absent(ctx, db, "controller", ref, q)
	}
	return c, err
}

// Controllers lists the legal entities by ref.
func (c *Catalog) Controllers(ctx context.Context, by access.Principal, p page.Args) (page.Page[Controller], error) {
	const q = `
		SELECT id, ref, name, country, region, time_zone, daily_ceiling, rev
		  FROM catalog_controller
		 WHERE ref > $1
		 ORDER BY ref
		 LIMIT $2`
	return byRef(by, p, "controllers", func(after string, limit int) ([]Controller, error) {
		return postgres.Many[Controller](ctx, c.db, q, after, limit)
	}, func(d Controller) string { return d.Ref })
}

// absent says that a ref is unknown, and which known one looks most like it.
// q lists the known refs.
func absent(ctx context.Context, db postgres.DB, noun, ref, q string) error {
	known, err := postgres.Scalars[string](ctx, db, q)
	if err != nil {
		return err
	}
	return fault.Missing(noun, "%s", fault.Suggest("no "+noun+" has this ref", ref, known))
}

// byRef cuts a list that is ordered by ref into pages, for somebody who may
// read the catalog.
func byRef[T any](by access.Principal, p page.Args, list string, read func(after string, limit int) ([]T, error), ref func(T) string) (page.Page[T], error) {
	if err := by.Require(Readers...); err != nil {
		return page.Page[T]{}, err
	}
	if err := p.Check(); err != nil {
		return page.Page[T]{}, err
	}
	after := ""
	if p.After != "" {
		if err := page.Decode(p.After, list, &after); err != nil {
			return page.Page[T]{}, err
		}
	}
	rows, err := read(after, p.First+1)
	if err != nil {
		return page.Page[T]{}, err
	}
	return page.Cut(rows, p.First, func(row T) string { return page.Encode(list, ref(row)) }), nil
}

// zones are the time zones of the member states, from the IANA database
// (zone1970.tab). Others are taken too; these are suggested.
var zones = strings.Fields(`Africa/Ceuta America/Cayenne America/Guadeloupe America/Martinique Asia/Famagusta Asia/Nicosia Atlantic/Azores
	Atlantic/Canary Atlantic/Madeira Europe/Amsterdam Europe/Athens Europe/Berlin Europe/Bratislava Europe/Brussels Europe/Bucharest
	Europe/Budapest Europe/Copenhagen Europe/Dublin Europe/Helsinki Europe/Lisbon Europe/Ljubljana Europe/Luxembourg Europe/Madrid
	Europe/Malta Europe/Mariehamn Europe/Paris Europe/Prague Europe/Riga Europe/Rome Europe/Sofia Europe/Stockholm Europe/Tallinn
	Europe/Vienna Europe/Vilnius Europe/Warsaw Europe/Zagreb Indian/Mayotte Indian/Reunion`)

// countries are the officially assigned codes of ISO 3166-1 alpha-2.
const countries = ` AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW `
