package main

import (
	"crypto/ed25519"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure/certificate"
	"github.com/flowmart/lethe/server"
)

// shownKey is what may be known of a key.
type shownKey struct {
	Fingerprint string `json:"fingerprint"`
	Name        string `json:"name,omitempty"`
	PublicKey   string `json:"publicKey,omitempty"`
}

func newKeyShow(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "show [FILE]",
		Short: "Show the fingerprints of the keys that sign task requests and certificates",
		Long: `Shows the fingerprints of the public halves of the keys in FILE, or in
LETHE_SIGNING_KEY_FILE, the newest first. Services and whoever verifies a
certificate should know them by another way than from Lethe itself.`,
		Example: "  lethe key show --config /etc/lethe/lethe.yaml\n  lethe key show /etc/lethe/signing.key",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := fileOf(cmd, e, args, "signing_key_file", func(c server.Config) string { return c.SigningKeyFile })
			if err != nil {
				return err
			}
			keys, err := server.ReadSigningKeys(path)
			if err != nil {
				return usage(err)
			}
			var out []shownKey
			for _, k := range keys {
				out = append(out, shownKey{Fingerprint: certificate.Fingerprint(k.Public().(ed25519.PublicKey))})
			}
			return showKeys(cmd, out)
		},
	}
	c.Flags().String("config", "", "YAML file of settings (LETHE_CONFIG)")
	return c
}

func newAuditKeyShow(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "show [FILE]",
		Short: "Show the fingerprints of the keys that sign checkpoints",
		Long: `Shows the public keys in FILE, or beside LETHE_CHECKPOINT_KEY_FILE, with their
fingerprints, the newest first. Auditors should know them by another way than
from Lethe itself.`,
		Example: "  lethe audit key show --config /etc/lethe/lethe.yaml\n  lethe audit key show checkpoint.key.pub",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := fileOf(cmd, e, args, "checkpoint_key_file", func(c server.Config) string { return c.CheckpointKeyFile + ".pub" })
			if err != nil {
				return err
			}
			keys, err := audit.LoadKeys(path)
			if err != nil {
				return usage(err)
			}
			var out []shownKey
			for _, k := range keys {
				out = append(out, shownKey{Fingerprint: k.Fingerprint(), Name: k.Name(), PublicKey: k.String()})
			}
			return showKeys(cmd, out)
		},
	}
	c.Flags().String("config", "", "YAML file of settings (LETHE_CONFIG)")
	return c
}

// fileOf is the file that was named, or else the one of the settings.
func fileOf(cmd *cobra.Command, e *env, args []string, setting string, of func(server.Config) string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	conf, err := server.Load(sources(cmd, e, []string{setting}))
	if err != nil {
		return "", usage(err)
	}
	return of(conf), nil
}

func showKeys(cmd *cobra.Command, keys []shownKey) error {
	return show(cmd, map[string]any{"keys": keys}, func(w io.Writer) {
		for _, k := range keys {
			fmt.Fprintln(w, k.Fingerprint)
			if k.PublicKey != "" {
				fmt.Fprintf(w, "  %s\n", k.PublicKey)
			}
		}
	})
}
