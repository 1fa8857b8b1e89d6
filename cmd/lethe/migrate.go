package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/migrations"
	"github.com/flowmart/lethe/server"
)

func newMigrate(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the databases to this program's version",
		Long: `Applies the steps that the main database and the key store lack, as their
owners. It may run while servers run, and several may run at once: one works,
the others wait. Steps only go forward.`,
		Example: "  LETHE_MIGRATE_URL=postgres://lethe_owner@db/lethe LETHE_KEYSTORE_MIGRATE_URL=postgres://lethe_owner@db/lethe_keys lethe migrate",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, err := server.Load(sources(cmd, e, []string{"migrate_url", "keystore_migrate_url"}))
			if err != nil {
				return usage(err)
			}
			if err := migrations.Up(cmd.Context(), conf.MigrateURL); err != nil {
				return away(fmt.Errorf("the main database: %w", err))
			}
			if err := migrations.UpKeystore(cmd.Context(), conf.KeystoreMigrateURL); err != nil {
				return away(fmt.Errorf("the key store: %w", err))
			}
			at := map[string]int64{"version": migrations.Version()}
			return show(cmd, at, func(w io.Writer) { fmt.Fprintf(w, "The databases are at step %d.\n", at["version"]) })
		},
	}
	c.Flags().String("config", "", "YAML file of settings (LETHE_CONFIG)")
	for _, s := range server.Settings() {
		if s.Key() == "migrate_url" || s.Key() == "keystore_migrate_url" {
			c.Flags().String(s.Flag()[2:], "", s.Help+" ("+s.Env()+")")
		}
	}
	return c
}
