package stores

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/dossier"
	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/assertion"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/report"
	"github.com/flowmart/lethe/schemas/tables"
)

// finding is one thing amiss, and where.
type finding struct {
	at tables.Place
	gate.Finding
}

// judged is a table with what the gate says of it.
type judged struct {
	tables.Table
	fields   []field
	places   map[string]tables.Place // of fields, by their paths, once one was asked for
	dataset  uuid.UUID               // uuid.Nil for one that the catalog does not know yet
	known    catalog.Dataset
	standing []dossier.Tag // of its columns, in the catalog
	change   gate.Change
	result   gate.Result
	findings []finding
}

// judge tells what a reading comes to, and the tables as they were judged: none
// where a file cannot be read.
func (v *work) judge(ctx context.Context, r reading) (Answer, []*judged, error) {
	a, notes := v.open(r)
	if len(r.wrong) > 0 {
		a.add(v, notes)
		return a, nil, nil
	}
	all, err := v.judgeTables(ctx, r.state)
	if err != nil {
		return a, nil, err
	}
	if err := v.elsewhere(ctx, all, notes, r.first); err != nil {
		return a, nil, err
	}
	found, gone := v.differ(r.state, all)
	if err := v.identify(ctx, found, gone); err != nil {
		return a, nil, err
	}
	if err := v.missed(ctx, found); err != nil {
		return a, nil, err
	}
	return a, all, a.tell(v, r.state, found, slices.Concat(all, gone, []*judged{notes}))
}

// tell puts into an answer what was found about tables, and what changes.
func (a *Answer) tell(v *work, now *tables.State, found []difference, all []*judged) error {
	before, err := fingerprint(v.before.All())
	if err != nil {
		return err
	}
	after, err := fingerprint(now.All())
	if err != nil {
		return err
	}
	a.Known = v.version > 0 && v.namespace == v.home && bytes.Equal(before, after)
	a.Version = v.version
	if !a.Known {
		a.Version++
	}
	for _, d := range found {
		a.Changes = append(a.Changes, d.Change)
	}
	for _, j := range all {
		a.add(v, j)
	}
	return nil
}

// open begins an answer, with what is said of no table.
func (v *work) open(r reading) (Answer, *judged) {
	a := Answer{Store: v.store.Ref, Service: v.service.Ref, Namespace: v.namespace, Policy: v.policy, Set: v.set, Changes: []Change{}}
	a.Verdict, a.Schemas = gate.Pass, []report.Checked{}
	return a, &judged{Table: tables.Table{Name: tables.Name{Table: "*"}}, findings: slices.Concat(r.wrong, r.notes)}
}

// judgeTables asks the gate about every table.
func (v *work) judgeTables(ctx context.Context, now *tables.State) ([]*judged, error) {
	all := listed(now)
	known, err := v.datasets(ctx, all)
	if err != nil {
		return nil, err
	}
	var ids []uuid.UUID
	for _, j := range all {
		if j.dataset = datasetOf(known, j.Table); j.dataset != uuid.Nil {
			ids = append(ids, j.dataset)
		}
	}
	tags, err := catalog.TagsByDataset(ctx, v.db, ids)
	if err != nil {
		return nil, err
	}
	fields, err := catalog.FieldsByDataset(ctx, v.db, ids)
	if err != nil {
		return nil, err
	}
	for _, j := range all {
		j.standing = ofFields(tags[j.dataset], fields[j.dataset])
		assertion.Tell(&j.change, j.standing)
	}
	if err := v.around(ctx, all, ids); err != nil {
		return nil, err
	}
	v.gate(all, now)
	return all, nil
}

// ofFields are the tags of fields among those of a dataset, with their paths.
func ofFields(tags []catalog.Tag, fields []catalog.Field) (out []dossier.Tag) {
	paths := map[uuid.UUID]string{}
	for _, f := range fields {
		paths[f.ID] = f.Path
	}
	for _, t := range tags {
		if t.FieldID != nil {
			out = append(out, dossier.Tag{Tag: t, Path: paths[*t.FieldID]})
		}
	}
	return out
}

// listed are the tables that are judged: the rows of a part are the whole's.
func listed(now *tables.State) []*judged {
	var all []*judged
	for _, t := range now.All() {
		if t.PartOf == (tables.Name{}) {
			j := &judged{Table: t, fields: fieldsOf(t)}
			j.change = gate.Change{New: gateFields(j.fields), Confirmed: map[string][]string{}, Earlier: map[string][]string{}, Rejected: map[string][]gate.Rejection{}}
			all = append(all, j)
		}
	}
	return all
}

// gate has every table judged against what it was before.
func (v *work) gate(all []*judged, now *tables.State) {
	for _, j := range all {
		j.change.Policy = v.policy
		if was := v.before.Former(j.Table, now); was != nil {
			j.change.Old = gateFields(fieldsOf(*was))
		}
		j.result = gate.Check(j.change)
	}
	reachable(all)
	for _, j := range all {
		for _, f := range j.result.Findings {
			f.Mend = ofColumn(f)
			j.findings = append(j.findings, finding{j.placeOf(f.Path), f})
		}
		if v.policy != gate.Off {
			j.findings = append(j.findings, j.slips()...)
		}
	}
}

// ofColumn is how to mend a finding where a schema has no tags of its own: they
// stand in the description of the column.
func ofColumn(f gate.Finding) string {
	return strings.Replace(f.Mend, "tag it "+f.Category+" in the schema", "write @tags("+f.Category+") into the column's comment (in MongoDB into its description)", 1)
}

// slips are tags of a whole table that are no words of the vocabulary.
func (j *judged) slips() []finding {
	var out []finding
	_, tags := tagsIn(j.Doc)
	for _, tag := range tags {
		if _, err := ofTable(tag); err != nil {
			out = append(out, finding{j.At, gate.Finding{Code: "CG012", Severity: gate.Error,
				Message: "a tag of the table is not of the vocabulary: " + fault.All(err)[0].Message, Mend: "write a key of the vocabulary"}})
		}
	}
	return out
}

// ofTable finds what a whole table may be tagged with.
func ofTable(tag string) (taxonomy.Term, error) {
	return taxonomy.Find("", tag, taxonomy.Category, taxonomy.Subject, taxonomy.Sensitivity)
}

// reachable takes back that nobody can be found in a table, where a foreign key
// leads to one in which somebody can: an order's lines are found by the order.
func reachable(all []*judged) {
	const lost = "CG031"
	isLost := func(f gate.Finding) bool { return f.Code == lost }
	from := map[tables.Name][]tables.Name{} // the tables that lead to one
	found := map[tables.Name]bool{}
	var next []tables.Name
	for _, j := range all {
		personal := slices.ContainsFunc(j.result.Tags, func(t gate.Tag) bool { return taxonomy.Personal(t.Category) }) ||
			slices.ContainsFunc(j.result.Findings, func(f gate.Finding) bool { return f.Code == "CG010" })
		if personal && !slices.ContainsFunc(j.result.Findings, isLost) {
			found[j.Name], next = true, append(next, j.Name)
		}
		for _, k := range j.Keys {
			if k.Kind == tables.Foreign {
				from[k.To] = append(from[k.To], j.Name)
			}
		}
	}
	for len(next) > 0 {
		last := next[len(next)-1]
		next = next[:len(next)-1]
		for _, n := range from[last] {
			if !found[n] {
				found[n], next = true, append(next, n)
			}
		}
	}
	for _, j := range all {
		if found[j.Name] {
			j.result.Findings = slices.DeleteFunc(j.result.Findings, isLost)
		}
	}
}

// placeOf is where a field is described, or the nearest one that it lies in, or
// the table.
func (j *judged) placeOf(path string) tables.Place {
	if j.places == nil {
		j.places = make(map[string]tables.Place, len(j.fields))
		for _, f := range slices.Backward(j.fields) { // of two with one path the first counts
			j.places[f.Path] = f.at
		}
	}
	for _, p := range append([]string{path}, gate.Enclosing(path)...) {
		if at := j.places[p]; at.Line > 0 {
			return at
		}
	}
	return j.At
}

// datasets finds the datasets of tables, by the names that they have or had.
func (v *work) datasets(ctx context.Context, all []*judged) (map[string]uuid.UUID, error) {
	var names []string
	for _, j := range all {
		names = append(names, datasetName(j.Name))
		for _, n := range j.Former {
			names = append(names, datasetName(n))
		}
	}
	const q = `
		SELECT name, dataset_id
		  FROM catalog_dataset_alias
		 WHERE environment = 'production' AND namespace = $1 AND name = ANY ($2)
		 ORDER BY name`
	rows, err := postgres.Many[struct {
		Name      string
		DatasetID uuid.UUID
	}](ctx, v.db, q, v.namespace, names)
	out := make(map[string]uuid.UUID, len(rows))
	for _, r := range rows {
		out[r.Name] = r.DatasetID
	}
	return out, err
}

// datasetOf finds the dataset of a table among those known.
func datasetOf(known map[string]uuid.UUID, t tables.Table) uuid.UUID {
	for _, n := range append([]tables.Name{t.Name}, t.Former...) {
		if id, ok := known[datasetName(n)]; ok {
			return id
		}
	}
	return uuid.Nil
}

// add adds what is said of a table to the answer, once, each finding with the
// file in which it stands. The table's own file is that of the first, and where
// nothing is found, the one that made it.
func (a *Answer) add(v *work, j *judged) {
	if len(j.findings) == 0 && j.Name.Table == "*" {
		return
	}
	slices.SortStableFunc(j.findings, func(x, y finding) int { return cmp.Compare(x.at.File, y.at.File) })
	c := report.Checked{File: j.At.File, Subject: strings.Trim(strings.TrimSuffix(v.store.Ref+"/"+j.Name.String(), "*"), "/"), Policy: v.policy, Version: a.Version, Known: a.Known,
		Findings: []report.Finding{}, Tags: []report.Tag{}, Difference: []report.Difference{}}
	if i := slices.IndexFunc(j.findings, func(f finding) bool { return f.at.File != "" }); i >= 0 {
		c.File = j.findings[i].at.File
	}
	var all []gate.Finding
	for _, f := range j.findings {
		all = append(all, f.Finding)
		c.Findings = append(c.Findings, report.Finding{Code: f.Code, Severity: string(f.Severity), Path: f.Path, File: f.at.File, Line: max(f.at.Line, 1), Column: max(f.at.Column, 1),
			Message: f.Message, Mend: f.Mend, Rule: f.Rule, Category: f.Category, Baseline: f.Baseline})
	}
	for _, t := range j.result.Tags {
		c.Tags = append(c.Tags, report.Tag{Path: t.Path, Category: t.Category, Source: string(t.Source), From: t.From})
	}
	for _, d := range j.result.Difference {
		c.Difference = append(c.Difference, report.Difference{Kind: string(d.Kind), Path: d.Path, From: d.From, Category: d.Category, Guessed: d.Guessed})
	}
	c.Verdict = gate.Judge(v.policy, all)
	a.Schemas, a.Verdict = append(a.Schemas, c), worse(a.Verdict, c.Verdict)
}

// worse is the worse of two verdicts.
func worse(a, b gate.Verdict) gate.Verdict {
	order := []gate.Verdict{gate.Pass, gate.Warning, gate.Fail}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}
