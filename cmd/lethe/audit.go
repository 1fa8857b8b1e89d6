package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/server"
)

const verifyPatience = time.Hour // one read of the whole log

func newAudit(e *env) *cobra.Command {
	return group("audit", "Verify the audit log", "  lethe audit verify", newAuditVerify(e), newAuditKey(e))
}

func newAuditVerify(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "verify",
		Short: "Recompute the whole audit log and hold it against the checkpoints outside",
		Long: `Recomputes the log from its rows in the database and holds it against the
checkpoints of the anchor directory and the public keys beside the checkpoint
key. It changes nothing. Exit code 1 means that the log is not what was sealed;
the first bad entry is named first.`,
		Example: "  lethe audit verify --config /etc/lethe/lethe.yaml\n  lethe audit verify --anchor-dir /mnt/worm/lethe --keys checkpoint.key.pub",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := verifyAudit(cmd, e)
			if err != nil {
				return err
			}
			if err := show(cmd, reported(report), func(w io.Writer) { writeReport(w, report) }); err != nil {
				return err
			}
			if !report.OK() {
				return no(fmt.Errorf("the audit log has been tampered with: %d findings, the first at index %d", len(report.Findings), report.Findings[0].Index))
			}
			return nil
		},
	}
	c.Flags().String("keys", "", "file of public checkpoint keys (LETHE_CHECKPOINT_KEY_FILE with .pub)")
	c.Flags().String("config", "", "YAML file of settings (LETHE_CONFIG)")
	for _, s := range server.Settings() {
		if s.Key() == "database_url" || s.Key() == "anchor_dir" {
			c.Flags().String(s.Flag()[2:], "", s.Help+" ("+s.Env()+")")
		}
	}
	return c
}

func verifyAudit(cmd *cobra.Command, e *env) (audit.Report, error) {
	keysFile, _ := cmd.Flags().GetString("keys")
	need := []string{"database_url", "anchor_dir"}
	if keysFile == "" {
		need = append(need, "checkpoint_key_file")
	}
	conf, err := server.Load(sources(cmd, e, need))
	if err != nil {
		return audit.Report{}, usage(err)
	}
	if keysFile == "" {
		keysFile = conf.CheckpointKeyFile + ".pub"
	}
	keys, err := audit.LoadKeys(keysFile)
	if err != nil {
		return audit.Report{}, usage(err)
	}
	anchor, err := audit.OpenAnchor(conf.AnchorDir, keys)
	if err != nil {
		return audit.Report{}, usage(err)
	}
	db, err := postgres.Open(cmd.Context(), conf.DatabaseURL, postgres.Config{MaxConns: 2, StatementTimeout: verifyPatience, Application: "audit-verify"})
	if err != nil {
		return audit.Report{}, usage(err)
	}
	defer db.Close()
	report, err := audit.Verify(cmd.Context(), db, anchor)
	if err != nil {
		return report, away(errors.Join(errors.New("the audit log could not be verified"), err))
	}
	return report, nil
}

// reported is a report as programs read it.
func reported(r audit.Report) any {
	findings := []map[string]any{}
	for _, f := range r.Findings {
		findings = append(findings, map[string]any{"fault": f.Fault, "index": f.Index, "entry": f.Entry, "text": f.Text})
	}
	return map[string]any{"ok": r.OK(), "size": r.Size, "root": r.Root, "unsealed": r.Unsealed, "anchoredSize": r.Anchor.Size, "findings": findings}
}

func writeReport(w io.Writer, r audit.Report) {
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%-10s index %d entry %s: %s\n", f.Fault, f.Index, f.Entry, f.Text)
	}
	if r.OK() {
		fmt.Fprintf(w, "The audit log is whole: %d entries, root %s, held against a checkpoint of %d entries; %d wait to be sealed.\n", r.Size, r.Root, r.Anchor.Size, r.Unsealed)
	}
}
