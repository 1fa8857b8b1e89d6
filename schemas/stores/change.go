package stores

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/schemas/changes"
	"github.com/flowmart/lethe/schemas/tables"
)

// difference is a change with the table that it is about.
type difference struct {
	Change
	of *judged
}

// differ lists what lies between the version before and now, and the tables that
// are gone.
func (v *work) differ(now *tables.State, all []*judged) (found []difference, gone []*judged) {
	at := map[tables.Name]*judged{}
	for _, j := range all {
		at[j.Name] = j
	}
	for _, c := range tables.Diff(v.before, now) {
		if c.Kind == tables.TableDropped {
			j := &judged{Table: tables.Table{Name: c.Table, At: c.At}}
			at[c.Table], gone = j, append(gone, j)
		}
		j := at[c.Table]
		if j == nil {
			continue // a part of a partitioned table
		}
		found = append(found, difference{named(c, j), j})
	}
	return found, gone
}

// named is a change with the names that what it is about has in the catalog now.
func named(c tables.Change, j *judged) Change {
	out := Change{Change: c, Dataset: datasetName(j.Name)}
	if c.Column != "" {
		out.Field = pathOf(c.Column)
	}
	switch c.Kind {
	case tables.ColumnRenamed:
		out.Field = pathOf(c.From)
	case tables.TableRenamed:
		out.Dataset = c.From
	}
	return out
}

// identify names the datasets that changes are about, of the tables that are gone
// too.
func (v *work) identify(ctx context.Context, found []difference, gone []*judged) error {
	known, err := v.datasets(ctx, gone)
	if err != nil {
		return err
	}
	for _, j := range gone {
		j.dataset = known[datasetName(j.Name)]
	}
	for i, d := range found {
		if d.of.dataset != uuid.Nil {
			found[i].DatasetID = &d.of.dataset
		}
	}
	return nil
}

// missed finds what somebody reads that is taken away.
func (v *work) missed(ctx context.Context, found []difference) error {
	var ids []uuid.UUID
	for _, d := range found {
		ids = append(ids, d.of.dataset)
	}
	readers, err := v.readers(ctx, ids)
	if err != nil {
		return err
	}
	for _, d := range found {
		if d.Kind.Contracts() {
			d.of.findings = append(d.of.findings, readers.of(d.of.dataset).missing(d.Change)...)
		}
	}
	return nil
}

// Lines are the changes as a plan and a comparison of schemas name theirs.
func (a *Answer) Lines() []changes.Change {
	out := make([]changes.Change, len(a.Changes))
	for i, c := range a.Changes {
		out[i] = c.line()
	}
	return out
}

// line is a change at its place among the tables.
func (c Change) line() changes.Change {
	table := c.Table.String()
	at := table
	if c.Column != "" {
		at += "." + c.Column
	}
	switch c.Kind {
	case tables.TableAdded:
		return changes.Change{Kind: changes.Added, Place: at}
	case tables.TableDropped:
		return changes.Change{Kind: changes.Removed, Place: at}
	case tables.ColumnAdded:
		return changes.Change{Kind: changes.Added, Place: at, After: c.To}
	case tables.ColumnDropped:
		return changes.Change{Kind: changes.Removed, Place: at, Before: c.From}
	case tables.KeyAdded:
		return changes.Change{Kind: changes.Added, Place: at + " key", After: c.To}
	case tables.KeyDropped:
		return changes.Change{Kind: changes.Removed, Place: at + " key", Before: c.From}
	}
	aspect := map[tables.Kind]string{tables.TableRenamed: "name", tables.ColumnRenamed: "name", tables.TypeChanged: "type", tables.NullChanged: "null", tables.DocChanged: "comment"}
	return changes.Change{Kind: changes.Changed, Place: at + " " + aspect[c.Kind], Before: c.From, After: c.To}
}

// Words say what a change does, for people.
func (c Change) Words() string {
	switch c.Kind {
	case tables.TableDropped:
		return fmt.Sprintf("the table %s is dropped", c.Dataset)
	case tables.TableRenamed:
		return fmt.Sprintf("the table %s is called %s", c.From, c.To)
	case tables.ColumnDropped:
		return fmt.Sprintf("the column %s is dropped", c.Column)
	case tables.ColumnRenamed:
		return fmt.Sprintf("the column %s is called %s", c.From, c.To)
	case tables.TypeChanged:
		return fmt.Sprintf("the type of the column %s changes from %s to %s", c.Column, c.From, c.To)
	case tables.KeyAdded:
		return fmt.Sprintf("key added: %s %s", c.Dataset, c.To)
	case tables.KeyDropped:
		return fmt.Sprintf("key dropped: %s %s", c.Dataset, c.From)
	}
	what := strings.ToLower(strings.ReplaceAll(string(c.Kind), "_", " ")) + ": " + c.Dataset
	if c.Column != "" {
		what += "." + c.Column
	}
	return what
}
