package demo

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// belongings are a person's rows by table ("orders public.orders"), each in one
// form however it was written.
type belongings map[string][]string

func (b belongings) total() (n int) {
	for _, rows := range b {
		n += len(rows)
	}
	return n
}

// belongings reads a person's rows in every service's own database: those that
// name the person, and those that name one of the person's orders.
func (s *scene) belongings(ctx context.Context, p person) (belongings, error) {
	orders, err := column(ctx, s.postgres.SuperURL(database("orders")), `SELECT order_id FROM orders WHERE customer_id = '`+p.CustomerID+`' ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, id := range append(p.identifiers(), orders...) {
		names = append(names, strings.ToLower(id))
	}
	out := belongings{}
	for _, name := range append(slices.Clone(services), exporter) {
		if err := out.gather(ctx, s.postgres.SuperURL(database(name)), name, names); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// gather reads one service's tables.
func (b belongings) gather(ctx context.Context, superURL, service string, names []string) error {
	conn, err := pgx.Connect(ctx, superURL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	// The service's own columns tell whose a row is; those of its inbox and
	// outbox repeat what the tables hold.
	const q = `
		SELECT table_name FROM information_schema.columns
		 WHERE table_schema = 'public' AND column_name IN ('customer_id', 'order_id', 'email')
		 GROUP BY table_name ORDER BY table_name`
	rows, err := conn.Query(ctx, q)
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, table := range tables {
		const whose = `
			SELECT row_to_json(t)::text FROM %s AS t
			 WHERE EXISTS (SELECT FROM json_each_text(row_to_json(t)) AS f WHERE f.key IN ('customer_id', 'order_id', 'email', 'phone') AND lower(f.value) = ANY($1))`
		rows, err := conn.Query(ctx, fmt.Sprintf(whose, pgx.Identifier{"public", table}.Sanitize()), names)
		if err != nil {
			return err
		}
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, text := range texts {
			one, err := record([]byte(text))
			if err != nil {
				return err
			}
			b[service+" public."+table] = append(b[service+" public."+table], one)
		}
	}
	return nil
}

// record writes a row so that equal rows are equal texts: names in order,
// moments in UTC.
func record(line []byte) (string, error) {
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		return "", err
	}
	for name, v := range fields {
		if text, ok := v.(string); ok {
			if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
				fields[name] = at.UTC().Format(time.RFC3339Nano)
			}
		}
	}
	out, err := json.Marshal(fields) // sorts the names
	return string(out), err
}

// compare opens the package and holds every record in it against the rows that
// the services held when it was asked for.
func (s *scene) compare(ctx context.Context, raw []byte, before belongings) error {
	files, err := unzip(raw)
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(files))
	s.say("%s", strings.Join(names, ", "))
	has := func(name string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, name) })
	}
	s.expect(has("manifest.json") && has("index.html"), "the package has a manifest and a readable page", "%d files", len(names))
	after, err := s.belongings(ctx, s.access)
	if err != nil {
		return err
	}
	handed, err := records(files)
	if err != nil {
		return err
	}
	missing, foreign, total := []string{}, 0, 0
	known := map[string]bool{}
	for table, rows := range after {
		for _, row := range rows {
			known[table[strings.Index(table, " ")+1:]+row] = true
		}
	}
	var shown [][]string
	for _, table := range slices.Sorted(maps.Keys(before)) {
		service, name, _ := strings.Cut(table, " ")
		for _, row := range before[table] {
			if !slices.Contains(handed[name], row) {
				missing = append(missing, table)
			}
		}
		shown = append(shown, []string{service, name, fmt.Sprint(len(before[table])), fmt.Sprint(len(handed[name]))})
	}
	for name, rows := range handed {
		total += len(rows)
		for _, row := range rows {
			if !known[name+row] {
				foreign++
			}
		}
	}
	s.table([]string{"own database of", "table", "rows", "in the package"}, shown)
	s.expect(len(before) >= len(services) && len(missing) == 0, "the package holds every row of hers in every service's own database", "%d of %d rows %s",
		before.total()-len(missing), before.total(), strings.Join(slices.Compact(missing), ", "))
	s.expect(total > 0 && foreign == 0, "it holds nothing else", "%d records, %d foreign", total, foreign)
	others := needlesOf(s.erased.identifiers()...)
	strangers := slices.DeleteFunc(names, func(n string) bool { return !others.In(files[n]) })
	s.expect(len(strangers) == 0, "nothing in it names the other customer", "%d files", len(strangers))
	return nil
}

// unzip reads every file of an archive.
func unzip(raw []byte) (map[string][]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, fmt.Errorf("the package is no ZIP file: %w", err)
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			return nil, err
		}
		files[f.Name], err = io.ReadAll(in)
		in.Close()
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// records reads the data files of a package: data/002-public.orders.ndjson
// holds records of public.orders.
func records(files map[string][]byte) (map[string][]string, error) {
	out := map[string][]string{}
	for name, text := range files {
		dataset, ok := strings.CutSuffix(name[strings.LastIndex(name, "/")+1:], ".ndjson")
		if !ok {
			continue
		}
		_, dataset, _ = strings.Cut(dataset, "-")
		for line := range bytes.Lines(text) {
			one, err := record(line)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			out[dataset] = append(out[dataset], one)
		}
	}
	return out, nil
}
