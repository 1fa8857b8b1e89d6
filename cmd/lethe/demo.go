package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/internal/demo"
)

func newDemo(e *env) *cobra.Command {
	var o demo.Options
	var exit bool
	var brokers string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Play the main job on a made-up company and real parts, and prove the result",
		Long: `Starts a private PostgreSQL, Kafka, a local OpenID issuer, the services of
FlowMart and Lethe itself; forgets one customer and hands another her data, live;
searches everywhere for what must be gone; then serves until Ctrl-C. Exit code 1
means that an expectation did not hold.`,
		Example: "  lethe demo\n  lethe demo --exit --break lies",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Break != "" && !slices.Contains(demo.Breaks, o.Break) {
				return fmt.Errorf("--break: known are %s", strings.Join(demo.Breaks, ", "))
			}
			if brokers == "" {
				brokers = e.get("LETHE_KAFKA_BROKERS")
			}
			if brokers != "" {
				o.Brokers = strings.Split(brokers, ",")
			}
			if err := findPrograms(&o); err != nil {
				return usage(err)
			}
			failed, err := demo.Run(cmd.Context(), o, cmd.OutOrStdout(), !exit)
			if err != nil {
				return away(err)
			}
			if failed > 0 {
				return no(fmt.Errorf("%d expectations did not hold", failed))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&exit, "exit", false, "end after the scenario")
	c.Flags().StringVar(&o.Break, "break", "", "let something misbehave, which must be noticed: "+strings.Join(demo.Breaks, ", "))
	c.Flags().StringVar(&brokers, "brokers", "", "brokers of a Kafka that runs already (LETHE_KAFKA_BROKERS); one in process otherwise")
	c.Flags().StringVar(&o.Listen, "listen", "", "where Lethe listens; 127.0.0.1:8080 if that is free")
	c.Flags().StringVar(&o.FlowMart, "flowmart", "", "FlowMart's binary; flowmart beside this one")
	c.Flags().StringVar(&o.Catalog, "catalog", "examples/flowmart", "folder with catalog.yaml and marketing.yaml")
	return c
}

// findPrograms finds the binaries beside this one.
func findPrograms(o *demo.Options) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	o.Lethe = self
	if o.FlowMart == "" {
		o.FlowMart = filepath.Join(filepath.Dir(self), "flowmart")
	}
	if _, err := os.Stat(o.FlowMart); err != nil {
		return errors.New("FlowMart's binary is missing: build it with `make`, or name it with --flowmart")
	}
	if _, err := os.Stat(filepath.Join(o.Catalog, "catalog.yaml")); err != nil {
		return errors.New("the catalog is missing: run this in the repository, or name its folder with --catalog")
	}
	return nil
}
