package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/rollout"
)

// use is a version of a subject that has an id.
type use struct {
	ID      int    `json:"id"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
	File    string `json:"file,omitempty"`
}

func newSchemaIDs(e *env) *cobra.Command {
	var context string
	c := &cobra.Command{
		Use:   "ids [ID…]",
		Short: "Tell which id stands for which version of which subject",
		Long: `Tells the ids of the manifest's schemas, as they are registered, or of which
versions of which subjects the ids given are. Exit code 1 means that one of them
is not registered.`,
		Example: "  lethe schema ids --output json\n  lethe schema ids 17 18",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := plainly(cmd); err != nil {
				return err
			}
			uses, missing, err := findIDs(cmd, e, args, context)
			if err != nil {
				return err
			}
			err = show(cmd, uses, func(w io.Writer) {
				for _, u := range uses {
					fmt.Fprintf(w, "%d %s version %d\n", u.ID, u.Subject, u.Version)
				}
			})
			if err == nil && len(missing) > 0 {
				err = no(fmt.Errorf("not registered: %s", strings.Join(missing, ", ")))
			}
			return err
		},
	}
	c.Flags().StringVar(&context, "context", "", "the context whose ids are given, like :.eu:")
	return visitFlags(manifestFlags(c))
}

// findIDs finds the ids of the manifest, or the uses of some ids.
func findIDs(cmd *cobra.Command, e *env, ids []string, context string) (uses []use, missing []string, err error) {
	uses = []use{}
	if len(ids) > 0 {
		return usesOf(cmd, e, ids, context)
	}
	f, err := readManifest(cmd)
	if err != nil {
		return nil, nil, err
	}
	a, err := askCheck(cmd, e, f.entries)
	for _, c := range a.Schemas {
		if !c.Known {
			missing = append(missing, c.Subject)
			continue
		}
		uses = append(uses, use{c.ID, c.Subject, c.Version, c.File})
	}
	return uses, missing, err
}

func usesOf(cmd *cobra.Command, e *env, ids []string, context string) (uses []use, missing []string, err error) {
	uses = []use{}
	r, err := registry(cmd, e)
	if err != nil {
		return nil, nil, err
	}
	for _, arg := range ids {
		id, err := strconv.Atoi(arg)
		if err != nil || id < 1 {
			return nil, nil, usage(fmt.Errorf("%q is no id; an id is a whole number from 1", arg))
		}
		found, err := r.Uses(cmd.Context(), id, context)
		if rollout.Absent(err) {
			missing = append(missing, arg)
			continue
		}
		if err != nil {
			return nil, nil, answered(err)
		}
		for _, v := range found {
			uses = append(uses, use{ID: id, Subject: v.Subject, Version: v.Version})
		}
	}
	return uses, missing, nil
}

func newSchemaConfig(e *env) *cobra.Command {
	var level, policy string
	var topics []string
	c := &cobra.Command{
		Use:   "config SUBJECT",
		Short: "Show what holds for a subject, or set its level, policy and topics",
		Long: `Shows the settings that hold for a subject, its own or inherited. With --level
(the compatibility), --policy (what is made of what the gate finds) or --topics
(whose records it describes, where its name does not say it) it sets them, which
is for a steward of the subject's team, and of the topics'.`,
		Example: "  lethe schema config orders-value\n  lethe schema config orders-value --level FULL --policy ENFORCE\n  lethe schema config shop.Order --topics orders.v1,orders.archive",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := plainly(cmd); err != nil {
				return err
			}
			to, err := settings(level, policy)
			if err != nil {
				return usage(err)
			}
			r, err := registry(cmd, e)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("topics") {
				to.Topics = append([]string{}, topics...)
			}
			if to.Level != "" || to.Policy != "" || to.Topics != nil {
				if err := answered(r.Configure(cmd.Context(), args[0], to)); err != nil {
					return err
				}
			}
			held, err := r.Config(cmd.Context(), args[0])
			if err != nil {
				return answered(err)
			}
			return show(cmd, held, func(w io.Writer) {
				for _, name := range slices.Sorted(maps.Keys(held)) {
					fmt.Fprintf(w, "%s %v\n", name, held[name])
				}
			})
		},
	}
	c.Flags().StringVar(&level, "level", "", "the compatibility level, such as BACKWARD or FULL_TRANSITIVE")
	c.Flags().StringVar(&policy, "policy", "", "ENFORCE, WARN or OFF")
	c.Flags().StringSliceVar(&topics, "topics", nil, "whose records it describes: orders.v1, orders.v1#key, orders.v1#header, orders.v1<shop.Order>; empty for none but what its name says")
	return visitFlags(c)
}

// settings are a level and a policy as somebody wrote them; "" leaves one as it is.
func settings(level, policy string) (to rollout.Settings, err error) {
	if level != "" {
		if to.Level, err = schemas.ParseLevel(level); err != nil {
			return to, fmt.Errorf("--level is %q: %s", level, fault.All(err)[0].Message)
		}
	}
	to.Policy = gate.Policy(strings.ToUpper(policy))
	if policy != "" && !slices.Contains(gate.Policies(), to.Policy) {
		return to, fmt.Errorf("--policy is %q; write enforce, warn or off", policy)
	}
	return to, nil
}

func newSchemaDelete(e *env) *cobra.Command {
	var prune, yes, permanent bool
	c := &cobra.Command{
		Use:   "delete [SUBJECT…]",
		Short: "Delete subjects that are named, or that the manifest no longer names",
		Long: `Deletes subjects softly: their ids are still answered, and the same schema gets
its id back. --permanent is the second step, for good. --prune deletes the
subjects that begin with the manifest's prefix, are not in it and belong to its
owner. Without --yes it only tells what it would delete.`,
		Example: "  lethe schema delete shop.old-value --yes\n  lethe schema delete --prune\n  lethe schema delete shop.old-value --permanent --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := plainly(cmd); err != nil {
				return err
			}
			if prune == (len(args) > 0) {
				return usage(errors.New("name the subjects to delete, or give --prune for those that the manifest no longer names; not both"))
			}
			r, err := registry(cmd, e)
			if err != nil {
				return err
			}
			if prune {
				if args, err = pruned(cmd, e, r); err != nil {
					return err
				}
			}
			return deleteAll(cmd, r, args, permanent, yes)
		},
	}
	c.Flags().BoolVar(&prune, "prune", false, "the subjects with the manifest's prefix and owner that it does not name")
	c.Flags().BoolVar(&permanent, "permanent", false, "for good, what was deleted softly before")
	c.Flags().BoolVar(&yes, "yes", false, "do it")
	return visitFlags(manifestFlags(c))
}

func pruned(cmd *cobra.Command, e *env, r rollout.Registry) ([]string, error) {
	f, err := readManifest(cmd)
	if err != nil {
		return nil, err
	}
	found, err := f.surplus(cmd, e, r)
	names := []string{}
	for _, v := range found {
		names = append(names, v.Subject)
	}
	return names, err
}

// deleted is what became of a subject.
type deleted struct {
	Subject  string `json:"subject"`
	Versions []int  `json:"versions,omitempty"`
	Done     bool   `json:"done"`
}

// deleteAll deletes one subject after another, or looks what there is to delete,
// tells what was done, and stops at the first that cannot be deleted.
func deleteAll(cmd *cobra.Command, r rollout.Registry, subjects []string, permanent, yes bool) error {
	out := []deleted{}
	var stopped error
	for _, s := range subjects {
		d := deleted{Subject: s}
		switch {
		case stopped != nil:
		case yes:
			d.Versions, stopped = r.Delete(cmd.Context(), s, permanent)
			d.Done = stopped == nil
		default:
			d.Versions, stopped = r.Versions(cmd.Context(), s, permanent)
		}
		out = append(out, d)
	}
	err := show(cmd, out, func(w io.Writer) {
		for _, d := range out {
			if d.Done {
				fmt.Fprintf(w, "- %s done, versions %v\n", d.Subject, d.Versions)
				continue
			}
			fmt.Fprintf(w, "- %s", d.Subject)
			if len(d.Versions) > 0 {
				fmt.Fprintf(w, " versions %v", d.Versions)
			}
			fmt.Fprintln(w)
		}
		if !yes && stopped == nil {
			fmt.Fprintf(w, "%d to delete; --yes does it\n", len(out))
		}
	})
	if err != nil {
		return err
	}
	return answered(stopped)
}
