package main

import (
	"context"
	"fmt"
	"io"
	"slices"
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

const tasksDocument = `
query Tasks($id: ID!, $states: [TaskState!], $first: Int!, $after: String) {
  node(id: $id) {
    ... on Request {
      tasks(first: $first, after: $after, states: $states) {
        nodes { id action wave code service { ref } outcomes { outcome count } }
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

// askedTask is a task that may be asked for again.
type askedTask struct {
	ID       string
	Action   string
	Wave     int
	Code     *string
	Service  struct{ Ref string }
	Outcomes []struct {
		Outcome string
		Count   *int64
	}
}

// found reports whether a probe found data.
func (t askedTask) found() bool {
	return slices.ContainsFunc(t.Outcomes, func(o struct {
		Outcome string
		Count   *int64
	}) bool {
		return o.Outcome == "PRESENT" && o.Count != nil && *o.Count > 0
	})
}

func newRequestRetry(e *env) *cobra.Command {
	var service string
	c := &cobra.Command{
		Use: "retry CASE", Short: "Ask the stopped tasks of a request again", Args: cobra.ExactArgs(1),
		Long: `Asks every task again that was refused or failed for good, each in a new round.
Where a request is blocked by RESIDUE, everything that the last probes found is
erased again, under new tasks. Mend the cause first: the codes of the tasks say
what it was.`,
		Example: "  lethe request retry R-2026-000123\n  lethe request retry R-2026-000123 --service orders",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, c, err := find(cmd, e, args[0])
			if err != nil {
				return err
			}
			tasks, err := c.again(cmd.Context(), found, service)
			if err != nil {
				return err
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

// again asks again for what of a request waits for a person, of one service if
// it is named, and returns who is asked to do what.
func (c *client) again(ctx context.Context, r caseRequest, service string) ([]askedTask, error) {
	if r.BlockedReason != nil && *r.BlockedReason == "RESIDUE" {
		return c.eraseAgain(ctx, r, service)
	}
	all, err := c.tasks(ctx, r.ID, "REFUSED", "POISONED")
	if err != nil {
		return nil, err
	}
	tasks := slices.DeleteFunc(all, func(t askedTask) bool { return service != "" && t.Service.Ref != service })
	if len(tasks) == 0 {
		return nil, no(fmt.Errorf("no task of %s has stopped, so there is nothing to ask again", r.CaseNumber))
	}
	for _, t := range tasks {
		// Those asked before it have stopped no more: run again, this goes on
		// where it ended.
		if err := c.retry(ctx, t); err != nil {
			return nil, err
		}
	}
	return tasks, nil
}

// eraseAgain has erased again what the last probes found: one order does for
// all services.
func (c *client) eraseAgain(ctx context.Context, r caseRequest, service string) ([]askedTask, error) {
	all, err := c.tasks(ctx, r.ID, "DONE")
	if err != nil {
		return nil, err
	}
	last := 0
	for _, t := range all {
		if t.Action == "PROBE" {
			last = max(last, t.Wave)
		}
	}
	left := slices.DeleteFunc(all, func(t askedTask) bool { return t.Action != "PROBE" || t.Wave != last || !t.found() })
	i := slices.IndexFunc(left, func(t askedTask) bool { return service == "" || t.Service.Ref == service })
	if i < 0 {
		return nil, no(fmt.Errorf("the last probes of %s found nothing there, so there is nothing to erase again", r.CaseNumber))
	}
	if err := c.retry(ctx, left[i]); err != nil {
		return nil, err
	}
	for i := range left {
		left[i].Action = "ERASE"
	}
	return left, nil
}

// tasks lists the tasks of a request in some states.
func (c *client) tasks(ctx context.Context, id string, states ...string) (out []askedTask, err error) {
	vars := map[string]any{"id": id, "first": 100, "states": states}
	for {
		var a struct {
			Node *struct {
				Tasks struct {
					Nodes    []askedTask
					PageInfo struct {
						HasNextPage bool
						EndCursor   string
					}
				}
			}
		}
		if err := c.ask(ctx, tasksDocument, vars, &a); err != nil {
			return nil, err
		}
		if a.Node == nil {
			return out, nil
		}
		out = append(out, a.Node.Tasks.Nodes...)
		if !a.Node.Tasks.PageInfo.HasNextPage {
			return out, nil
		}
		vars["after"] = a.Node.Tasks.PageInfo.EndCursor
	}
}

func (c *client) retry(ctx context.Context, t askedTask) error {
	var a struct {
		RetryTask struct{ UserErrors userErrors }
	}
	if err := c.ask(ctx, retryDocument, map[string]any{"input": map[string]any{"taskId": t.ID}}, &a); err != nil {
		return err
	}
	return a.RetryTask.UserErrors.err()
}
