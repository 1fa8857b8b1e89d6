package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/catalog/yaml"
	"github.com/flowmart/lethe/internal/fault"
)

// catalogPath is where the server takes and gives the catalog as a file.
const catalogPath = "/api/v1/catalog"

func newCatalog(e *env) *cobra.Command {
	return group("catalog", "Import, export and check the catalog", "  lethe catalog import flowmart.yaml --dry-run",
		newCatalogImport(e), newCatalogValidate(e), newCatalogExport(e))
}

func newCatalogImport(e *env) *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Declare what a YAML file says",
		Long: `Declares what the file says and leaves the rest of the catalog as it is. All of
it is done, or nothing. Importing the same file again changes nothing. Every
mistake is named with its line and how to mend it. FILE may be - for standard
input.`,
		Example: "  lethe catalog import flowmart.yaml --dry-run\n  lethe catalog import flowmart.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			changes, err := importCatalog(cmd, e, args[0], dryRun)
			if err != nil {
				return err
			}
			return show(cmd, map[string]any{"changes": changes, "dryRun": dryRun}, func(w io.Writer) {
				for _, c := range changes {
					fmt.Fprintf(w, "%-6s %-10s %s\n", strings.ToLower(c.Action), c.Kind, c.Ref)
				}
				fmt.Fprintln(w, verdict(len(changes), dryRun))
			})
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change, and change nothing")
	return visitFlags(c)
}

func verdict(changes int, dryRun bool) string {
	switch {
	case changes == 0:
		return "Nothing new: the catalog already says this."
	case dryRun:
		return fmt.Sprintf("%d changes would be made. Nothing was changed.", changes)
	}
	return fmt.Sprintf("%d changes made.", changes)
}

func newCatalogValidate(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE",
		Short: "Check a YAML file by itself, without a server",
		Long: `Checks everything about the file that can be known without a catalog, and names
each mistake with its line. lethe catalog import --dry-run checks it against
the catalog as well. Exit code 1 means that the file has mistakes.`,
		Example: "  lethe catalog validate flowmart.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := readCatalog(e, args[0]); err != nil {
				return err
			}
			return show(cmd, map[string]any{"valid": true}, func(w io.Writer) { fmt.Fprintf(w, "%s is well-formed.\n", args[0]) })
		},
	}
}

func newCatalogExport(e *env) *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:     "export",
		Short:   "Write the whole catalog as a YAML file that import reads",
		Example: "  lethe catalog export --file catalog.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := visit(cmd, e)
			if err != nil {
				return err
			}
			text, err := c.send(cmd.Context(), http.MethodGet, catalogPath, "", nil)
			if err != nil {
				return err
			}
			if to != "" {
				if err := os.WriteFile(to, text, 0o644); err != nil {
					return usage(err)
				}
				return nil
			}
			return show(cmd, map[string]string{"yaml": string(text)}, func(w io.Writer) { fmt.Fprintf(w, "%s", text) })
		},
	}
	c.Flags().StringVar(&to, "file", "", "write to this file instead of standard output")
	return visitFlags(c)
}

type change struct {
	Action string `json:"action"`
	Kind   string `json:"kind"`
	Ref    string `json:"ref"`
}

// catalogText is a catalog file and the values of the variables it names. The
// server, which has another environment, puts them in where it understands the
// file, so that a value is never read as YAML.
type catalogText struct {
	YAML      string            `json:"yaml"`
	Variables map[string]string `json:"variables"`
}

// body is what is sent: a file without variables by itself.
func (t catalogText) body() (contentType string, body io.Reader, err error) {
	if len(t.Variables) == 0 {
		return "application/yaml", strings.NewReader(t.YAML), nil
	}
	raw, err := json.Marshal(t)
	return "application/vnd.lethe.catalog+json", bytes.NewReader(raw), err
}

// readCatalog reads a file, checks it by itself, and gathers from the
// environment what it asks for.
func readCatalog(e *env, path string) (catalogText, error) {
	raw, err := readInput(e, path)
	if err != nil {
		return catalogText{}, usage(err)
	}
	text := catalogText{string(raw), map[string]string{}}
	vars := func(name string) (string, bool) {
		value := e.get(name)
		if value == "" || strings.ContainsAny(value, "\r\n") {
			return "", false
		}
		text.Variables[name] = value
		return value, true
	}
	if _, err := yaml.Parse(path, raw, vars); err != nil {
		return catalogText{}, no(placed(err))
	}
	return text, nil
}

// placed writes the places of mistakes as file:line:column, as editors do.
func placed(err error) error {
	var out []error
	for _, f := range fault.All(err) {
		g := *f
		g.Path = []string{strings.Join(f.Path, ":")}
		out = append(out, &g)
	}
	if out == nil {
		return err
	}
	return errors.Join(out...)
}

// importCatalog sends a file.
func importCatalog(cmd *cobra.Command, e *env, path string, dryRun bool) ([]change, error) {
	text, err := readCatalog(e, path)
	if err != nil {
		return nil, err
	}
	c, err := visit(cmd, e)
	if err != nil {
		return nil, err
	}
	at := catalogPath
	if dryRun {
		at += "?dry_run=true"
	}
	kind, body, err := text.body()
	if err != nil {
		return nil, err
	}
	raw, err := c.send(cmd.Context(), http.MethodPost, at, kind, body)
	if err != nil {
		return nil, inFile(path, err)
	}
	var answer struct{ Changes []change }
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, otherForm(err)
	}
	return answer.Changes, nil
}

// inFile puts the name of the file before the line of each mistake.
func inFile(path string, err error) error {
	var end ended
	faults := fault.All(err)
	if !errors.As(err, &end) || faults == nil {
		return err
	}
	var out []error
	for _, f := range faults {
		g := *f
		if len(g.Path) > 0 {
			g.Path = []string{path + ":" + strings.Join(g.Path, ".")}
		}
		out = append(out, &g)
	}
	return ended{end.code, errors.Join(out...)}
}
