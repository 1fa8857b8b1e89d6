package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/personal"
	"github.com/flowmart/lethe/internal/postgres"
)

// account is what the catalog says about everything in a package: the
// information that Art. 15(1) GDPR wants given with the copy.
type account struct {
	controller string
	services   map[uuid.UUID]string // ref by id
	names      map[uuid.UUID]string // namespace/name by dataset
	datasets   map[uuid.UUID]dataset
}

// dataset is what the catalog says about one dataset. It is also the file that
// describes its fields.
type dataset struct {
	Title       string    `json:"name"`
	ServiceName string    `json:"held_by"`
	Doc         string    `json:"description"`
	Categories  []string  `json:"categories"`
	Purposes    []purpose `json:"purposes"`
	Recipients  []string  `json:"recipients"`
	Retention   string    `json:"retention"`
	Fields      []field   `json:"fields"`
}

type purpose struct {
	Name  string `json:"name"`
	Basis string `json:"legal_basis"`
}

type field struct {
	Path     string `json:"path"`
	Type     string `json:"type"`
	Nullable bool   `json:"nullable"`
	Doc      string `json:"description"`
}

// describe reads what the catalog says about the datasets of a plan.
func describe(ctx context.Context, db postgres.DB, c contents) (a account, err error) {
	ids := c.datasetIDs()
	controllers, err := catalog.ControllersByID(ctx, db, []uuid.UUID{c.request.ControllerID})
	if err != nil {
		return a, err
	}
	sets, err := catalog.DatasetsByID(ctx, db, ids)
	if err != nil {
		return a, err
	}
	a = account{controllers[c.request.ControllerID].Name, map[uuid.UUID]string{}, map[uuid.UUID]string{}, map[uuid.UUID]dataset{}}
	for id, d := range sets {
		a.names[id] = d.Namespace + "/" + d.Name
		a.datasets[id] = dataset{Title: a.names[id], Doc: d.Doc, Retention: retention(nil, nil),
			Categories: []string{}, Purposes: []purpose{}, Recipients: []string{}, Fields: []field{}}
	}
	return a, errors.Join(a.addHolders(ctx, db, c, ids), a.addKinds(ctx, db, c.request.ControllerID), a.addPurposes(ctx, db, ids), a.addFields(ctx, db, ids))
}

func (a account) change(id uuid.UUID, fn func(d *dataset)) {
	if d, ok := a.datasets[id]; ok {
		fn(&d)
		a.datasets[id] = d
	}
}

// addHolders says which services hold the datasets, and which read them.
func (a account) addHolders(ctx context.Context, db postgres.DB, c contents, ids []uuid.UUID) error {
	readers, err := catalog.DeclaredReaders(ctx, db, ids)
	if err != nil {
		return err
	}
	var wanted []uuid.UUID
	for _, n := range c.nodes {
		if n.ServiceID != nil {
			wanted = append(wanted, *n.ServiceID)
		}
	}
	for _, r := range readers {
		wanted = append(wanted, r.ServiceID)
	}
	services, err := catalog.ServicesByID(ctx, db, wanted)
	if err != nil {
		return err
	}
	for id, s := range services {
		a.services[id] = s.Ref
	}
	for _, n := range c.nodes {
		if n.ServiceID != nil {
			a.change(n.DatasetID, func(d *dataset) { d.ServiceName = services[*n.ServiceID].Name })
		}
	}
	for _, r := range readers {
		a.change(r.DatasetID, func(d *dataset) { d.Recipients = append(d.Recipients, services[r.ServiceID].Name) })
	}
	return nil
}

// addKinds says what kinds of data are in the datasets and how long they stay.
func (a account) addKinds(ctx context.Context, db postgres.DB, controller uuid.UUID) error {
	held, err := personal.Datasets(ctx, db, controller)
	for _, p := range held {
		a.change(p.ID, func(d *dataset) {
			d.Categories, d.Retention = p.Categories, retention(p.RetentionDays, p.RetentionGround)
		})
	}
	return err
}

// addPurposes says what the datasets may be used for.
func (a account) addPurposes(ctx context.Context, db postgres.DB, ids []uuid.UUID) error {
	uses, err := catalog.PermittedUsesByDataset(ctx, db, ids)
	if err != nil {
		return err
	}
	var wanted []uuid.UUID
	for _, list := range uses {
		for _, u := range list {
			wanted = append(wanted, u.PurposeID)
		}
	}
	purposes, err := catalog.PurposesByID(ctx, db, wanted)
	for id, list := range uses {
		a.change(id, func(d *dataset) {
			for _, u := range list {
				p := purpose{purposes[u.PurposeID].Name, basis(purposes[u.PurposeID].LegalBasis)}
				if !slices.Contains(d.Purposes, p) {
					d.Purposes = append(d.Purposes, p)
				}
			}
		})
	}
	return err
}

// addFields says what the fields of the datasets mean.
func (a account) addFields(ctx context.Context, db postgres.DB, ids []uuid.UUID) error {
	fields, err := catalog.FieldsByDataset(ctx, db, ids)
	for id, list := range fields {
		a.change(id, func(d *dataset) {
			for _, f := range list {
				d.Fields = append(d.Fields, field{f.Path, f.DataType, f.Nullable, f.Doc})
			}
		})
	}
	return err
}

// retention says in words how long data is kept (Art. 15(1)(d) GDPR).
func retention(days *int, ground *string) string {
	switch {
	case days == nil:
		return "no period is recorded"
	case ground != nil:
		return fmt.Sprintf("%s, also after an erasure, on the ground of Art. %s GDPR", length(*days), *ground)
	}
	return length(*days)
}

func length(days int) string {
	if days >= 730 && days%365 <= days/365/4+1 {
		return fmt.Sprintf("%d years", days/365)
	}
	return fmt.Sprintf("%d days", days)
}

// basis is a legal basis of Art. 6(1) GDPR in words.
func basis(code string) string { return strings.ToLower(strings.ReplaceAll(code, "_", " ")) }
