package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/internal/fault"
)

// The exit codes of every command.
const (
	exitOK    = 0
	exitNo    = 1 // the answer is no: refused, incompatible, verification failed
	exitUsage = 2 // wrong usage or settings
	exitAway  = 3 // the server could not be reached, or failed
)

// env is what a command has of the world, so that tests run it without a
// process.
type env struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
	machine  *tokens // of whoever signs in as a machine or a job, once it did
}

// get reads a variable.
func (e env) get(name string) string {
	for _, v := range e.environ {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// ended is how a command ended, once it ran. Any other error came from reading
// the command line.
type ended struct {
	code int
	err  error
}

func (e ended) Error() string { return e.err.Error() }
func (e ended) Unwrap() error { return e.err }

func no(err error) error    { return ended{exitNo, err} }
func usage(err error) error { return ended{exitUsage, err} }
func away(err error) error  { return ended{exitAway, err} }

// run runs one command line and returns the exit code.
func run(ctx context.Context, args []string, e env) int {
	root := newRoot(&e)
	root.SetArgs(args)
	root.SetIn(e.in)
	root.SetOut(e.out)
	root.SetErr(e.err)
	ran, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	tell(e, ran, err)
	var end ended
	if errors.As(err, &end) {
		return end.code
	}
	return exitUsage
}

// tell prints an error: words for people, an object for programs.
func tell(e env, ran *cobra.Command, err error) {
	if output(ran) == "json" {
		_ = json.NewEncoder(e.err).Encode(map[string]any{"errors": list(err)})
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(e.err, "lethe:", line)
	}
	var end ended
	if !errors.As(err, &end) {
		fmt.Fprintf(e.err, "Try: %s --help\n", ran.CommandPath())
	}
}

type problemLine struct {
	Code    string   `json:"code,omitempty"`
	Path    []string `json:"path,omitempty"`
	Message string   `json:"message"`
}

func list(err error) []problemLine {
	var end ended
	if errors.As(err, &end) {
		err = end.err
	}
	faults := fault.All(err)
	if faults == nil {
		return []problemLine{{Message: err.Error()}}
	}
	out := make([]problemLine, len(faults))
	for i, f := range faults {
		out[i] = problemLine{f.Code, f.Path, f.Message}
	}
	return out
}

func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "lethe",
		Short: "Know what personal data you hold, and make it forgotten or hand it over, provably and on time",
		Long: `Lethe knows what personal data a company holds, who owns it and where it
flows, and makes it forgotten or hands it over, provably and on time.

Exit codes: 0 success, 1 the answer is no, 2 wrong usage, 3 the server could
not be reached or failed.`,
		Example:       "  lethe serve --config /etc/lethe/lethe.yaml\n  lethe request list\n  lethe audit verify",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          known,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().StringP("output", "o", "text", "text or json")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if o := output(cmd); o != "text" && o != "json" {
			return fmt.Errorf("--output is %q; write text or json", o)
		}
		return nil
	}
	root.AddCommand(newServe(e), newDemo(e), newDev(e), newMigrate(e), newVersion(e), newToken(e), newKey(e), newAPIKey(e), newTrust(e), newAudit(e), newCatalog(e), newRequest(e), newCertificate(e), newSchema(e))
	return root
}

// group is a command that only holds others.
func group(use, short, example string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Example: example, Args: known,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return fmt.Errorf("%s needs a subcommand: %s", cmd.CommandPath(), strings.Join(names(cmd), ", "))
		}}
	c.AddCommand(children...)
	return c
}

// known refuses an argument where a subcommand was meant.
func known(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return errors.New(fault.Suggest(fmt.Sprintf("%s has no subcommand %q", cmd.CommandPath(), args[0]), args[0], names(cmd)))
}

func names(cmd *cobra.Command) (out []string) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			out = append(out, c.Name())
		}
	}
	return out
}

func output(cmd *cobra.Command) string {
	o, err := cmd.Flags().GetString("output")
	if err != nil {
		return "text"
	}
	return o
}

// show prints a result: v as JSON, or what text writes.
func show(cmd *cobra.Command, v any, text func(w io.Writer)) error {
	if output(cmd) == "json" {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(v); err != nil {
			return away(err)
		}
		return nil
	}
	text(cmd.OutOrStdout())
	return nil
}

// ending turns a room's error into an exit code.
func ending(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(ended)):
		return err
	}
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Internal:
		return away(err)
	}
	return no(err)
}
