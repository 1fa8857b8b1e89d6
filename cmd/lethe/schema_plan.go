package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/manifest"
	"github.com/flowmart/lethe/schemas/report"
	"github.com/flowmart/lethe/schemas/rest"
	"github.com/flowmart/lethe/schemas/rollout"
)

func newSchemaPlan(e *env) *cobra.Command {
	var prune, strict bool
	c := &cobra.Command{
		Use:   "plan",
		Short: "Show what registering the manifest would do, and write nothing",
		Long: `Shows what lethe schema register would do: subjects that are new, versions with
every change in them, levels and policies, and how many schemas are registered
as they are. White space, the order of members and the spelling of names are no
change. Exit code 1 means that the verdict is FAIL.`,
		Example: "  lethe schema plan\n  lethe schema plan --output markdown\n  lethe schema plan --exit-code",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, a, err := makePlan(cmd, e, prune)
			if err != nil {
				return err
			}
			if err := tellPlan(cmd, p.Plan, a); err != nil {
				return err
			}
			if strict && p.Pending() {
				return no(errors.New("the registry is not what the manifest says; lethe schema register makes it so"))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&prune, "prune", false, "also plan to delete the subjects with the manifest's prefix and owner that it does not name")
	c.Flags().BoolVar(&strict, "exit-code", false, "exit code 1 also where something is left to do")
	return visitFlags(manifestFlags(c))
}

func newSchemaRegister(e *env) *cobra.Command {
	var prune bool
	c := &cobra.Command{
		Use:   "register",
		Short: "Register what the manifest says",
		Long: `Checks the schemas of the manifest and, unless one fails, sets the levels and
policies and registers what is not registered yet, each after what it refers to.
What cannot be done ends it; what was done is told, and found again the next
time. Any number of pipelines may do it at once.`,
		Example: "  lethe schema register\n  lethe schema register --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, a, err := makePlan(cmd, e, prune)
			if err != nil {
				return err
			}
			if p.Verdict == gate.Fail {
				return tellPlan(cmd, p.Plan, a)
			}
			stopped := p.Apply(cmd.Context(), p.registry, p.client.pusher())
			if err := tellPlan(cmd, p.Plan, a); err != nil {
				return err
			}
			return answered(stopped)
		},
	}
	c.Flags().BoolVar(&prune, "prune", false, "also delete, softly, the subjects with the manifest's prefix and owner that it does not name")
	return visitFlags(manifestFlags(c))
}

// prepared is a plan, and whom to ask to do it.
type prepared struct {
	rollout.Plan
	registry rollout.Registry
	client   *client
}

// makePlan reads the manifest, has what it names checked and plans what is left.
func makePlan(cmd *cobra.Command, e *env, prune bool) (p prepared, a report.Answer, err error) {
	f, err := readManifest(cmd)
	if err != nil {
		return p, a, err
	}
	if p.client, err = visit(cmd, e); err != nil {
		return p, a, err
	}
	if p.registry, err = registry(cmd, e); err != nil {
		return p, a, err
	}
	if a, err = askCheck(cmd, e, f.entries); err != nil {
		return p, a, err
	}
	tables, err := f.checkStores(cmd, e)
	if err != nil {
		return p, a, err
	}
	var surplus []rollout.Registered
	if prune {
		if surplus, err = f.surplus(cmd, e, p.registry); err != nil {
			return p, a, err
		}
	}
	p.Plan, err = rollout.Make(cmd.Context(), p.registry, f.entries, a, surplus)
	all := findings{Answer: a}.with(tables)
	p.Verdict = all.Verdict
	for i, s := range f.stores {
		p.Store(submission(s), tables[i])
	}
	return p, all.Answer, answered(err)
}

// surplus lists what the manifest may delete: what begins with its prefix, is
// not in it and belongs to its owner alone.
func (f files) surplus(cmd *cobra.Command, e *env, r rollout.Registry) ([]rollout.Registered, error) {
	if f.Prefix == "" {
		return nil, usage(fmt.Errorf(`--prune deletes what begins with the manifest's prefix, and %s has none; write one, like "prefix: shop."`, f.File))
	}
	found, err := r.Surplus(cmd.Context(), f.Manifest, f.entries)
	if err != nil || f.Owner == "" || len(found) == 0 {
		return found, answered(err)
	}
	var asked []manifest.Entry
	for _, v := range found {
		asked = append(asked, manifest.Entry{Subject: v.Subject, Type: v.Type, Text: v.Text, References: toReferences(v)})
	}
	a, err := askCheck(cmd, e, asked)
	if err != nil {
		return nil, err
	}
	owned := map[string]bool{}
	for _, c := range a.Schemas {
		owned[c.Subject] = slices.Equal(c.Owners, []string{f.Owner})
	}
	return slices.DeleteFunc(found, func(v rollout.Registered) bool { return !owned[v.Subject] }), nil
}

func toReferences(v rollout.Registered) (out []manifest.Reference) {
	for _, ref := range v.References {
		out = append(out, manifest.Reference{Name: ref.Name, Subject: ref.Subject, Version: ref.Version})
	}
	return out
}

// registry is the registry of the server that the flags name.
func registry(cmd *cobra.Command, e *env) (r rollout.Registry, err error) {
	c, err := visit(cmd, e)
	if err != nil {
		return r, err
	}
	r.Client, err = sr.NewClient(sr.URLs(c.url+rest.Prefix), sr.HTTPClient(c.http), sr.UserAgent("lethe"))
	if err != nil {
		return r, usage(err)
	}
	return r, nil
}

// answered turns what a registry answered into an exit code.
func answered(err error) error {
	if err == nil || errors.As(err, new(ended)) {
		return err
	}
	said, refused := errors.AsType[*sr.ResponseError](err)
	switch {
	case !refused && fault.All(err) != nil:
		return no(err)
	case !refused:
		return away(err)
	case said.StatusCode >= http.StatusInternalServerError || said.ErrorCode == 0:
		return away(fmt.Errorf("the server answered %d: %w", said.StatusCode, err))
	}
	return no(err)
}

// tellPlan prints a plan, and what was found about the schemas in it.
func tellPlan(cmd *cobra.Command, p rollout.Plan, a report.Answer) error {
	out, form := cmd.OutOrStdout(), output(cmd)
	if form == "json" {
		if err := p.Write(out, form); err != nil {
			return away(err)
		}
		return failed(a)
	}
	if form != "text" && form != "markdown" {
		return tellReport(cmd, a)
	}
	err := p.Write(out, form)
	if found := amiss(a); err == nil && len(found.Schemas) > 0 {
		err = report.Write(out, form, found)
	}
	if err != nil {
		return away(err)
	}
	return failed(a)
}

// failed is the exit code of a verdict; programs that read JSON are told of
// what failed as errors.
func failed(a report.Answer) error {
	if a.Verdict != gate.Fail {
		return nil
	}
	var all []error
	for _, c := range a.Schemas {
		for _, f := range c.Findings {
			if c.Fails(f) {
				path := slices.DeleteFunc([]string{c.Subject, f.Path}, func(step string) bool { return step == "" })
				all = append(all, &fault.Fault{Kind: fault.Invalid, Code: f.Code, Path: path,
					Message: strings.TrimSuffix(f.Message, ".") + ". To mend it: " + f.Mend})
			}
		}
	}
	return no(errors.Join(all...))
}

// amiss leaves the schemas about which something was found.
func amiss(a report.Answer) report.Answer {
	some := report.Answer{Verdict: gate.Pass}
	for _, c := range a.Schemas {
		if len(c.Findings) > 0 {
			some.Add(c)
		}
	}
	return some
}
