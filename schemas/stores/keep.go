package stores

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/assertion"
	"github.com/flowmart/lethe/schemas/tables"
)

// keep writes a version and tells the catalog of its tables as they were judged.
func (v *work) keep(ctx context.Context, by access.Principal, now *tables.State, verdicts []*judged, version int) error {
	all := now.All()
	raw, err := json.Marshal(all)
	if err != nil {
		return err
	}
	hash, err := fingerprint(all)
	if err != nil {
		return err
	}
	const q = `
		INSERT INTO schemas_store_version (store_id, version, hash, tables, pushed_by)
		VALUES ($1, $2, $3, $4, $5)`
	if _, err := v.db.Exec(ctx, q, v.store.ID, version, hash, raw, by.ID); err != nil {
		return err
	}
	const qNamespace = `UPDATE schemas_store SET namespace = $2 WHERE store_id = $1`
	if _, err := v.db.Exec(ctx, qNamespace, v.store.ID, v.namespace); err != nil {
		return err
	}
	if err := v.tellCatalog(ctx, by, verdicts, version); err != nil {
		return err
	}
	return audit.Append(ctx, v.db, audit.Entry{Actor: by.ID, Act: "store.schema_pushed", Entity: v.store.ID, Digest: hash,
		Amounts: map[string]int64{"version": int64(version), "tables": int64(len(all))}})
}

// tellCatalog enters tables as datasets, columns as fields, and what is said of
// them as tags. Who may push was asked already.
func (v *work) tellCatalog(ctx context.Context, by access.Principal, all []*judged, version int) error {
	by.Roles = []access.Role{access.Admin}
	if put := v.put(all); len(put) > 0 {
		if err := (catalog.Changes{Put: catalog.Contents{Datasets: put}}).Within(ctx, v.db, by); err != nil {
			return err
		}
	}
	const atOnce = 2000 // the catalog takes no more in one call
	var b postgres.Batch
	for _, j := range all {
		for some := range slices.Chunk(catalogFields(j.fields), atOnce) {
			if _, err := catalog.UpsertSchemaFields(&b, j.dataset, version, some); err != nil {
				return err
			}
		}
	}
	if err := b.Send(ctx, v.db); err != nil {
		return err
	}
	return v.classify(ctx, by, all, version)
}

// put makes the datasets that the catalog does not have as the tables are, and
// gives those that are new an id.
func (v *work) put(all []*judged) []catalog.Dataset {
	kind := "TABLE"
	if v.store.Technology == "MONGODB" {
		kind = "COLLECTION"
	}
	var out []catalog.Dataset
	for _, j := range all {
		doc, _ := tagsIn(j.Doc)
		d := j.known
		if d.ID == uuid.Nil {
			j.dataset = uuid.Must(uuid.NewV7())
			out = append(out, catalog.Dataset{ID: j.dataset, Namespace: v.namespace, Name: datasetName(j.Name), Kind: kind, Doc: cut(doc, 4000), StoreID: &v.store.ID})
			continue
		}
		changed := d
		changed.Name, changed.StoreID = datasetName(j.Name), &v.store.ID
		if d.Doc == "" {
			changed.Doc = cut(doc, 4000)
		}
		if d.StoreID == nil || changed.Name != d.Name || changed.Doc != d.Doc {
			out = append(out, changed)
		}
	}
	return out
}

// classify asserts in the catalog what descriptions say that columns and tables
// are, and what was said of columns under their former names.
func (v *work) classify(ctx context.Context, by access.Principal, all []*judged, version int) error {
	var ids []uuid.UUID
	for _, j := range all {
		ids = append(ids, j.dataset)
	}
	known, err := catalog.FieldsByDataset(ctx, v.db, ids)
	if err != nil {
		return err
	}
	var tags []catalog.Tag
	for _, j := range all {
		at := map[string]uuid.UUID{}
		for _, f := range known[j.dataset] {
			at[f.Path] = f.ID
		}
		_, own := tagsIn(j.Doc)
		for _, tag := range own {
			if _, err := ofTable(tag); err == nil {
				tags = append(tags, catalog.Tag{DatasetID: j.dataset, Term: tag, Source: "SCHEMA"})
			}
		}
		tags = append(tags, assertion.Version{Dataset: j.dataset, Number: version, Fields: at}.Revised(j.change, j.standing)...)
	}
	if len(tags) == 0 {
		return nil
	}
	return v.say(ctx, by, tags)
}

// say asserts tags.
func (v *work) say(ctx context.Context, by access.Principal, tags []catalog.Tag) error {
	var datasets []uuid.UUID
	var terms []string
	for _, t := range tags {
		datasets, terms = append(datasets, t.DatasetID), append(terms, t.Term)
	}
	var asking, last postgres.Batch
	say, err := catalog.AssertTags(&asking, by, datasets, terms)
	if err == nil {
		err = asking.Send(ctx, v.db)
	}
	if err != nil {
		return err
	}
	const atOnce = 5000 // the catalog takes no more in one call
	for some := range slices.Chunk(tags, atOnce) {
		entries, err := say(ctx, v.db, &last, some)
		if err == nil {
			err = audit.Queue(&last, entries...)
		}
		if err != nil {
			return err
		}
	}
	return last.Send(ctx, v.db)
}
