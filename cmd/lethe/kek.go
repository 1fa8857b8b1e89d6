package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/vault"
	"github.com/flowmart/lethe/server"
)

func newKeyKEK(*env) *cobra.Command {
	var rotate bool
	c := &cobra.Command{
		Use:   "kek FILE",
		Short: "Make or replace the key-encryption key of the key store",
		Long: `Makes a key-encryption key in a new file, mode 0600, or with --rotate puts a
new key before those of the file: the first wraps, all unwrap. To be rid of an
old key: rotate, restart all servers, lethe key rewrap, take the old line out
of the file, restart again.`,
		Example: "  lethe key kek /etc/lethe/kek\n  lethe key kek /etc/lethe/kek --rotate",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			kek, err := newKEK(args[0], rotate)
			if err != nil {
				return fileEnding(err)
			}
			return show(cmd, map[string]string{"file": args[0], "id": kek.ID()}, func(w io.Writer) {
				fmt.Fprintf(w, "%s holds the key %s.\n", args[0], kek.ID())
				if rotate {
					fmt.Fprintln(w, "Restart all servers, then run: lethe key rewrap")
				}
			})
		},
	}
	c.Flags().BoolVar(&rotate, "rotate", false, "put a new key before those of an existing file")
	return c
}

// rewrapPatience is for one statement, over at most a few hundred keys, or for
// counting all of them.
const rewrapPatience = 5 * time.Minute

// wrappedBy is how much a KEK wraps, as programs read it.
type wrappedBy struct {
	KEK     string `json:"kek"`
	Keys    int64  `json:"keys"`
	Peppers int64  `json:"peppers"`
	First   bool   `json:"first"`
}

func newKeyRewrap(e *env) *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use:   "rewrap",
		Short: "Wrap the keys of the key store anew, under the first key of LETHE_KEK_FILE",
		Long: `Wraps every key that an older key-encryption key wraps anew under the first of
LETHE_KEK_FILE, and prints how many each wraps afterwards. An older one that
wraps nothing may leave the file. All servers must have been restarted with the
first key before. It may run while they serve, be cut off, and be run again.`,
		Example: "  lethe key rewrap --dry-run --config /etc/lethe/lethe.yaml\n  lethe key rewrap --config /etc/lethe/lethe.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, err := server.Load(sources(cmd, e, []string{"keystore_url", "kek_file"}))
			if err != nil {
				return usage(err)
			}
			by, changed, err := rewrap(cmd.Context(), conf, dryRun)
			if err != nil {
				return ending(err)
			}
			return show(cmd, map[string]any{"changed": changed, "dryRun": dryRun, "keks": by}, func(w io.Writer) { writeWrapped(w, by, changed, dryRun) })
		},
	}
	c.Flags().String("config", "", "YAML file of settings (LETHE_CONFIG)")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "count, and change nothing")
	return c
}

// rewrap acts on the key store alone: whoever can read the KEK file and the
// store needs no other leave.
func rewrap(ctx context.Context, conf server.Config, dryRun bool) ([]wrappedBy, int64, error) {
	db, err := postgres.Open(ctx, conf.KeystoreURL, postgres.Config{MaxConns: 2, StatementTimeout: rewrapPatience, Application: "rewrap"})
	if err != nil {
		return nil, 0, err
	}
	defer db.Close()
	v, err := vault.Open(db, conf.KEKFile)
	if err != nil {
		return nil, 0, fileEnding(err)
	}
	if err := v.Check(ctx); err != nil {
		return nil, 0, err
	}
	changed := int64(0)
	if !dryRun {
		if changed, err = v.Rewrap(ctx); err != nil {
			return nil, changed, err
		}
	}
	counts, err := v.Wrapped(ctx)
	if err != nil {
		return nil, changed, err
	}
	by := make([]wrappedBy, len(counts))
	for i, w := range counts {
		by[i] = wrappedBy{w.KEK, w.Keys, w.Peppers, i == 0}
	}
	return by, changed, nil
}

func writeWrapped(w io.Writer, by []wrappedBy, changed int64, dryRun bool) {
	for _, k := range by {
		fmt.Fprintf(w, "%s  %8d keys  %d peppers", k.KEK, k.Keys, k.Peppers)
		switch {
		case k.First:
			fmt.Fprint(w, "  wraps new ones")
		case k.Keys+k.Peppers == 0:
			fmt.Fprint(w, "  may leave the file")
		}
		fmt.Fprintln(w)
	}
	if dryRun {
		fmt.Fprintln(w, "Nothing was changed.")
		return
	}
	fmt.Fprintf(w, "%d wrapped anew.\n", changed)
}

// newKEK writes a key-encryption key into a new file, or before those of one.
func newKEK(file string, rotate bool) (vault.KEK, error) {
	if rotate {
		return vault.RotateKEK(file)
	}
	kek := vault.NewKEK()
	return kek, kek.WriteFile(file)
}
