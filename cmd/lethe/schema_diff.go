package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/changes"
	"github.com/flowmart/lethe/schemas/manifest"
	"github.com/flowmart/lethe/schemas/report"
	"github.com/flowmart/lethe/schemas/rollout"
	"github.com/flowmart/lethe/schemas/stores"
)

// difference is what one schema of the manifest changes, or one store.
type difference struct {
	Subject  string              `json:"subject,omitempty"`
	Store    string              `json:"store,omitempty"`
	File     string              `json:"file,omitempty"`
	State    string              `json:"state"` // NEW, CHANGED, REMOVED
	Changes  []changes.Change    `json:"changes"`
	Personal []report.Difference `json:"personalData"`
}

func newSchemaDiff(e *env) *cobra.Command {
	var against string
	var strict bool
	c := &cobra.Command{
		Use:   "diff",
		Short: "Name every change of the manifest's schemas",
		Long: `Names every change of the manifest's schemas against the latest registered
versions, or what was before: each thing added, removed or changed at its place,
and what that does to the personal data in them; and what its stores change about
their tables. It judges nothing.`,
		Example: "  lethe schema diff\n  lethe schema diff --against git:origin/main --exit-code",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := inForms(cmd, "text", "json", "markdown"); err != nil {
				return err
			}
			f, err := readManifest(cmd)
			if err != nil {
				return err
			}
			found, err := f.differences(cmd, e, against)
			if err != nil {
				return err
			}
			write := writeDifferences
			if output(cmd) == "markdown" {
				write = tabulateDifferences
			}
			if err := show(cmd, found, func(w io.Writer) { write(w, found) }); err != nil {
				return err
			}
			if strict && len(found) > 0 {
				return no(fmt.Errorf("%d schemas and stores are not as in %s", len(found), against))
			}
			return nil
		},
	}
	c.Flags().StringVar(&against, "against", "registry", "what the schemas are held against: registry, git:REF or dir:PATH")
	c.Flags().BoolVar(&strict, "exit-code", false, "exit code 1 where anything differs")
	return visitFlags(manifestFlags(c))
}

// plainly refuses the forms that only a verdict has.
func plainly(cmd *cobra.Command) error { return inForms(cmd, "text", "json") }

// inForms refuses other forms than a command writes.
func inForms(cmd *cobra.Command, forms ...string) error {
	if o := output(cmd); !slices.Contains(forms, o) {
		return usage(errors.New(fault.Suggest(fmt.Sprintf("--output is %q; this command writes %s", o, strings.Join(forms, ", ")), o, forms)))
	}
	return nil
}

// compared is what the manifest comes to beside what there was.
type compared struct {
	schemas map[string]schemas.Comparison // by subject
	before  []manifest.Entry              // where that is no registry
	stores  []stores.Answer
}

func (f files) withRegistry(cmd *cobra.Command, e *env) (c compared, err error) {
	r, err := registry(cmd, e)
	if err != nil {
		return c, err
	}
	a, err := askCheck(cmd, e, f.entries)
	if err != nil {
		return c, err
	}
	var all []string
	for _, e := range f.entries {
		all = append(all, e.Subject)
	}
	if c.schemas, err = r.Compared(cmd.Context(), f.entries, a, all); err != nil {
		return c, answered(err)
	}
	c.stores, err = f.checkStores(cmd, e)
	return c, err
}

func (f files) with(cmd *cobra.Command, against string) (c compared, err error) {
	was, err := f.before(cmd.Context(), against)
	if err != nil {
		return c, err
	}
	c.before, c.schemas = was.entries, map[string]schemas.Comparison{}
	for _, one := range schemas.Compare(submissions(was.entries), submissions(f.entries), f.config()) {
		c.schemas[one.Subject] = one
	}
	c.stores, err = f.compareStores(was.stores, against)
	return c, err
}

// differences compares the schemas and tables with those before.
func (f files) differences(cmd *cobra.Command, e *env, against string) ([]difference, error) {
	out := []difference{}
	var c compared
	var err error
	if against == "registry" {
		c, err = f.withRegistry(cmd, e)
	} else {
		c, err = f.with(cmd, against)
	}
	if err != nil {
		return out, err
	}
	now := map[string]bool{}
	for _, e := range f.entries {
		now[e.Subject] = true
		if d, differs := differenceOf(e, c.schemas[e.Subject]); differs {
			out = append(out, d)
		}
	}
	for _, e := range c.before {
		if !now[e.Subject] {
			out = append(out, difference{Subject: e.Subject, State: "REMOVED", Changes: []changes.Change{}, Personal: []report.Difference{}})
		}
	}
	return append(out, storeDifferences(c.stores)...), nil
}

func differenceOf(e manifest.Entry, c schemas.Comparison) (difference, bool) {
	d := difference{Subject: e.Subject, File: e.File, State: "CHANGED", Changes: []changes.Change{}, Personal: []report.Difference{}}
	d.Personal = append(d.Personal, report.Of([]schemas.Answer{c.Answer}).Schemas[0].Difference...)
	if c.Before == "" {
		d.State = "NEW"
		return d, true
	}
	d.Changes = append(d.Changes, rollout.Differences(e, c)...)
	return d, len(d.Changes)+len(d.Personal) > 0
}

func writeDifferences(w io.Writer, all []difference) {
	for _, d := range all {
		fmt.Fprintf(w, "%s %s", map[string]string{"NEW": "+", "CHANGED": "~", "REMOVED": "-"}[d.State], report.Line(cmp.Or(d.Subject, d.Store)))
		if d.File != "" {
			fmt.Fprintf(w, " (%s)", report.Line(d.File))
		}
		fmt.Fprintln(w)
		for _, c := range d.Changes {
			fmt.Fprintln(w, "   ", report.Line(c.String()))
		}
		for _, p := range d.Personal {
			fmt.Fprintln(w, "    personal data", report.Line(p.String()))
		}
	}
	fmt.Fprintf(w, "%d differ\n", len(all))
}

// tabulateDifferences writes what fits a comment on a merge request.
func tabulateDifferences(w io.Writer, all []difference) {
	fmt.Fprintf(w, "### Schemas: %d differ\n", len(all))
	for i, d := range all {
		if i == 0 {
			fmt.Fprint(w, "\n| | subject | changes | personal data |\n|---|---|---|---|\n")
		}
		var lines, personal []string
		for _, c := range d.Changes {
			lines = append(lines, report.Cell(c.String()))
		}
		for _, p := range d.Personal {
			personal = append(personal, report.Cell(p.String()))
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", strings.ToLower(d.State), report.Cell(cmp.Or(d.Subject, d.Store)), strings.Join(lines, "<br>"), strings.Join(personal, "<br>"))
	}
}

func newSchemaPull(e *env) *cobra.Command {
	var prefix, to string
	var force bool
	c := &cobra.Command{
		Use:   "pull",
		Short: "Write the registered schemas into files, with a manifest",
		Long: `Writes the latest versions of the subjects that begin with a prefix into files, and
a manifest that says what they are; registered from there, nothing changes.
Files that are there already are kept, unless --force is given.`,
		Example: "  lethe schema pull --prefix shop. --to schemas",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := plainly(cmd); err != nil {
				return err
			}
			r, err := registry(cmd, e)
			if err != nil {
				return err
			}
			files, err := rollout.Pull(cmd.Context(), r, prefix)
			if err != nil {
				return answered(err)
			}
			if len(files) == 1 {
				return no(fmt.Errorf("no subject begins with %q", prefix))
			}
			if err := writeFiles(to, files, force); err != nil {
				return usage(err)
			}
			names := make([]string, len(files))
			for i, f := range files {
				names[i] = filepath.Join(to, f.Name)
			}
			return show(cmd, names, func(w io.Writer) {
				for _, name := range names {
					fmt.Fprintln(w, name)
				}
			})
		},
	}
	c.Flags().StringVar(&prefix, "prefix", "", "only subjects that begin with this")
	c.Flags().StringVar(&to, "to", ".", "the folder")
	c.Flags().BoolVar(&force, "force", false, "write over files that are there")
	return visitFlags(c)
}

// writeFiles writes all files or none that is there already.
func writeFiles(folder string, all []rollout.File, force bool) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var there []error
	for _, f := range all {
		if _, err := os.Lstat(filepath.Join(folder, f.Name)); err == nil && !force {
			there = append(there, fmt.Errorf("%s is there already; --force writes over it", filepath.Join(folder, f.Name)))
		}
	}
	if len(there) > 0 {
		return errors.Join(there...)
	}
	for _, f := range all {
		path := filepath.Join(folder, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.Text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
