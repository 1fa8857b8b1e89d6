package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/internal/demo"
)

func newDev(e *env) *cobra.Command {
	var o demo.Options
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run Lethe with everything it needs, for work on Lethe itself",
		Long: `Starts a private PostgreSQL, Kafka, a local OpenID issuer, FlowMart's services
with their catalog, and Lethe, and serves until Ctrl-C. Nothing is kept.`,
		Example: "  lethe dev",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if brokers := e.get("LETHE_KAFKA_BROKERS"); brokers != "" {
				o.Brokers = strings.Split(brokers, ",")
			}
			if err := findPrograms(&o); err != nil {
				return usage(err)
			}
			if err := demo.Serve(cmd.Context(), o, cmd.OutOrStdout()); err != nil {
				return away(err)
			}
			return nil
		},
	}
	c.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8080", "where Lethe listens; Vite expects it there")
	c.Flags().StringVar(&o.FlowMart, "flowmart", "", "FlowMart's binary; flowmart beside this one")
	c.Flags().StringVar(&o.Catalog, "catalog", "examples/flowmart", "folder with catalog.yaml and marketing.yaml")
	return c
}
