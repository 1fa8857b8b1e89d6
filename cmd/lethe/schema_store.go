package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/migration"
	"github.com/flowmart/lethe/schemas/report"
	"github.com/flowmart/lethe/schemas/stores"
	"github.com/flowmart/lethe/schemas/stores/rest"
)

func newSchemaStore(e *env) *cobra.Command {
	return group("store", "Check the tables of a store before they are merged, and push them to the catalog",
		"  lethe schema store check orders-db db/migration --format flyway",
		newStoreCheck(e), newStorePush(e), newStoreLint(e), newStoreGate(e))
}

// storeFlags are the flags of every command that reads the files of a store.
type storeFlags struct {
	format, namespace, root string
	placeholders            map[string]string
	contexts                []string
}

func (f *storeFlags) on(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&f.namespace, "namespace", "", "of the datasets in the catalog (the one they have, or postgres://STORE)")
	f.flags(c)
	return visitFlags(c)
}

// flags are those that say how the files are read.
func (f *storeFlags) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.format, "format", "sql", "what the files are: "+strings.Join(migration.Formats(), ", "))
	c.Flags().StringVar(&f.root, "root", "", "the changelog that Liquibase begins with")
	c.Flags().StringSliceVar(&f.contexts, "context", nil, "a context that Liquibase runs with; may be repeated (every change set)")
	c.Flags().StringToStringVar(&f.placeholders, "placeholder", nil, "the value of a placeholder, such as schema=shop; may be repeated")
}

func newStoreCheck(e *env) *cobra.Command {
	var f storeFlags
	return f.on(&cobra.Command{
		Use:   "check STORE PATH…",
		Short: "Tell what pushing a store's tables would come to, and write nothing",
		Long: `Reads what a team keeps about the tables of a store: scripts of SQL in the order
given, or a folder of migrations in the order in which they run. It tells which
columns hold personal data that nobody classified, and what is taken away that
somebody reads. Each finding has a code, its line, and how to mend it. A column
is classified by its comment: COMMENT ON COLUMN customer.email IS
'@tags(user.contact.email)'. Exit code 1 means that the verdict is FAIL.`,
		Example: "  lethe schema store check orders-db db/migration --format flyway\n  lethe schema store check orders-db schema.sql --output github",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.ask(cmd, e, args, "/check")
		},
	})
}

func newStorePush(e *env) *cobra.Command {
	var f storeFlags
	return f.on(&cobra.Command{
		Use:   "push STORE PATH…",
		Short: "Enter a store's tables into the catalog",
		Long: `Does what check tells: makes the tables the store's, and enters them into the
catalog as its datasets and their columns as fields. Pushing the same again
changes nothing. Where the verdict is FAIL nothing is pushed, and the exit code
is 1.`,
		Example: "  lethe schema store push orders-db db/migration --format flyway",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.ask(cmd, e, args, "")
		},
	})
}

func newStoreLint(e *env) *cobra.Command {
	var f storeFlags
	var policy string
	c := &cobra.Command{
		Use:   "lint PATH…",
		Short: "Judge a store's files by themselves, without a server",
		Long: `Tells what each step does to tables, what cannot be read, and which columns hold
personal data that no comment classifies. What the catalog knows of a store only
check can tell. Exit code 1 means that the verdict is FAIL.`,
		Example: "  lethe schema store lint db/migration --format flyway\n  lethe schema store lint db/migration --format goose --policy warn",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			sub, err := f.read(e, args)
			if err != nil {
				return err
			}
			sub.Policy = gate.Policy(strings.ToUpper(policy))
			if !slices.Contains(gate.Policies(), sub.Policy) {
				return usage(fmt.Errorf("--policy is %q; write enforce, warn or off", policy))
			}
			a, err := stores.Lint("", sub)
			if err != nil {
				return usage(err)
			}
			return tellStore(cmd, a)
		},
	}
	f.flags(c)
	c.Flags().StringVar(&policy, "policy", "enforce", "what the gate's findings are: enforce, warn, off")
	return c
}

func newStoreGate(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "gate STORE enforce|warn|off",
		Short: "Say how much the gate's findings are to a store",
		Long: `Under enforce an error fails the check and nothing is pushed; under warn, which
a store has unless somebody says otherwise, nothing fails; under off nothing is
looked for.`,
		Example: "  lethe schema store gate orders-db enforce",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := visit(cmd, e)
			if err != nil {
				return err
			}
			policy := map[string]string{"policy": strings.ToUpper(args[1])}
			return c.exchange(cmd.Context(), http.MethodPut, rest.Path(url.PathEscape(args[0]))+"/gate", policy, nil)
		},
	}
	return visitFlags(c)
}

// ask sends a store's files, and prints the verdict.
func (f *storeFlags) ask(cmd *cobra.Command, e *env, args []string, what string) error {
	sub, err := f.read(e, args[1:])
	if err != nil {
		return err
	}
	c, err := visit(cmd, e)
	if err != nil {
		return err
	}
	var a stores.Answer
	if err := c.exchange(cmd.Context(), http.MethodPost, rest.Path(url.PathEscape(args[0]))+what, sub, &a); err != nil {
		return err
	}
	if a.Verdict == "" {
		return otherForm(nil)
	}
	return tellStore(cmd, a)
}

// read reads the files of a store.
func (f *storeFlags) read(e *env, paths []string) (stores.Submission, error) {
	sub := stores.Submission{Namespace: f.namespace}
	sub.Format, sub.Root, sub.Placeholders = f.format, filepath.ToSlash(f.root), f.placeholders
	sub.Contexts = f.contexts
	for _, path := range paths {
		files, err := readMigrations(e, path)
		if err != nil {
			return sub, usage(err)
		}
		sub.Files = append(sub.Files, files...)
	}
	if len(sub.Files) == 0 {
		return sub, usage(fmt.Errorf("no files of migrations in %s", strings.Join(paths, ", ")))
	}
	return sub, nil
}

// tellStore prints a verdict with what changes; FAIL is the exit code 1.
func tellStore(cmd *cobra.Command, a stores.Answer) error {
	switch output(cmd) {
	case "json":
		if err := show(cmd, a, nil); err != nil {
			return err
		}
		if a.Verdict == gate.Fail {
			return no(fmt.Errorf("the verdict is %s", a.Verdict))
		}
		return nil
	case "text":
		writeChanges(cmd.OutOrStdout(), a.Changes)
	}
	if a.Pushed {
		for i := range a.Schemas {
			a.Schemas[i].State = fmt.Sprintf("was pushed as version %d", a.Version)
		}
	}
	return tellReport(cmd, report.Answer{Verdict: a.Verdict, Schemas: a.Schemas})
}

// kept are the endings of files that migrations may be.
var kept = []string{".sql", ".xml", ".yaml", ".yml", ".json", ".js", ".go", ".java"}

// readMigrations reads a file, or those of a folder and what is below it.
func readMigrations(e *env, path string) ([]migration.File, error) {
	info, err := os.Stat(path)
	if path == "-" || err == nil && !info.IsDir() || errors.Is(err, os.ErrNotExist) {
		raw, err := readInput(e, path)
		return []migration.File{{Path: filepath.ToSlash(path), Text: string(raw)}}, err
	}
	if err != nil {
		return nil, err
	}
	var out []migration.File
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !slices.Contains(kept, strings.ToLower(filepath.Ext(name))) {
			return err
		}
		raw, err := os.ReadFile(name) //nolint:gosec // their own files, read by whoever wrote them
		out = append(out, migration.File{Path: filepath.ToSlash(name), Text: string(raw)})
		return err
	})
	return out, err
}
