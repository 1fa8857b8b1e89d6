package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure/certificate"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/server"
)

func newKey(e *env) *cobra.Command {
	return group("key", "Make and show the keys that a server needs", "  lethe key kek /etc/lethe/kek\n  lethe key signing /etc/lethe/signing.key", newKeyKEK(e), newKeyRewrap(e), newKeySigning(e), newKeyShow(e))
}

func newKeySigning(*env) *cobra.Command {
	var rotate bool
	c := &cobra.Command{
		Use:     "signing FILE",
		Short:   "Make or replace the key that signs task requests and certificates",
		Long:    "Makes a signing key in a new file, mode 0600, or with --rotate puts a new key\nbefore the old one: both sign until the next rotation. Restart the servers\nafterwards.",
		Example: "  lethe key signing /etc/lethe/signing.key\n  lethe key signing /etc/lethe/signing.key --rotate",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			do := server.NewSigningKey
			if rotate {
				do = server.RotateSigningKey
			}
			public, err := do(args[0])
			if err != nil {
				return fileEnding(err)
			}
			fingerprint := certificate.Fingerprint(public)
			return show(cmd, map[string]string{"file": args[0], "fingerprint": fingerprint}, func(w io.Writer) {
				fmt.Fprintf(w, "%s signs.\nFingerprint, to be known by services and by whoever verifies certificates: %s\n", args[0], fingerprint)
			})
		},
	}
	c.Flags().BoolVar(&rotate, "rotate", false, "replace the key of an existing file")
	return c
}

// fileEnding tells a file that is not there, or is no file of keys, from an
// answer that is no.
func fileEnding(err error) error {
	if kind := fault.KindOf(err); kind == fault.Invalid || kind == fault.Internal {
		return usage(err)
	}
	return ending(err)
}

func newAuditKey(e *env) *cobra.Command {
	var name string
	generate := &cobra.Command{
		Use:     "generate FILE",
		Short:   "Make the checkpoint key of a new log, and its public half in FILE.pub",
		Example: "  lethe audit key generate /etc/lethe/checkpoint.key --name flowmart.example/lethe",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if name == "" {
				return errors.New("--name is missing: the log's name for ever, a domain and path of your own")
			}
			return showSigner(cmd, args[0], func() (*audit.Signer, error) { return audit.GenerateKey(args[0], name) })
		},
	}
	generate.Flags().StringVar(&name, "name", "", "the log's name for ever, like flowmart.example/lethe")
	rotate := &cobra.Command{
		Use:   "rotate",
		Short: "Replace the checkpoint key; what the old one signed still verifies",
		Long: `Replaces the key of LETHE_CHECKPOINT_KEY_FILE. The new key's fingerprint is
written into the log and sealed under the old key first. Restart the servers
afterwards.`,
		Example: "  lethe audit key rotate --config /etc/lethe/lethe.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, err := server.Load(sources(cmd, e, []string{"database_url", "anchor_dir", "checkpoint_key_file"}))
			if err != nil {
				return usage(err)
			}
			return showSigner(cmd, conf.CheckpointKeyFile, func() (*audit.Signer, error) { return rotateCheckpointKey(cmd, conf) })
		},
	}
	rotate.Flags().String("config", "", "YAML file of settings (LETHE_CONFIG)")
	return group("key", "Make, replace and show the key that signs checkpoints", "  lethe audit key rotate --config /etc/lethe/lethe.yaml", generate, rotate, newAuditKeyShow(e))
}

// rotateCheckpointKey acts as Lethe itself: whoever can read the key file and
// the database needs no other leave.
func rotateCheckpointKey(cmd *cobra.Command, conf server.Config) (*audit.Signer, error) {
	signer, err := audit.LoadSigner(conf.CheckpointKeyFile)
	if err != nil {
		return nil, err
	}
	anchor, err := audit.OpenAnchor(conf.AnchorDir, signer.Keys)
	if err != nil {
		return nil, err
	}
	db, err := postgres.Open(cmd.Context(), conf.DatabaseURL, postgres.Config{MaxConns: 2, StatementTimeout: time.Minute, Application: "audit-rotate"})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return audit.New(db, signer, anchor).RotateKey(cmd.Context(), access.System, conf.CheckpointKeyFile)
}

func showSigner(cmd *cobra.Command, path string, do func() (*audit.Signer, error)) error {
	signer, err := do()
	if errors.Is(err, os.ErrExist) {
		return no(fmt.Errorf("%s exists already; a key is never overwritten", path))
	}
	if err != nil {
		return ending(err)
	}
	fingerprint := signer.Keys[0].Fingerprint()
	return show(cmd, map[string]string{"file": path, "name": signer.Name(), "fingerprint": fingerprint}, func(w io.Writer) {
		fmt.Fprintf(w, "%s signs for %s.\nFingerprint, to be known by whoever verifies: %s\n", path, signer.Name(), fingerprint)
	})
}
