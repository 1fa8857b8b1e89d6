package demo

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/devstack"
)

// needles are the traces that are searched for.
type needles struct{ devstack.Traces }

func needlesOf(identifiers ...string) needles { return needles{devstack.TracesOf(identifiers...)} }

// hits counts, by place, where something was found.
type hits map[string]int

func (h hits) total() (n int) {
	for _, c := range h {
		n += c
	}
	return n
}

// String lists the places.
func (h hits) String() string {
	var places []string
	for place, n := range h {
		places = append(places, fmt.Sprintf("%s (%d)", place, n))
	}
	sort.Strings(places)
	return strings.Join(places, ", ")
}

// database searches every row of every table of a database, as a superuser.
func (n needles) database(ctx context.Context, superURL string) (found hits, rowsSeen int, err error) {
	conn, err := pgx.Connect(ctx, superURL)
	if err != nil {
		return nil, 0, err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `
		SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
		 WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`)
	if err != nil {
		return nil, 0, err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, 0, err
	}
	found = hits{}
	for _, table := range tables {
		// The name was quoted by PostgreSQL itself.
		rows, err := conn.Query(ctx, `SELECT t::text FROM `+table+` AS t`)
		if err != nil {
			return nil, 0, err
		}
		for rows.Next() {
			rowsSeen++
			if n.In(rows.RawValues()[0]) {
				found[table]++
			}
		}
		if err := rows.Err(); err != nil {
			return nil, 0, err
		}
	}
	return found, rowsSeen, nil
}

// files searches every file below the given paths.
func (n needles) files(paths ...string) (hits, error) {
	found := hits{}
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if err == nil && n.In(text) {
				found[filepath.Base(path)]++
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// page searches what a URL answers.
func (n needles) page(ctx context.Context, at string) (hits, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	found := hits{}
	if n.In(text) {
		found[at]++
	}
	return found, nil
}
