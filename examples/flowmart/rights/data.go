package rights

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Holdings says where a service keeps people's data, how a person is found
// there and what an erasure does. Tables stand in the order of erasure.
type Holdings struct {
	Types    []string // types of identifier the service can be asked by
	Identity *Identity
	Tables   []Table
	Topics   []Topic
	// Scan counts the records of a topic whose key is one of keys.
	Scan func(ctx context.Context, topic string, keys []string) (int64, error)
	// Forget drops events about these customers that were not sent yet.
	Forget func(ctx context.Context, tx pgx.Tx, customers []string) error
}

// Identity is a table that knows who is who. Columns are named like the types
// of identifiers they hold; the first tells people apart.
type Identity struct {
	Table   string
	Columns []string
}

// Table is a dataset in the service's database. It has a column created_at.
type Table struct {
	Name    string            // public.orders
	Who     map[string]string // type of identifier → condition, ? being an array of values
	Columns string            // what an export shows
	Erase   Erasure
}

// Erasure is what an erasure does to a table.
type Erasure struct {
	Anonymise string // SET clause; empty = delete
	Ground    string // kept on this ground instead
	Until     string // expression of the last day, over all rows of the person
}

// Topic is a Kafka topic the service writes, keyed by customer id.
type Topic struct {
	Name string
	Days int // retention
}

// person is a task's identifiers in the form the tables hold them.
type person map[string][]string

func personOf(ids []identifier) person {
	p := person{}
	for _, id := range ids {
		p[id.Type] = append(p[id.Type], Normal(id.Type, id.Value))
	}
	return p
}

// Normal writes an identifier the way conditions compare it: addresses in
// lower case, telephone numbers as digits.
func Normal(typ, value string) string {
	value = strings.TrimSpace(value)
	switch typ {
	case "email":
		return strings.ToLower(value)
	case "phone":
		return strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, value)
	}
	return value
}

// cannot says why a task will never be done as it stands, or "".
func (h Holdings) cannot(t task) string {
	switch t.Action {
	case "cancel":
		return ""
	case "resolve":
		if h.Identity == nil {
			return "UNSUPPORTED_ACTION"
		}
	case "locate", "erase", "export", "probe":
		if !slices.ContainsFunc(t.Datasets, func(d dataset) bool { return h.table(d) != nil || h.topic(d) != nil }) {
			return "UNKNOWN_DATASET"
		}
	default:
		return "UNSUPPORTED_ACTION"
	}
	if !slices.ContainsFunc(t.Identifiers, func(i identifier) bool { return slices.Contains(h.Types, i.Type) }) {
		return "UNSUPPORTED_IDENTIFIER"
	}
	return ""
}

func (h Holdings) table(d dataset) *Table {
	for i := range h.Tables {
		if h.Tables[i].Name == d.Name && strings.HasPrefix(d.Namespace, "postgres") {
			return &h.Tables[i]
		}
	}
	return nil
}

func (h Holdings) topic(d dataset) *Topic {
	for i := range h.Topics {
		if h.Topics[i].Name == d.Name && strings.HasPrefix(d.Namespace, "kafka") {
			return &h.Topics[i]
		}
	}
	return nil
}

// where builds the condition that finds a person in a table. Data younger than
// before belong to a new relationship.
func (t *Table) where(p person, before *time.Time) (string, []any) {
	var parts []string
	var args []any
	for _, typ := range slices.Sorted(keysOf(t.Who)) {
		if len(p[typ]) > 0 {
			args = append(args, p[typ])
			parts = append(parts, strings.ReplaceAll(t.Who[typ], "?", place(len(args))))
		}
	}
	if len(parts) == 0 {
		return "false", nil
	}
	cond := "(" + strings.Join(parts, " OR ") + ")"
	if before != nil {
		args = append(args, *before)
		cond += " AND created_at <= " + place(len(args))
	}
	return cond, args
}

func place(n int) string { return "$" + string(rune('0'+n)) }

func keysOf(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (t *Table) count(ctx context.Context, tx pgx.Tx, p person, before *time.Time) (n int64, err error) {
	cond, args := t.where(p, before)
	err = tx.QueryRow(ctx, "SELECT count(*) FROM "+t.Name+" WHERE "+cond, args...).Scan(&n)
	return n, err
}

// erase does to the person's rows what the table's rule says.
func (t *Table) erase(ctx context.Context, tx pgx.Tx, p person, before *time.Time, way Break) (outcome, error) {
	n, err := t.count(ctx, tx, p, before)
	if err != nil || n == 0 {
		return outcome{Outcome: "not_found"}, err
	}
	cond, args := t.where(p, before)
	if t.Erase.Ground != "" {
		var until time.Time
		err := tx.QueryRow(ctx, "SELECT "+t.Erase.Until+" FROM "+t.Name+" WHERE "+cond, args...).Scan(&until)
		return outcome{Outcome: "retained", Count: n, Ground: t.Erase.Ground, Until: until.Format(time.DateOnly)}, err
	}
	out, q := outcome{Outcome: "erased", Count: n, Method: "delete"}, "DELETE FROM "+t.Name+" WHERE "+cond
	if t.Erase.Anonymise != "" {
		out, q = outcome{Outcome: "anonymised", Count: n, Method: "anonymise"}, "UPDATE "+t.Name+" SET "+t.Erase.Anonymise+" WHERE "+cond
	}
	switch way {
	case Lies:
		return out, nil
	case KeepsRow:
		q += " AND ctid <> (SELECT min(ctid) FROM " + t.Name + " WHERE " + cond + ")"
	}
	_, err = tx.Exec(ctx, q, args...)
	return out, err
}

// rows hands out the person's rows as JSON, one at a time.
func (t *Table) rows(ctx context.Context, tx pgx.Tx, p person, each func(line []byte) error) error {
	cond, args := t.where(p, nil)
	rows, err := tx.Query(ctx, "SELECT row_to_json(r)::text FROM (SELECT "+t.Columns+" FROM "+t.Name+" WHERE "+cond+" ORDER BY 1) r", args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.RawValues()[0]); err != nil {
			return err
		}
	}
	return rows.Err()
}

// resolve finds everybody the identifiers lead to.
func (i *Identity) resolve(ctx context.Context, tx pgx.Tx, who map[string]string, p person) (resolved, error) {
	cond, args := (&Table{Who: who}).where(p, nil)
	rows, err := tx.Query(ctx, "SELECT "+strings.Join(i.Columns, ", ")+" FROM "+i.Table+" WHERE "+cond+" ORDER BY 1", args...)
	if err != nil {
		return resolved{}, err
	}
	defer rows.Close()
	out := resolved{}
	for rows.Next() {
		values := make([]*string, len(i.Columns))
		into := make([]any, len(values))
		for n := range values {
			into[n] = &values[n]
		}
		if err := rows.Scan(into...); err != nil {
			return resolved{}, err
		}
		out.People++
		for n, v := range values {
			if v != nil && *v != "" {
				out.Identifiers = append(out.Identifiers, identifier{i.Columns[n], *v})
			}
		}
	}
	return out, rows.Err()
}

// emailOf finds an address to leak, for the broken service only.
func (h Holdings) emailOf(ctx context.Context, db *pgxpool.Pool, ids []identifier) (email string) {
	for _, id := range ids {
		if id.Type == "email" {
			return id.Value
		}
	}
	for _, t := range h.Tables {
		cond, args := t.where(personOf(ids), nil)
		if strings.Contains(t.Columns, "email") && db.QueryRow(ctx, "SELECT email FROM "+t.Name+" WHERE "+cond+" LIMIT 1", args...).Scan(&email) == nil {
			return email
		}
	}
	return email
}
