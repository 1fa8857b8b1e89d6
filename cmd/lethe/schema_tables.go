package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/schemas/changes"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/manifest"
	"github.com/flowmart/lethe/schemas/report"
	"github.com/flowmart/lethe/schemas/rollout"
	"github.com/flowmart/lethe/schemas/stores"
	"github.com/flowmart/lethe/schemas/stores/rest"
)

// submission is what a store of a manifest sends.
func submission(s manifest.Store) stores.Submission {
	return stores.Submission{Source: s.Source, Namespace: s.Namespace, Policy: s.Policy}
}

// findings is what was found about the schemas of a manifest and its tables, in
// one list, and what changes in its stores.
type findings struct {
	report.Answer
	Stores []storeChanges `json:"stores,omitempty"`
}

// storeChanges are what changes in a store.
type storeChanges struct {
	Store     string          `json:"store"`
	Namespace string          `json:"namespace,omitempty"`
	Version   int             `json:"version"`
	Known     bool            `json:"registered"`
	Changes   []stores.Change `json:"changes"`
}

// with adds what was found about stores.
func (v findings) with(found []stores.Answer) findings {
	for _, a := range found {
		for _, c := range a.Schemas {
			v.Add(c)
		}
		v.Stores = append(v.Stores, storeChanges{a.Store, a.Namespace, a.Version, a.Known, a.Changes})
	}
	return v
}

// only leaves what is said of some files.
func (v findings) only(wanted func(file string) bool) findings {
	out := findings{Answer: report.Answer{Verdict: gate.Pass, Schemas: []report.Checked{}}}
	for _, c := range v.Schemas {
		if c, some := c.In(wanted); some {
			out.Add(c)
		}
	}
	for _, s := range v.Stores {
		s.Changes = slices.DeleteFunc(slices.Clone(s.Changes), func(c stores.Change) bool { return !wanted(c.At.File) })
		if len(s.Changes) > 0 {
			out.Stores = append(out.Stores, s)
		}
	}
	return out
}

// writeChanges writes what changes in stores, each change at its place; what no
// file makes any more has none.
func writeChanges(w io.Writer, all []stores.Change) {
	for _, c := range all {
		fmt.Fprintln(w, strings.TrimPrefix(c.At.String()+": "+c.Words(), ": "))
	}
}

// readStores reads the files of the manifest's stores, and calls them as they
// are called from here.
func (f files) readStores(t manifest.Tree, find func(manifest.Tree) ([]manifest.Store, error)) ([]manifest.Store, error) {
	all, err := find(t)
	for _, s := range all {
		for i := range s.Source.Files {
			s.Source.Files[i].Path = filepath.ToSlash(filepath.Join(f.folder, s.Source.Files[i].Path))
		}
	}
	return all, err
}

// checkStores tells what pushing the manifest's stores would come to.
func (f files) checkStores(cmd *cobra.Command, e *env) ([]stores.Answer, error) {
	if len(f.stores) == 0 {
		return nil, nil
	}
	c, err := visit(cmd, e)
	if err != nil {
		return nil, err
	}
	out := make([]stores.Answer, len(f.stores))
	for i, s := range f.stores {
		if err := c.exchange(cmd.Context(), http.MethodPost, rest.Path(url.PathEscape(s.Ref))+"/check", submission(s), &out[i]); err != nil {
			return nil, fmt.Errorf("store %s: %w", s.Ref, err)
		}
		if out[i].Verdict == "" {
			return nil, otherForm(nil)
		}
		out[i].Disown(s.Owner, f.File)
	}
	return out, nil
}

// compareStores tells what the tables come to beside those before.
func (f files) compareStores(before []manifest.Store, against string) ([]stores.Answer, error) {
	out := make([]stores.Answer, len(f.stores))
	for i, s := range f.stores {
		a, err := stores.Compare(s.Ref, against, submission(before[i]), submission(s))
		if err != nil {
			return nil, usage(fmt.Errorf("store %s: %w", s.Ref, err))
		}
		out[i] = a
	}
	return out, nil
}

// lintStores tells what is wrong with the files of stores by themselves.
func (f files) lintStores() ([]stores.Answer, error) {
	out := make([]stores.Answer, len(f.stores))
	for i, s := range f.stores {
		a, err := stores.Lint(s.Ref, submission(s))
		if err != nil {
			return nil, usage(fmt.Errorf("store %s: %w", s.Ref, err))
		}
		out[i] = a
	}
	return out, nil
}

// storeDifferences names what the tables change.
func storeDifferences(found []stores.Answer) []difference {
	var out []difference
	for _, a := range found {
		d := difference{Store: a.Store, State: "CHANGED", Changes: []changes.Change{}, Personal: []report.Difference{}}
		if a.Version == 1 && !a.Known {
			d.State = "NEW"
		}
		d.Changes = append(d.Changes, a.Lines()...)
		for _, c := range a.Schemas {
			for _, p := range c.Difference {
				p.Path = c.Subject + " " + p.Path
				d.Personal = append(d.Personal, p)
			}
		}
		if len(d.Changes)+len(d.Personal) > 0 {
			out = append(out, d)
		}
	}
	return out
}

// pusher does the steps of a plan that are about stores.
func (c *client) pusher() rollout.Push {
	return func(ctx context.Context, s rollout.Step) (version int, err error) {
		at := rest.Path(url.PathEscape(s.Store))
		if s.Action == rollout.Set {
			return 0, c.exchange(ctx, http.MethodPut, at+"/gate", map[string]gate.Policy{"policy": s.Policy}, nil)
		}
		var a stores.Answer
		if err := c.exchange(ctx, http.MethodPost, at, s.Tables, &a); err != nil {
			return 0, err
		}
		if a.Verdict == gate.Fail {
			return 0, no(fmt.Errorf("the verdict is %s", a.Verdict))
		}
		return a.Version, nil
	}
}
