package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/internal/fault"
)

const importDocument = `
mutation Import($input: ImportCatalogInput!) {
  importCatalog(input: $input) {
    changes { action kind ref }
    userErrors { code path message }
  }
}`

const exportDocument = `query Export { exportCatalog }`

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
	return visitFlags(&cobra.Command{
		Use:     "validate FILE",
		Short:   "Check a YAML file against the catalog, and change nothing",
		Long:    "Checks everything that an import would check, and changes nothing. Exit code 1\nmeans that the file has mistakes; each is named with its line.",
		Example: "  lethe catalog validate flowmart.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			changes, err := importCatalog(cmd, e, args[0], true)
			if err != nil {
				return err
			}
			return show(cmd, map[string]any{"valid": true, "changes": len(changes)}, func(w io.Writer) {
				fmt.Fprintf(w, "%s is valid; an import would make %d changes.\n", args[0], len(changes))
			})
		},
	})
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
			var answer struct{ ExportCatalog string }
			if err := c.ask(cmd.Context(), exportDocument, nil, &answer); err != nil {
				return err
			}
			if to != "" {
				if err := os.WriteFile(to, []byte(answer.ExportCatalog), 0o644); err != nil {
					return usage(err)
				}
				return nil
			}
			return show(cmd, map[string]string{"yaml": answer.ExportCatalog}, func(w io.Writer) { fmt.Fprint(w, answer.ExportCatalog) })
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

// importCatalog sends a file. Mistakes come back with line and column as their
// path; the file's name goes before them.
func importCatalog(cmd *cobra.Command, e *env, path string, dryRun bool) ([]change, error) {
	text, err := readInput(e, path)
	if err != nil {
		return nil, usage(err)
	}
	c, err := visit(cmd, e)
	if err != nil {
		return nil, err
	}
	var answer struct {
		ImportCatalog struct {
			Changes    []change
			UserErrors userErrors
		}
	}
	in := map[string]any{"input": map[string]any{"yaml": string(text), "dryRun": dryRun}}
	if err := c.ask(cmd.Context(), importDocument, in, &answer); err != nil {
		return nil, err
	}
	var mistakes []error
	for _, u := range answer.ImportCatalog.UserErrors {
		at := strings.Join(append([]string{path}, u.Path...), ":")
		mistakes = append(mistakes, &fault.Fault{Kind: fault.Invalid, Code: u.Code, Path: []string{at}, Message: u.Message})
	}
	if len(mistakes) > 0 {
		return nil, no(errors.Join(mistakes...))
	}
	return answer.ImportCatalog.Changes, nil
}
