package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/pipeline"
	"github.com/flowmart/lethe/schemas/report"
)

func newSchema(e *env) *cobra.Command {
	c := group("schema", "Check schemas before they are merged, and register them", "  lethe schema check orders.avsc --subject orders-value",
		newSchemaCheck(e), newSchemaStore(e))
	c.PersistentFlags().StringP("output", "o", "text", strings.Join(report.Forms(), ", "))
	c.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		return report.Known(output(cmd))
	}
	return c
}

func newSchemaCheck(e *env) *cobra.Command {
	var subject, kind string
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Tell what registering a schema would come to, and write nothing",
		Long: `Tells what registering a schema would come to: whether it can be read, may
follow the versions before it, and says of every personal field what it is. Each
finding has a code, its line, and how to mend it. FILE may be - for standard
input. Exit code 1 means that the verdict is FAIL.`,
		Example: "  lethe schema check orders.avsc --subject orders-value\n  lethe schema check orders.avsc --subject orders-value --output github",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if subject == "" {
				return usage(errors.New("say for which subject the schema is: --subject orders-value"))
			}
			text, err := readInput(e, args[0])
			if err != nil {
				return usage(err)
			}
			a, err := askCheck(cmd, e, []pipeline.Schema{{Subject: subject, Type: typeOf(kind, args[0]), Text: string(text)}})
			if err != nil {
				return err
			}
			a.Schemas[0].File = args[0]
			return tellReport(cmd, a)
		},
	}
	c.Flags().StringVar(&subject, "subject", "", "the subject that it is for")
	c.Flags().StringVar(&kind, "type", "", "AVRO, JSON or PROTOBUF; by the name of the file where it is left out")
	return visitFlags(c)
}

// typeOf is the type of a schema: what is said, or what the file is called.
func typeOf(said, file string) string {
	switch ext := filepath.Ext(file); {
	case said != "":
		return strings.ToUpper(said)
	case ext == ".proto":
		return "PROTOBUF"
	case ext == ".json":
		return "JSON"
	}
	return "AVRO"
}

// askCheck asks the server for its verdict.
func askCheck(cmd *cobra.Command, e *env, all []pipeline.Schema) (a report.Answer, err error) {
	c, err := visit(cmd, e)
	if err != nil {
		return a, err
	}
	body, err := json.Marshal(pipeline.Question{Schemas: all})
	if err != nil {
		return a, usage(err)
	}
	raw, err := c.send(cmd.Context(), http.MethodPost, pipeline.Path, "application/json", bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(raw, &a); err != nil || len(a.Schemas) != len(all) {
		return a, away(errors.New("the server's answer has another form; are client and server of the same version?"))
	}
	return a, nil
}

// tellReport prints a verdict; FAIL is the exit code 1.
func tellReport(cmd *cobra.Command, a report.Answer) error {
	if err := report.Write(cmd.OutOrStdout(), output(cmd), a); err != nil {
		return away(err)
	}
	if a.Verdict == gate.Fail {
		return no(fmt.Errorf("the verdict is %s", a.Verdict))
	}
	return nil
}
