package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/migrations"
	"github.com/flowmart/lethe/server"
)

func newVersion(*env) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print what this program is", Args: cobra.NoArgs,
		Example: "  lethe version\n  lethe version --output json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := struct {
				Version    string `json:"version"`
				Go         string `json:"go"`
				Migrations int64  `json:"migrations"`
			}{server.Version(), runtime.Version(), migrations.Version()}
			return show(cmd, v, func(w io.Writer) {
				fmt.Fprintf(w, "lethe %s, %s, database step %d\n", v.Version, v.Go, v.Migrations)
			})
		},
	}
}
