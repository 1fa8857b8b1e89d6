package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// summary is the part of a request that every command shows.
const summary = `
fragment Summary on Request {
  id caseNumber type state outcome blockedReason receivedOn dueOn daysLeft rev
  controller { ref }
  progress { total done stopped cancelled }
  plan { digest number summary { ask keep expire gaps excluded services rows effectiveBy } }
}`

const listDocument = `
query Requests($first: Int!, $after: String, $filter: RequestFilter) {
  requests(first: $first, after: $after, filter: $filter) {
    nodes { ...Summary }
    pageInfo { hasNextPage endCursor }
  }
}` + summary

const findDocument = `query Request($id: ID!) { node(id: $id) { ... on Request { ...Summary } } }` + summary

// caseDocument finds the id of a case number.
const caseDocument = `query Case($caseNumber: String!) { request(caseNumber: $caseNumber) { id } }`

const openDocument = `
mutation Open($input: OpenRequestInput!) {
  openRequest(input: $input) { request { ...Summary } userErrors { code path message } }
}` + summary

const approveDocument = `
mutation Approve($input: ApprovePlanInput!) {
  approvePlan(input: $input) { request { ...Summary } userErrors { code path message } }
}` + summary

const cancelDocument = `
mutation Cancel($input: RequestInput!) {
  cancelRequest(input: $input) { request { ...Summary } userErrors { code path message } }
}` + summary

// caseRequest is a request as the commands show it.
type caseRequest struct {
	ID            string  `json:"id"`
	CaseNumber    string  `json:"caseNumber"`
	Type          string  `json:"type"`
	State         string  `json:"state"`
	Outcome       *string `json:"outcome"`
	BlockedReason *string `json:"blockedReason"`
	ReceivedOn    string  `json:"receivedOn"`
	DueOn         string  `json:"dueOn"`
	DaysLeft      *int    `json:"daysLeft"`
	Rev           int     `json:"rev"`
	Controller    struct {
		Ref string `json:"ref"`
	} `json:"controller"`
	Progress struct {
		Total     int `json:"total"`
		Done      int `json:"done"`
		Stopped   int `json:"stopped"`
		Cancelled int `json:"cancelled"`
	} `json:"progress"`
	Plan *struct {
		Digest  string `json:"digest"`
		Number  int    `json:"number"`
		Summary struct {
			Ask         int     `json:"ask"`
			Keep        int     `json:"keep"`
			Expire      int     `json:"expire"`
			Gaps        int     `json:"gaps"`
			Excluded    int     `json:"excluded"`
			Services    int     `json:"services"`
			Rows        int64   `json:"rows"`
			EffectiveBy *string `json:"effectiveBy"`
		} `json:"summary"`
	} `json:"plan"`
}

func newRequest(e *env) *cobra.Command {
	c := group("request", "Open and follow data subjects' requests", "  lethe request list\n  lethe request show R-2026-000123",
		newRequestOpen(e), newRequestList(e), newRequestShow(e), newRequestPlan(e), newRequestApprove(e), newRequestCancel(e),
		newRequestFollow(e), newRequestCertificate(e), newStop(e), newResume(e))
	c.AddCommand(newDecisions(e)...)
	return c
}

func newRequestOpen(e *env) *cobra.Command {
	in := map[string]any{}
	var kind, controller, ground, identity, clientID, received string
	var identifiers []string
	c := &cobra.Command{
		Use:   "open",
		Short: "File a request of a data subject",
		Long: `Files a request and starts planning. The identifiers are sealed at once and
never shown again. Those given as flags may be seen by other users of this
machine: give them on standard input instead, one TYPE=VALUE a line, with
--identifier -.`,
		Example: "  lethe request open --type erasure --controller flowmart-de --ground '17(1)(b)' --identity account-login --identifier - < identifiers.txt",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ids, err := readIdentifiers(e, identifiers)
			if err != nil {
				return usage(err)
			}
			in["type"], in["controller"], in["identifiers"] = term(kind), controller, ids
			for key, v := range map[string]string{"ground": ground, "identity": term(identity), "clientRequestId": clientID, "receivedAt": received} {
				if v != "" {
					in[key] = v
				}
			}
			return act(cmd, e, openDocument, in)
		},
	}
	f := c.Flags()
	f.StringVar(&kind, "type", "", "erasure, access or portability")
	f.StringVar(&controller, "controller", "", "ref of the legal entity that was asked")
	f.StringArrayVar(&identifiers, "identifier", nil, "TYPE=VALUE, or - for lines on standard input; may be repeated")
	f.StringVar(&ground, "ground", "", "of an erasure, 17(1)(a) to 17(1)(f)")
	f.StringVar(&identity, "identity", "", "how the identity was proved, if it was")
	f.StringVar(&received, "received-at", "", "when it reached the controller, RFC 3339; now by default")
	f.StringVar(&clientID, "client-request-id", "", "makes opening idempotent: the same id gives the request opened first")
	for _, name := range []string{"type", "controller", "identifier"} {
		_ = c.MarkFlagRequired(name) // the flag exists: it was made above
	}
	return visitFlags(c)
}

// term is a word of the schema, which may be written as words are on a command
// line: account-login is ACCOUNT_LOGIN.
func term(word string) string { return strings.ToUpper(strings.ReplaceAll(word, "-", "_")) }

// readIdentifiers never repeats a value in an error.
func readIdentifiers(e *env, given []string) ([]map[string]string, error) {
	var lines []string
	for _, g := range given {
		if g != "-" {
			lines = append(lines, g)
			continue
		}
		raw, err := io.ReadAll(e.in)
		if err != nil {
			return nil, err
		}
		for s := bufio.NewScanner(bytes.NewReader(raw)); s.Scan(); {
			if text := strings.TrimSpace(s.Text()); text != "" {
				lines = append(lines, text)
			}
		}
	}
	var out []map[string]string
	for i, l := range lines {
		kind, value, ok := strings.Cut(l, "=")
		if !ok || kind == "" || value == "" {
			return nil, fmt.Errorf("identifier %d is not TYPE=VALUE, like customer_id=12345", i+1)
		}
		out = append(out, map[string]string{"type": strings.TrimSpace(kind), "value": strings.TrimSpace(value)})
	}
	if len(out) == 0 {
		return nil, errors.New("no identifier was given")
	}
	return out, nil
}

func newRequestList(e *env) *cobra.Command {
	var states []string
	var first int
	var after string
	c := &cobra.Command{
		Use: "list", Short: "List requests, the one due first, first", Args: cobra.NoArgs,
		Example: "  lethe request list --state planned,executing --first 20",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, err := visit(cmd, e)
			if err != nil {
				return err
			}
			vars := map[string]any{"first": first}
			if after != "" {
				vars["after"] = after
			}
			if len(states) > 0 {
				for i := range states {
					states[i] = term(states[i])
				}
				vars["filter"] = map[string]any{"states": states}
			}
			var a struct {
				Requests struct {
					Nodes    []caseRequest `json:"nodes"`
					PageInfo struct {
						HasNextPage bool   `json:"hasNextPage"`
						EndCursor   string `json:"endCursor"`
					} `json:"pageInfo"`
				}
			}
			if err := cl.ask(cmd.Context(), listDocument, vars, &a); err != nil {
				return err
			}
			return show(cmd, a.Requests, func(w io.Writer) {
				for _, r := range a.Requests.Nodes {
					writeRequest(w, r)
				}
				if a.Requests.PageInfo.HasNextPage {
					fmt.Fprintf(w, "More: --after %s\n", a.Requests.PageInfo.EndCursor)
				}
			})
		},
	}
	c.Flags().StringSliceVar(&states, "state", nil, "only requests in these states")
	c.Flags().IntVar(&first, "first", 50, "how many, 1 to 100")
	c.Flags().StringVar(&after, "after", "", "cursor of the request before the page")
	return visitFlags(c)
}

func newRequestShow(e *env) *cobra.Command {
	return visitFlags(&cobra.Command{
		Use: "show CASE", Short: "Show where a request stands", Args: cobra.ExactArgs(1),
		Example: "  lethe request show R-2026-000123",
		RunE: func(cmd *cobra.Command, args []string) error {
			r, _, err := find(cmd, e, args[0])
			if err != nil {
				return err
			}
			return show(cmd, r, func(w io.Writer) { writeRequest(w, r); writePlan(w, r) })
		},
	})
}

func newRequestApprove(e *env) *cobra.Command {
	var digest string
	c := &cobra.Command{
		Use: "approve CASE", Short: "Approve the plan of a request by its digest", Args: cobra.ExactArgs(1),
		Long:    "Approves the plan with the digest you read; its tasks go out. Whoever opened the\nrequest cannot approve it.",
		Example: "  lethe request approve R-2026-000123 --digest 9f86d081884c7d65…",
		RunE: func(cmd *cobra.Command, args []string) error {
			return actOn(cmd, e, args[0], approveDocument, map[string]any{"digest": digest})
		},
	}
	c.Flags().StringVar(&digest, "digest", "", "the digest of the plan you read")
	_ = c.MarkFlagRequired("digest") // the flag exists: it was made above
	return visitFlags(c)
}

func newRequestCancel(e *env) *cobra.Command {
	return visitFlags(&cobra.Command{
		Use: "cancel CASE", Short: "End a request at the data subject's wish", Args: cobra.ExactArgs(1),
		Example: "  lethe request cancel R-2026-000123",
		RunE: func(cmd *cobra.Command, args []string) error {
			return actOn(cmd, e, args[0], cancelDocument, map[string]any{})
		},
	})
}

// find looks a case up.
func find(cmd *cobra.Command, e *env, number string) (caseRequest, *client, error) {
	c, err := visit(cmd, e)
	if err != nil {
		return caseRequest{}, nil, err
	}
	id, err := c.caseID(cmd.Context(), number)
	if err != nil {
		return caseRequest{}, nil, err
	}
	r, err := c.request(cmd.Context(), id, number)
	return r, c, err
}

func (c *client) request(ctx context.Context, id, number string) (caseRequest, error) {
	var a struct{ Node *caseRequest }
	if err := c.ask(ctx, findDocument, map[string]any{"id": id}, &a); err != nil {
		return caseRequest{}, err
	}
	if a.Node == nil || a.Node.CaseNumber == "" {
		return caseRequest{}, noRequest(number)
	}
	return *a.Node, nil
}

// caseID finds the id of a case number. An id is taken as it is.
func (c *client) caseID(ctx context.Context, number string) (string, error) {
	if !strings.HasPrefix(number, "R-") {
		return number, nil
	}
	var a struct{ Request *struct{ ID string } }
	if err := c.ask(ctx, caseDocument, map[string]any{"caseNumber": number}, &a); err != nil {
		return "", err
	}
	if a.Request == nil {
		return "", noRequest(number)
	}
	return a.Request.ID, nil
}

func noRequest(number string) error {
	return no(fmt.Errorf("there is no request %s, or you may not see it; case numbers look like R-2026-000123", number))
}

// actOn acts on a case.
func actOn(cmd *cobra.Command, e *env, number, document string, in map[string]any) error {
	c, err := visit(cmd, e)
	if err != nil {
		return err
	}
	if in["requestId"], err = c.caseID(cmd.Context(), number); err != nil {
		return err
	}
	return act(cmd, e, document, in)
}

// act runs a mutation that answers with a request, and shows it.
func act(cmd *cobra.Command, e *env, document string, in map[string]any) error {
	c, err := visit(cmd, e)
	if err != nil {
		return err
	}
	var a map[string]struct {
		Request    *caseRequest
		UserErrors userErrors
	}
	if err := c.ask(cmd.Context(), document, map[string]any{"input": in}, &a); err != nil {
		return err
	}
	for _, payload := range a {
		if err := payload.UserErrors.err(); err != nil {
			return err
		}
		if payload.Request != nil {
			return show(cmd, payload.Request, func(w io.Writer) { writeRequest(w, *payload.Request) })
		}
	}
	return away(errors.New("the server answered with no request"))
}

func writeRequest(w io.Writer, r caseRequest) {
	state := strings.ToLower(r.State)
	if r.Outcome != nil {
		state += ", " + strings.ToLower(*r.Outcome)
	}
	if r.BlockedReason != nil {
		state += ", " + strings.ToLower(*r.BlockedReason)
	}
	due := "due " + r.DueOn
	if r.DaysLeft != nil {
		due += fmt.Sprintf(" (%d days)", *r.DaysLeft)
	}
	fmt.Fprintf(w, "%s  %-11s  %-28s  %s  %s", r.CaseNumber, strings.ToLower(r.Type), state, due, r.Controller.Ref)
	if r.Progress.Total > 0 {
		fmt.Fprintf(w, "  %d/%d tasks done", r.Progress.Done, r.Progress.Total)
	}
	if r.Progress.Stopped > 0 {
		fmt.Fprintf(w, ", %d need a person", r.Progress.Stopped)
	}
	fmt.Fprintln(w)
}

func writePlan(w io.Writer, r caseRequest) {
	if r.Plan == nil {
		return
	}
	s := r.Plan.Summary
	fmt.Fprintf(w, "Plan %d: %d datasets asked of %d services, %d kept, %d expire, %d gaps, %d excluded, %d rows.\n",
		r.Plan.Number, s.Ask, s.Services, s.Keep, s.Expire, s.Gaps, s.Excluded, s.Rows)
	if s.EffectiveBy != nil {
		fmt.Fprintf(w, "The last byte is gone by %s.\n", *s.EffectiveBy)
	}
	fmt.Fprintf(w, "Digest %s\n", r.Plan.Digest)
}
