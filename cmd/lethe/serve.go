package main

import (
	"context"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/flowmart/lethe/server"
)

func newServe(e *env) *cobra.Command {
	var print bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Runs the server until SIGTERM or Ctrl-C, and then stops within 45 seconds:
readiness fails, requests end, jobs end, connections close.

Every setting is also a variable (LETHE_…) and a key of the file given by
--config or LETHE_CONFIG; flags win over variables, variables over the file.`,
		Example: "  lethe serve --config /etc/lethe/lethe.yaml\n  lethe serve --print-config --output json\n  lethe serve --only registry,web",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, err := server.Load(sources(cmd, e, nil))
			if print {
				// What is known helps to mend what is wrong.
				var failed error
				if err := show(cmd, conf, func(w io.Writer) { failed = conf.Print(w) }); err != nil {
					return err
				}
				if failed != nil {
					return away(failed)
				}
			}
			if err != nil {
				return usage(err)
			}
			if print {
				return nil
			}
			return serve(cmd.Context(), conf)
		},
	}
	settingFlags(c.Flags())
	c.Flags().BoolVar(&print, "print-config", false, "print the settings, secrets hidden, and exit")
	return c
}

func serve(ctx context.Context, conf server.Config) error {
	s, err := server.New(ctx, conf)
	if err != nil {
		return away(err)
	}
	// Whatever hangs, the process is gone within 45 s of the signal.
	defer context.AfterFunc(ctx, func() { time.AfterFunc(44*time.Second, func() { os.Exit(exitAway) }) })()
	// Address space that is never touched: a server that holds little is else
	// collected hundreds of times a second under load, a sixth of its time.
	ballast := make([]byte, 64<<20)
	defer runtime.KeepAlive(ballast)
	if err := s.Run(ctx); err != nil {
		return away(err)
	}
	return nil
}

// settingFlags makes a flag of every setting.
func settingFlags(flags *pflag.FlagSet) {
	flags.String("config", "", "YAML file of settings (LETHE_CONFIG)")
	for _, s := range server.Settings() {
		flags.String(s.Flag()[2:], s.Default(), s.Help+" ("+s.Env()+")")
		if s.Switch {
			flags.Lookup(s.Flag()[2:]).NoOptDefVal = "true"
		}
	}
}

// sources says where a command's settings come from.
func sources(cmd *cobra.Command, e *env, require []string) server.Sources {
	from := server.Sources{Environ: e.environ, Flags: map[string]string{}, Require: require, File: e.get("LETHE_CONFIG")}
	if f := cmd.Flags().Lookup("config"); f != nil && f.Changed {
		from.File = f.Value.String()
	}
	for _, s := range server.Settings() {
		if f := cmd.Flags().Lookup(s.Flag()[2:]); f != nil && f.Changed {
			from.Flags[s.Key()] = f.Value.String()
		}
	}
	return from
}
