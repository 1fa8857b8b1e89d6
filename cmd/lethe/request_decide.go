package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// mutation is a document that acts on a request and shows it.
func mutation(field, input string) string {
	return `
mutation Act($input: ` + input + `!) {
  ` + field + `(input: $input) { request { ...Summary } userErrors { code path message } }
}` + summary
}

var (
	replanDocument         = mutation("replan", "RequestInput")
	refuseDocument         = mutation("refuseRequest", "RefuseRequestInput")
	extendDocument         = mutation("extendDeadline", "ExtendDeadlineInput")
	pauseClockDocument     = mutation("pauseClock", "PauseClockInput")
	resumeClockDocument    = mutation("resumeClock", "RequestInput")
	resolveBlockDocument   = mutation("resolveBlock", "RequestInput")
	closePartiallyDocument = mutation("closePartially", "RequestInput")
)

const stoppedDocument = `
query Stopped($id: ID!, $first: Int!, $after: String) {
  node(id: $id) {
    ... on Request {
      tasks(first: $first, after: $after, states: [REFUSED, POISONED]) {
        nodes { id action code service { ref } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}`

const retryDocument = `
mutation Retry($input: RetryTaskInput!) {
  retryTask(input: $input) { task { id } userErrors { code path message } }
}`

// newDecisions are the commands of whoever must decide about a request.
func newDecisions(e *env) []*cobra.Command {
	return []*cobra.Command{
		deciding(e, "replan", "Plan a request anew from the catalog as it is now",
			"Asks the services again what they hold and makes a new plan, which has to be\napproved. For a handler or an approver, before the approval.", replanDocument, ""),
		deciding(e, "refuse", "Refuse a request, with its ground",
			"Refuses a request on a ground of law; the data subject must be told why within a\nmonth (Art. 12(4) GDPR). For an approver who did not open it.", refuseDocument, " --ground excessive",
			word{"ground", "ground", "cannot_identify, manifestly_unfounded, excessive, exempt_17_3 or outside_scope", true}),
		deciding(e, "extend", "Extend the due date to three months from receipt, once",
			"Extends the due date (Art. 12(3) GDPR). The data subject is told before that,\nwith the reason, within the first month.", extendDocument, " --reason complexity --told-on 2026-03-20 --channel email",
			word{"reason", "reason", "complexity or number_of_requests", true},
			word{"told-on", "noticeSentOn", "the day the data subject was told, like 2026-03-20", false},
			word{"channel", "channel", "how: email, letter, portal or in_person", true}),
		deciding(e, "pause-clock", "Let the clock of a request stand still",
			"Stops the clock while the data subject is asked something (Art. 12(6) GDPR), until\nresume-clock; the days it stood still are added to the due date.", pauseClockDocument, " --reason identity_doubt",
			word{"reason", "reason", "identity_doubt or clarification", true}),
		deciding(e, "resume-clock", "Let the clock of a request go on", "", resumeClockDocument, ""),
		deciding(e, "resolve-block", "Let a blocked request go on as it is",
			"Lets a request go on that waits for a person. Read first, with show, why it\nwaits; docs/runbook.md says what each reason means. For an approver who did not\nopen it.", resolveBlockDocument, ""),
		deciding(e, "close-partially", "Close a request of which some tasks cannot be done",
			"Closes a blocked request with what has been done; the certificate names what\nhas not. For an approver who did not open it.", closePartiallyDocument, ""),
		newRequestRetry(e),
	}
}

// word is a flag that becomes a field of the input.
type word struct {
	flag, field, help string
	enum              bool
}

// deciding is a command that acts on a case.
func deciding(e *env, name, short, long, document, more string, words ...word) *cobra.Command {
	c := &cobra.Command{
		Use: name + " CASE", Short: short, Long: long, Args: cobra.ExactArgs(1),
		Example: "  lethe request " + name + " R-2026-000123" + more,
		RunE: func(cmd *cobra.Command, args []string) error {
			in := map[string]any{}
			for _, w := range words {
				text := cmd.Flag(w.flag).Value.String()
				if w.enum {
					text = term(text)
				}
				in[w.field] = text
			}
			return actOn(cmd, e, args[0], document, in)
		},
	}
	for _, w := range words {
		c.Flags().String(w.flag, "", w.help)
		_ = c.MarkFlagRequired(w.flag) // the flag exists: it was made above
	}
	return visitFlags(c)
}

// stoppedTask is a task that waits for a person.
type stoppedTask struct {
	ID      string
	Action  string
	Code    *string
	Service struct{ Ref string }
}

func newRequestRetry(e *env) *cobra.Command {
	var service string
	c := &cobra.Command{
		Use: "retry CASE", Short: "Ask the stopped tasks of a request again", Args: cobra.ExactArgs(1),
		Long:    "Asks every task again that was refused or failed for good, each in a new round.\nMend the cause first: the codes of the tasks say what it was.",
		Example: "  lethe request retry R-2026-000123\n  lethe request retry R-2026-000123 --service orders",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, c, err := find(cmd, e, args[0])
			if err != nil {
				return err
			}
			tasks, err := c.stopped(cmd.Context(), found.ID, service)
			if err != nil {
				return err
			}
			if len(tasks) == 0 {
				return no(fmt.Errorf("no task of %s has stopped, so there is nothing to ask again", args[0]))
			}
			for _, t := range tasks {
				// Those asked before it have stopped no more: run again, this
				// goes on where it ended.
				if err := c.retry(cmd.Context(), t); err != nil {
					return err
				}
			}
			r, err := c.request(cmd.Context(), found.ID, args[0])
			if err != nil {
				return err
			}
			return show(cmd, r, func(w io.Writer) {
				for _, t := range tasks {
					fmt.Fprintf(w, "%s is asked again to %s\n", t.Service.Ref, strings.ToLower(t.Action))
				}
				writeRequest(w, r)
			})
		},
	}
	c.Flags().StringVar(&service, "service", "", "only the tasks of this service")
	return visitFlags(c)
}

// stopped lists the stopped tasks of a request, of one service if it is named.
func (c *client) stopped(ctx context.Context, id, service string) (out []stoppedTask, err error) {
	vars := map[string]any{"id": id, "first": 100}
	for {
		var a struct {
			Node *struct {
				Tasks struct {
					Nodes    []stoppedTask
					PageInfo struct {
						HasNextPage bool
						EndCursor   string
					}
				}
			}
		}
		if err := c.ask(ctx, stoppedDocument, vars, &a); err != nil {
			return nil, err
		}
		if a.Node == nil {
			return out, nil
		}
		for _, t := range a.Node.Tasks.Nodes {
			if service == "" || t.Service.Ref == service {
				out = append(out, t)
			}
		}
		if !a.Node.Tasks.PageInfo.HasNextPage {
			return out, nil
		}
		vars["after"] = a.Node.Tasks.PageInfo.EndCursor
	}
}

func (c *client) retry(ctx context.Context, t stoppedTask) error {
	var a struct {
		RetryTask struct{ UserErrors userErrors }
	}
	if err := c.ask(ctx, retryDocument, map[string]any{"input": map[string]any{"taskId": t.ID}}, &a); err != nil {
		return err
	}
	return a.RetryTask.UserErrors.err()
}
