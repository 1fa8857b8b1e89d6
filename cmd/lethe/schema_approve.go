package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/manifest"
	"github.com/flowmart/lethe/schemas/pipeline"
)

const approveChangeDocument = `
mutation ApproveChange($input: ApproveSchemaChangeInput!) {
  approveSchemaChange(input: $input) { approvals { service { ref } fingerprint expiresAt } userErrors { code path message } }
}`

const safeDocument = `
query Safe($input: SafeToContractInput!) {
  safeToContract(input: $input) { safety witnesses { safety service owner group reason } }
}`

const datasetDocument = `query Dataset($environment: String!, $namespace: String!, $name: String!) { dataset(environment: $environment, namespace: $namespace, name: $name) { id } }`

func newSchemaApprove(e *env) *cobra.Command {
	var subject, kind, reason string
	var days int
	c := &cobra.Command{
		Use:   "approve FILE",
		Short: "Agree to a change that breaks consumers of yours",
		Long: `Agrees to a change that breaks consumers, for those that lethe schema check
names and that are your team's. What is agreed to is the content of FILE as the
next version of the subject, with the effects that it has now: another content,
another version in between or another consumer makes it another change. Whoever
agrees does not register. FILE is one of the manifest (lethe.yaml), or with
--subject any file.`,
		Example: `  lethe schema approve schemas/order.avsc --reason "billing reads amount since release 41"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return usage(errors.New("say why the change may break the consumers: --reason"))
			}
			entry, err := oneEntry(cmd, e, args[0], subject, kind)
			if err != nil {
				return err
			}
			in := asInput(entry)
			in["reason"], in["expiresAt"] = reason, time.Now().AddDate(0, 0, days).UTC().Format(time.RFC3339)
			return approveChange(cmd, e, in)
		},
	}
	c.Flags().StringVar(&subject, "subject", "", "the subject, for a file that stands in no manifest")
	c.Flags().StringVar(&kind, "type", "", "AVRO, JSON or PROTOBUF; by the name of the file where it is left out")
	c.Flags().StringVar(&reason, "reason", "", "why the change may break the consumers")
	c.Flags().IntVar(&days, "days", 7, "how long the approval stands, 30 days at most")
	return visitFlags(manifestFlags(c))
}

func approveChange(cmd *cobra.Command, e *env, in map[string]any) error {
	var a struct {
		ApproveSchemaChange struct {
			Approvals []struct {
				Service     *struct{ Ref string } `json:"service"`
				Fingerprint string                `json:"fingerprint"`
				ExpiresAt   time.Time             `json:"expiresAt"`
			}
			UserErrors userErrors
		}
	}
	c, err := visit(cmd, e)
	if err != nil {
		return err
	}
	if err := c.ask(cmd.Context(), approveChangeDocument, map[string]any{"input": in}, &a); err != nil {
		return err
	}
	if err := a.ApproveSchemaChange.UserErrors.err(); err != nil {
		return err
	}
	return show(cmd, a.ApproveSchemaChange.Approvals, func(w io.Writer) {
		for _, one := range a.ApproveSchemaChange.Approvals {
			who := "the subject"
			if one.Service != nil {
				who = one.Service.Ref
			}
			fmt.Fprintf(w, "Approved for %s until %s (%.16s).\n", who, one.ExpiresAt.Format(time.RFC3339), one.Fingerprint)
		}
	})
}

// oneEntry is one schema: a file of the manifest, or with a subject any file.
func oneEntry(cmd *cobra.Command, e *env, file, subject, kind string) (manifest.Entry, error) {
	if subject == "" {
		file = filepath.ToSlash(filepath.Clean(file))
		files, err := readManifest(cmd)
		if err != nil {
			return manifest.Entry{}, err
		}
		var names []string
		for _, entry := range files.entries {
			if entry.File == file {
				return entry, nil
			}
			names = append(names, entry.File)
		}
		return manifest.Entry{}, usage(errors.New(fault.Suggest(fmt.Sprintf("%s is no file of %s; give its --subject", file, files.File), file, names)))
	}
	text, err := readInput(e, file)
	if err != nil {
		return manifest.Entry{}, usage(err)
	}
	if kind == "" {
		kind = manifest.TypeOf(file)
	}
	return manifest.Entry{File: file, Subject: subject, Type: strings.ToUpper(kind), Text: string(text)}, nil
}

// asInput is a schema in the words of GraphQL.
func asInput(entry manifest.Entry) map[string]any {
	in := map[string]any{"subject": entry.Subject, "schemaType": entry.Type, "schema": entry.Text}
	references := []any{}
	for _, r := range entry.References {
		one := map[string]any{"name": r.Name, "subject": r.Subject}
		if r.Version > 0 {
			one["version"] = r.Version
		}
		references = append(references, one)
	}
	in["references"] = references
	if entry.Metadata != nil {
		in["metadata"] = asMetadata(entry.Metadata)
	}
	if entry.RuleSet != nil {
		in["ruleSet"] = entry.RuleSet
	}
	return in
}

// asMetadata is what is said beside a text in the words of GraphQL, which lists
// what has names.
func asMetadata(m *schemas.Metadata) map[string]any {
	tags, properties := []any{}, []any{}
	for _, pattern := range slices.Sorted(maps.Keys(m.Tags)) {
		tags = append(tags, map[string]any{"pattern": pattern, "tags": append([]string{}, m.Tags[pattern]...)})
	}
	for _, name := range slices.Sorted(maps.Keys(m.Properties)) {
		properties = append(properties, map[string]any{"name": name, "value": m.Properties[name]})
	}
	return map[string]any{"tags": tags, "properties": properties, "sensitive": append([]string{}, m.Sensitive...)}
}

func newSchemaReads(e *env) *cobra.Command {
	var service, name, file, kind string
	var version int
	c := &cobra.Command{
		Use:   "reads SUBJECT",
		Short: "Say with which schema a service reads a subject's data",
		Long: `Says with which schema a service reads the data of a subject: new versions are
held against it, and whoever would break it is told so, field by field. It is a
version of the subject, the latest unless --version names another, or a schema
of the service's own in --file.`,
		Example: "  lethe schema reads orders-value --service billing\n  lethe schema reads orders-value --service billing --name invoices --file order-reader.avsc",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if service == "" {
				return usage(errors.New("say who reads: --service billing"))
			}
			q := pipeline.Reader{Service: service, Name: name, Version: version, Schema: pipeline.Schema{Subject: args[0]}}
			if file != "" {
				entry, err := oneEntry(cmd, e, file, args[0], kind)
				if err != nil {
					return err
				}
				q.Text, q.Type = entry.Text, entry.Type
			}
			return declareReader(cmd, e, q)
		},
	}
	c.Flags().StringVar(&service, "service", "", "the service that reads")
	c.Flags().StringVar(&name, "name", "", "the program, where the service has several that read")
	c.Flags().StringVar(&file, "file", "", "the schema it reads with")
	c.Flags().StringVar(&kind, "type", "", "AVRO, JSON or PROTOBUF; by the name of the file where it is left out")
	c.Flags().IntVar(&version, "version", 0, "the version of the subject that it reads with")
	return visitFlags(c)
}

// declareReader says it over REST: an API key opens that, and not GraphQL.
func declareReader(cmd *cobra.Command, e *env, q pipeline.Reader) error {
	c, err := visit(cmd, e)
	if err != nil {
		return err
	}
	var n pipeline.Reader
	if err := c.exchange(cmd.Context(), http.MethodPost, pipeline.ReadersPath, q, &n); err != nil {
		return err
	}
	return show(cmd, n, func(w io.Writer) {
		with := "a schema of its own"
		if n.Version > 0 {
			with = fmt.Sprintf("version %d", n.Version)
		}
		fmt.Fprintf(w, "%s reads %s with %s.\n", strings.TrimSpace(n.Service+" "+n.Name), n.Subject, with)
	})
}

func newSchemaSafe(e *env) *cobra.Command {
	var field, namespace, environment string
	var version int
	c := &cobra.Command{
		Use:   "safe SUBJECT",
		Short: "Tell whether a field, a column or a version can be taken away",
		Long: `Tells who still reads a field or a version of a subject, from what consumers
declared and what was seen: YES, NO or UNKNOWN, with the reasons. With
--namespace it is a field of a dataset, such as a column of a table. Exit code 1
means that the answer is not YES.`,
		Example: "  lethe schema safe orders-value --field note\n  lethe schema safe orders-value --version 3\n  lethe schema safe public.customer --namespace postgres://orders --field email",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (field == "") == (version == 0) {
				return usage(errors.New("name what would be taken away: --field or --version"))
			}
			in := map[string]any{}
			if field != "" {
				in["field"] = field
			} else {
				in["version"] = version
			}
			if namespace == "" {
				in["subject"] = args[0]
				return askSafe(cmd, e, in)
			}
			id, err := datasetID(cmd, e, environment, namespace, args[0])
			if err != nil {
				return err
			}
			in["datasetId"] = id
			return askSafe(cmd, e, in)
		},
	}
	c.Flags().StringVar(&field, "field", "", "the path of the field, or the name of the column")
	c.Flags().IntVar(&version, "version", 0, "the version")
	c.Flags().StringVar(&namespace, "namespace", "", "of a dataset, instead of a subject: postgres://orders")
	c.Flags().StringVar(&environment, "environment", "production", "of the dataset")
	return visitFlags(c)
}

func datasetID(cmd *cobra.Command, e *env, environment, namespace, name string) (string, error) {
	c, err := visit(cmd, e)
	if err != nil {
		return "", err
	}
	var a struct{ Dataset *struct{ ID string } }
	if err := c.ask(cmd.Context(), datasetDocument, map[string]any{"environment": environment, "namespace": namespace, "name": name}, &a); err != nil {
		return "", err
	}
	if a.Dataset == nil {
		return "", no(fmt.Errorf("the catalog has no dataset %s in %s; correct the name, --namespace or --environment", name, namespace))
	}
	return a.Dataset.ID, nil
}

func askSafe(cmd *cobra.Command, e *env, in map[string]any) error {
	type witness struct {
		Safety  string `json:"safety"`
		Service string `json:"service"`
		Owner   string `json:"owner"`
		Group   string `json:"group"`
		Reason  string `json:"reason"`
	}
	var a struct {
		SafeToContract struct {
			Safety    string    `json:"safety"`
			Witnesses []witness `json:"witnesses"`
		}
	}
	c, err := visit(cmd, e)
	if err != nil {
		return err
	}
	if err := c.ask(cmd.Context(), safeDocument, map[string]any{"input": in}, &a); err != nil {
		return err
	}
	err = show(cmd, a.SafeToContract, func(w io.Writer) {
		fmt.Fprintln(w, a.SafeToContract.Safety)
		for _, one := range a.SafeToContract.Witnesses {
			who := strings.TrimSpace(one.Service + " " + one.Group)
			if one.Owner != "" {
				who += " (team " + one.Owner + ")"
			}
			fmt.Fprintf(w, "  %-8s%s\n", one.Safety, strings.TrimPrefix(who+": "+one.Reason, ": "))
		}
	})
	if err == nil && a.SafeToContract.Safety != "YES" {
		err = no(fmt.Errorf("the answer is %s", a.SafeToContract.Safety))
	}
	return err
}
