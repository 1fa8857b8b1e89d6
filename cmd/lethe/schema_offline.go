package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/manifest"
	"github.com/flowmart/lethe/schemas/report"
)

func newSchemaLint(*env) *cobra.Command {
	c := &cobra.Command{
		Use:   "lint [FILE…]",
		Short: "Tell what is wrong with schemas by themselves, without any server",
		Long: `Tells what is wrong with the schemas of the manifest by themselves: what cannot
be read, what refers to nothing or in a circle, and personal fields that nobody
classified; and with the files of its stores. No server is asked. Exit code 1 means that the verdict is FAIL.`,
		Example: "  lethe schema lint\n  lethe schema lint --output github",
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := readManifest(cmd)
			if err != nil {
				return err
			}
			found, err := files.lintStores()
			if err != nil {
				return err
			}
			return files.tell(cmd, findings{Answer: files.compared(nil, "")}.with(found), args)
		},
	}
	return failFlag(manifestFlags(c))
}

// check tells what the schemas and the tables come to against a registry, or
// what was before.
func (f files) check(cmd *cobra.Command, e *env, against string) (findings, error) {
	if against == "registry" {
		a, err := askCheck(cmd, e, f.entries)
		if err != nil {
			return findings{}, err
		}
		found, err := f.checkStores(cmd, e)
		return findings{Answer: a}.with(found), err
	}
	before, err := f.before(cmd.Context(), against)
	if err != nil {
		return findings{}, err
	}
	found, err := f.compareStores(before.stores, against)
	return findings{Answer: f.compared(before.entries, against)}.with(found), err
}

// compared is what the schemas come to beside those before.
func (f files) compared(before []manifest.Entry, against string) report.Answer {
	a := report.OfCompared(schemas.Compare(submissions(before), submissions(f.entries), f.config()), against)
	for i := range a.Schemas {
		a.Schemas[i].File = f.entries[i].File
	}
	return a
}

// before reads the files that were, by the manifest that is.
func (f files) before(ctx context.Context, against string) (files, error) {
	kind, where, _ := strings.Cut(against, ":")
	var tree manifest.Tree
	var err error
	switch {
	case kind == "git" && where != "":
		tree, err = manifest.Git(ctx, f.folder, where)
	case kind == "dir" && where != "":
		tree, err = manifest.Dir(where)
	default:
		err = errors.New(fault.Suggest(fmt.Sprintf("--against is %q; write registry, git:REF or dir:PATH", against), kind, []string{"registry", "git", "dir"}))
	}
	if err != nil {
		return files{}, usage(err)
	}
	entries, err := f.Before(tree)
	stores, wrong := f.readStores(tree, f.SourcesBefore)
	if err = errors.Join(err, wrong); err != nil {
		return files{}, usage(fmt.Errorf("what was there before, in %s: %w", against, manifest.Lines(err)))
	}
	return files{f.Manifest, f.folder, entries, stores}, nil
}

// config tells what the manifest says should hold for a subject.
func (f files) config() func(subject string) schemas.Config {
	said := map[string]schemas.Config{}
	for _, e := range f.entries {
		c := schemas.Config{Level: e.Level}
		if e.Policy != "" {
			c.Gate = &e.Policy
		}
		if len(e.Topics) > 0 {
			c.Topics = &e.Topics
		}
		said[e.Subject] = c
	}
	return func(subject string) schemas.Config { return said[subject] }
}

func submissions(all []manifest.Entry) []schemas.Submission {
	out := make([]schemas.Submission, len(all))
	for i, e := range all {
		out[i] = e.Submission()
	}
	return out
}
