package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const planDocument = `
query Plan($id: ID!, $first: Int!, $after: String) {
  node(id: $id) {
    ... on Request {
      plan {
        digest number
        nodes(first: $first, after: $after) {
          nodes { number kind reason action wave reader count retentionGround until effectiveBy
            dataset { namespace name } service { ref } dismissal { reason validTo dismissedBy { name } } }
          pageInfo { hasNextPage endCursor }
        }
      }
    }
  }
}`

const certificateDocument = `
query Certificate($id: ID!) { node(id: $id) { ... on Request { certificate { json fingerprint } } } }`

const stopDocument = `
mutation Stop($input: EmergencyStopInput!) {
  emergencyStop(input: $input) { stop { setAt } userErrors { code path message } }
}`

const resumeDocument = `
mutation Resume($input: EmergencyStopInput!) {
  resume(input: $input) { stop { setAt liftedAt } userErrors { code path message } }
}`

const serviceDocument = `query Service($ref: String!) { service(ref: $ref) { id } }`

type planNode struct {
	Number          int     `json:"number"`
	Kind            string  `json:"kind"`
	Reason          string  `json:"reason"`
	Action          *string `json:"action"`
	Wave            *int    `json:"wave"`
	Reader          *string `json:"reader"`
	Count           *int64  `json:"count"`
	RetentionGround *string `json:"retentionGround"`
	Until           *string `json:"until"`
	EffectiveBy     *string `json:"effectiveBy"`
	Dataset         struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"dataset"`
	Service *struct {
		Ref string `json:"ref"`
	} `json:"service"`
	Dismissal *dismissal `json:"dismissal,omitempty"`
}

// dismissal is why a reader in a plan need not be asked.
type dismissal struct {
	Reason      string `json:"reason"`
	ValidTo     string `json:"validTo"`
	DismissedBy *struct {
		Name *string `json:"name"`
	} `json:"dismissedBy"`
}

func (d dismissal) who() string {
	if d.DismissedBy == nil || d.DismissedBy.Name == nil {
		return "somebody who was erased since"
	}
	return *d.DismissedBy.Name
}

type plan struct {
	Digest string `json:"digest"`
	Number int    `json:"number"`
	Nodes  struct {
		Nodes    []planNode `json:"nodes"`
		PageInfo struct {
			HasNextPage bool   `json:"hasNextPage"`
			EndCursor   string `json:"endCursor"`
		} `json:"pageInfo"`
	} `json:"nodes"`
}

func newRequestPlan(e *env) *cobra.Command {
	return visitFlags(&cobra.Command{
		Use: "plan CASE", Short: "Show the plan of a request, dataset by dataset", Args: cobra.ExactArgs(1),
		Example: "  lethe request plan R-2026-000123",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := visit(cmd, e)
			if err != nil {
				return err
			}
			p, err := readPlan(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			return show(cmd, p, func(w io.Writer) {
				for _, n := range p.Nodes.Nodes {
					writeNode(w, n)
				}
				fmt.Fprintf(w, "Plan %d, digest %s\n", p.Number, p.Digest)
			})
		},
	})
}

// readPlan reads every page of a plan.
func readPlan(ctx context.Context, c *client, number string) (plan, error) {
	var whole plan
	id, err := c.caseID(ctx, number)
	if err != nil {
		return whole, err
	}
	vars := map[string]any{"id": id, "first": 100}
	for {
		var a struct{ Node *struct{ Plan *plan } }
		if err := c.ask(ctx, planDocument, vars, &a); err != nil {
			return whole, err
		}
		if a.Node == nil || a.Node.Plan == nil {
			return whole, no(fmt.Errorf("there is no request %s, or it has no plan yet", number))
		}
		page := *a.Node.Plan
		page.Nodes.Nodes = append(whole.Nodes.Nodes, page.Nodes.Nodes...)
		whole = page
		if !page.Nodes.PageInfo.HasNextPage {
			return whole, nil
		}
		vars["after"] = page.Nodes.PageInfo.EndCursor
	}
}

func writeNode(w io.Writer, n planNode) {
	fmt.Fprintf(w, "%3d  %-8s %s %s", n.Number, strings.ToLower(n.Kind), n.Dataset.Namespace, n.Dataset.Name)
	if n.Service != nil {
		fmt.Fprintf(w, "  %s", n.Service.Ref)
	}
	if n.Reader != nil {
		fmt.Fprintf(w, "  read by %s", *n.Reader)
	}
	if n.Count != nil {
		fmt.Fprintf(w, "  %d rows", *n.Count)
	}
	fmt.Fprintf(w, "  (%s)", strings.ToLower(strings.ReplaceAll(n.Reason, "_", " ")))
	if n.RetentionGround != nil {
		fmt.Fprintf(w, " %s", *n.RetentionGround)
	}
	if n.Until != nil {
		fmt.Fprintf(w, " until %s", *n.Until)
	}
	if n.Dismissal != nil {
		fmt.Fprintf(w, ": %q, by %s, covers what is seen until %s", n.Dismissal.Reason, n.Dismissal.who(), n.Dismissal.ValidTo)
	}
	fmt.Fprintln(w)
}

func newRequestFollow(e *env) *cobra.Command {
	var every time.Duration
	c := &cobra.Command{
		Use: "follow CASE", Short: "Show a request whenever it changes, until it is closed", Args: cobra.ExactArgs(1),
		Example: "  lethe request follow R-2026-000123",
		RunE: func(cmd *cobra.Command, args []string) error {
			if every < 100*time.Millisecond {
				return errors.New("--every is at least 100ms")
			}
			tick := time.NewTicker(every)
			defer tick.Stop()
			found, c, err := find(cmd, e, args[0])
			if err != nil {
				return err
			}
			for last := -1; ; {
				r, err := c.request(cmd.Context(), found.ID, args[0])
				if err != nil {
					return err
				}
				if r.Rev != last {
					last = r.Rev
					if err := show(cmd, r, func(w io.Writer) { writeRequest(w, r) }); err != nil {
						return err
					}
				}
				if r.State == "CLOSED" || r.State == "MERGED" {
					return nil
				}
				select {
				case <-cmd.Context().Done():
					return away(errors.New("stopped before the request was closed"))
				case <-tick.C:
				}
			}
		},
	}
	c.Flags().DurationVar(&every, "every", 2*time.Second, "how often to look")
	return visitFlags(c)
}

func newRequestCertificate(e *env) *cobra.Command {
	return visitFlags(&cobra.Command{
		Use: "certificate CASE", Short: "Write the certificate of a closed request, byte for byte", Args: cobra.ExactArgs(1),
		Example: "  lethe request certificate R-2026-000123 > R-2026-000123.json",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := visit(cmd, e)
			if err != nil {
				return err
			}
			id, err := c.caseID(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			var a struct {
				Node *struct{ Certificate *struct{ JSON string } }
			}
			if err := c.ask(cmd.Context(), certificateDocument, map[string]any{"id": id}, &a); err != nil {
				return err
			}
			if a.Node == nil || a.Node.Certificate == nil {
				return no(fmt.Errorf("there is no certificate of %s: it is issued a few seconds after a request is closed", args[0]))
			}
			fmt.Fprint(cmd.OutOrStdout(), a.Node.Certificate.JSON)
			return nil
		},
	})
}

func newStop(e *env) *cobra.Command {
	return stopping(e, "stop", "Stop all messages to one service, or to all, at once", stopDocument, "Stopped: nothing leaves for %s.\n")
}

func newResume(e *env) *cobra.Command {
	return stopping(e, "resume", "Lift an emergency stop", resumeDocument, "Resumed: messages leave for %s again.\n")
}

func stopping(e *env, use, short, document, done string) *cobra.Command {
	var service string
	var all bool
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		Example: "  lethe request " + use + " --service orders\n  lethe request " + use + " --all",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all == (service != "") {
				return errors.New("give --service REF, or --all")
			}
			c, err := visit(cmd, e)
			if err != nil {
				return err
			}
			in := map[string]any{}
			if service != "" {
				if in["serviceId"], err = serviceID(cmd.Context(), c, service); err != nil {
					return err
				}
			}
			var a map[string]struct{ UserErrors userErrors }
			if err := c.ask(cmd.Context(), document, map[string]any{"input": in}, &a); err != nil {
				return err
			}
			for _, payload := range a {
				if err := payload.UserErrors.err(); err != nil {
					return err
				}
			}
			whom := service
			if all {
				whom = "every service"
			}
			return show(cmd, map[string]any{use: whom}, func(w io.Writer) { fmt.Fprintf(w, done, whom) })
		},
	}
	c.Flags().StringVar(&service, "service", "", "ref of the service")
	c.Flags().BoolVar(&all, "all", false, "every service")
	return visitFlags(c)
}

func serviceID(ctx context.Context, c *client, ref string) (string, error) {
	var a struct{ Service *struct{ ID string } }
	if err := c.ask(ctx, serviceDocument, map[string]any{"ref": ref}, &a); err != nil {
		return "", err
	}
	if a.Service == nil {
		return "", no(fmt.Errorf("there is no service %q", ref))
	}
	return a.Service.ID, nil
}
