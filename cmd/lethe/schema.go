package main

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/manifest"
	"github.com/flowmart/lethe/schemas/migration"
	"github.com/flowmart/lethe/schemas/pipeline"
	"github.com/flowmart/lethe/schemas/report"
	"github.com/flowmart/lethe/schemas/rollout"
)

func newSchema(e *env) *cobra.Command {
	c := group("schema", "Check schemas before they are merged, and register them", "  lethe schema check\n  lethe schema check orders.avsc --subject orders-value",
		newSchemaCheck(e), newSchemaLint(e), newSchemaPlan(e), newSchemaRegister(e),
		newSchemaDiff(e), newSchemaPull(e), newSchemaIDs(e), newSchemaConfig(e), newSchemaDelete(e),
		newSchemaStore(e), newSchemaMirror(e),
		newSchemaApprove(e), newSchemaReads(e), newSchemaSafe(e))
	c.PersistentFlags().StringP("output", "o", "text", strings.Join(report.Forms(), ", "))
	c.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		return report.Known(output(cmd))
	}
	return c
}

func newSchemaCheck(e *env) *cobra.Command {
	var subject, kind, against string
	c := &cobra.Command{
		Use:   "check [FILE…]",
		Short: "Tell what registering schemas would come to, and write nothing",
		Long: `Tells what registering schemas would come to: whether they can be read, may
follow the versions before them, and say of every personal field what it is.
Each finding has a code, its line, and how to mend it.

The schemas are those of the manifest (lethe.yaml), or of the files of it that
are named; the tables of the stores in it are checked with them. With --subject it is one file, which may be - for standard input, and
no manifest is needed.

Against git or a folder nothing is asked of a server: each schema is held against
the one that its subject had there, under the level and the policy of the
manifest (BACKWARD and WARN where it says none). What the catalog and consumers
say does not count then. Exit code 1 means that the verdict is FAIL.`,
		Example: "  lethe schema check\n  lethe schema check --output github\n  lethe schema check --against git:origin/main\n  lethe schema check orders.avsc --subject orders-value",
		RunE: func(cmd *cobra.Command, args []string) error {
			if subject != "" {
				return checkOne(cmd, e, args, subject, kind)
			}
			if kind != "" {
				return usage(errors.New("--type goes with --subject; in a manifest each entry has its type"))
			}
			files, err := readManifest(cmd)
			if err != nil {
				return err
			}
			v, err := files.check(cmd, e, against)
			if err != nil {
				return err
			}
			return files.tell(cmd, v, args)
		},
	}
	c.Flags().StringVar(&against, "against", "registry", "what the schemas follow: registry, git:REF, or dir:PATH with a copy of the manifest's folder; the last two need no server")
	c.Flags().StringVar(&subject, "subject", "", "the subject that the one file is for")
	c.Flags().StringVar(&kind, "type", "", "AVRO, JSON or PROTOBUF; by the name of the file where it is left out")
	return failFlag(visitFlags(manifestFlags(c)))
}

// checkOne checks one file that stands in no manifest.
func checkOne(cmd *cobra.Command, e *env, args []string, subject, kind string) error {
	if len(args) != 1 {
		return usage(fmt.Errorf("--subject is for one file, and %d are named; write a manifest for several", len(args)))
	}
	entry, err := oneEntry(cmd, e, args[0], subject, kind)
	if err != nil {
		return err
	}
	a, err := askCheck(cmd, e, []manifest.Entry{entry})
	if err != nil {
		return err
	}
	return tellReport(cmd, a)
}

// manifestFlags are the flags of every command that reads a manifest.
func manifestFlags(c *cobra.Command) *cobra.Command {
	c.Flags().StringP("manifest", "m", manifest.Name, "the file that says which schemas there are")
	return c
}

// files are the schemas of a manifest as they are on the disk.
type files struct {
	*manifest.Manifest
	folder  string
	entries []manifest.Entry
	stores  []manifest.Store
}

// readManifest reads the manifest and what it names. Mistakes in it are told in
// the form that was asked for, too, so that a pipeline shows them at the line.
func readManifest(cmd *cobra.Command) (f files, err error) {
	path, _ := cmd.Flags().GetString("manifest")
	text, err := readInput(&env{in: cmd.InOrStdin()}, path)
	if err != nil {
		return f, usage(fmt.Errorf("%w; write a manifest, or name another with --manifest, or one file with its --subject", err))
	}
	f.folder = filepath.Dir(path)
	if f.Manifest, err = manifest.Read(path, text); err == nil {
		err = f.read()
	}
	if err == nil {
		return f, nil
	}
	if form := output(cmd); form != "text" && form != "json" {
		if err := report.Write(cmd.OutOrStdout(), form, report.OfMistakes(err)); err != nil {
			return f, away(err)
		}
	}
	return f, usage(manifest.Lines(err))
}

// read reads the files, and calls them as they are called from here.
func (f *files) read() error {
	tree, err := manifest.Dir(f.folder)
	if err != nil {
		return err
	}
	f.entries, err = f.Entries(tree)
	for i := range f.entries {
		f.entries[i].File = filepath.ToSlash(filepath.Join(f.folder, f.entries[i].File))
	}
	var wrong error
	f.stores, wrong = f.readStores(tree, f.Sources)
	return errors.Join(err, wrong)
}

// has reports whether a file is one of the manifest.
func (f files) has(name string) bool {
	return slices.ContainsFunc(f.entries, func(e manifest.Entry) bool { return e.File == name }) ||
		slices.ContainsFunc(f.stores, func(s manifest.Store) bool {
			return slices.ContainsFunc(s.Source.Files, func(f migration.File) bool { return f.Path == name })
		})
}

// tell prints what was found about some files; of none named, about all.
func (f files) tell(cmd *cobra.Command, v findings, names []string) error {
	if len(names) > 0 {
		wanted := map[string]bool{}
		for _, name := range names {
			name = filepath.ToSlash(filepath.Clean(name))
			if !f.has(name) {
				return usage(fmt.Errorf("%s is no file of %s; correct a pattern there, or check it with --subject", name, f.File))
			}
			wanted[name] = true
		}
		v = v.only(func(file string) bool { return wanted[file] })
	}
	if output(cmd) == "json" {
		if err := show(cmd, v, nil); err != nil {
			return err
		}
		return concluded(cmd, v.Verdict)
	}
	if output(cmd) == "text" {
		for _, s := range v.Stores {
			writeChanges(cmd.OutOrStdout(), s.Changes)
		}
	}
	return tellReport(cmd, v.Answer)
}

// askCheck asks the server for its verdict on schemas in their order.
func askCheck(cmd *cobra.Command, e *env, all []manifest.Entry) (report.Answer, error) {
	a := report.Answer{Verdict: gate.Pass, Schemas: []report.Checked{}}
	c, err := visit(cmd, e)
	if err != nil {
		return a, err
	}
	for some := range manifest.Parts(all) {
		q := pipeline.Question{}
		for _, e := range some.Entries {
			q.Schemas = append(q.Schemas, asSchema(e))
		}
		var part report.Answer
		if err := c.exchange(cmd.Context(), http.MethodPost, pipeline.Path, q, &part); err != nil {
			return a, err
		}
		if len(part.Schemas) != len(some.Entries) {
			return a, otherForm(nil)
		}
		for i, c := range part.Schemas {
			if c.File = some.Entries[i].File; i >= some.Along {
				a.Add(c)
			}
		}
	}
	rollout.Disowned(all, &a)
	return a, nil
}

// asSchema is an entry as the server is asked about it.
func asSchema(e manifest.Entry) pipeline.Schema {
	s := pipeline.Schema{Subject: e.Subject, Type: e.Type, Text: e.Text, Level: e.Level, Policy: e.Policy, Topics: e.Topics, Metadata: e.Metadata, RuleSet: e.RuleSet}
	for _, r := range e.References {
		s.References = append(s.References, pipeline.Reference{Name: r.Name, Subject: r.Subject, Version: r.Version})
	}
	return s
}

// failFlag is the flag of the commands whose answer is a verdict.
func failFlag(c *cobra.Command) *cobra.Command {
	c.Flags().String("fail-on", "error", "what ends with exit code 1: error, warning, or never")
	return c
}

// tellReport prints a verdict; FAIL is the exit code 1, unless somebody says
// that more or less is.
func tellReport(cmd *cobra.Command, a report.Answer) error {
	if err := report.Write(cmd.OutOrStdout(), output(cmd), a); err != nil {
		return away(err)
	}
	return concluded(cmd, a.Verdict)
}

// concluded is the exit code of a verdict.
func concluded(cmd *cobra.Command, v gate.Verdict) error {
	on, _ := cmd.Flags().GetString("fail-on")
	if known := []string{"error", "warning", "never"}; on != "" && !slices.Contains(known, on) {
		return usage(errors.New(fault.Suggest(fmt.Sprintf("--fail-on is %q; write error, warning or never", on), on, known)))
	}
	if on != "never" && (v == gate.Fail || on == "warning" && v == gate.Warning) {
		return no(fmt.Errorf("the verdict is %s", v))
	}
	return nil
}
