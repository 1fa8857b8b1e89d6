package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/erasure/certificate"
)

func newCertificate(e *env) *cobra.Command {
	return group("certificate", "Verify certificates", "  lethe certificate verify R-2026-000123.json --signing-key 3f2a… --audit-key 9c1b…", newCertificateVerify(e))
}

func newCertificateVerify(e *env) *cobra.Command {
	var signing string
	var auditKeys []string
	c := &cobra.Command{
		Use:   "verify FILE",
		Short: "Verify a certificate offline, by keys known from elsewhere",
		Long: `Verifies a certificate without a server and without a database: the signature,
the Merkle root over its datasets, and the proof that the audit log recorded
it. Give the fingerprints you got from Lethe's operators by another way, not
those inside the file. FILE may be - for standard input. Exit code 1 means that
the certificate does not hold.`,
		Example: "  lethe certificate verify R-2026-000123.json --signing-key 3f2a… --audit-key 9c1b…",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if signing == "" || len(auditKeys) == 0 {
				return errors.New("--signing-key and --audit-key are needed: the fingerprints of the keys you trust")
			}
			document, err := readInput(e, args[0])
			if err != nil {
				return usage(err)
			}
			s, err := certificate.Verify(document, certificate.Keys{Signing: signing, Audit: auditKeys})
			if err != nil {
				return no(err)
			}
			return show(cmd, s, func(w io.Writer) { writeStatement(w, s) })
		},
	}
	c.Flags().StringVar(&signing, "signing-key", "", "fingerprint of the key that signs certificates")
	c.Flags().StringSliceVar(&auditKeys, "audit-key", nil, "fingerprint of a key that signs the audit log's checkpoints; may be repeated")
	return c
}

func writeStatement(w io.Writer, s certificate.Statement) {
	fmt.Fprintf(w, "The certificate holds.\n%s, %s, %s: %s, closed %s.\n", s.Case, s.Right, s.Controller, strings.ToLower(s.Outcome), s.ClosedAt)
	fmt.Fprintf(w, "%d datasets, %d gaps, plan %s.\n", len(s.Nodes), s.Gaps, s.PlanDigest)
	if s.LastByteBy != "" {
		fmt.Fprintf(w, "The last byte is gone by %s.\n", s.LastByteBy)
	}
}
