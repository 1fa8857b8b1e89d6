package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// trustsPath is where the server declares, lists and ends trusts.
const trustsPath = "/api/v1/trusts"

func newTrust(e *env) *cobra.Command {
	return group("trust", "Which jobs of which pipelines may sign in by their provider's identity", "  lethe trust list",
		newTrustDeclare(e), newTrustList(e), newTrustEnd(e))
}

type trusted struct {
	ID          string     `json:"id,omitempty"`
	Provider    string     `json:"provider,omitempty"`
	Issuer      string     `json:"issuer"`
	Repository  int64      `json:"repository"`
	Owner       int64      `json:"owner"`
	Workflow    string     `json:"workflow"`
	Ref         string     `json:"ref,omitempty"`
	Environment string     `json:"environment,omitempty"`
	Events      []string   `json:"events,omitempty"`
	Service     string     `json:"service"`
	Verbs       []string   `json:"verbs"`
	Subjects    []string   `json:"subjects,omitempty"`
	Label       string     `json:"label"`
	CreatedAt   *time.Time `json:"createdAt,omitempty"`
	EndedAt     *time.Time `json:"endedAt,omitempty"`
}

func newTrustDeclare(e *env) *cobra.Command {
	var t trusted
	c := &cobra.Command{
		Use:   "declare",
		Short: "Let the jobs of a repository's workflow in",
		Long: `Lets the jobs of one workflow of one repository in, and says what they may do for
a service. The repository and its owner go by their numbers, which nobody can
take over; the label is what people call them.

Every such job may read and check. More than that is for the branch or tag, the
environment and the events that are named, on a branch or tag that is protected,
and never for a pull request or a merge request.`,
		Example: "  lethe trust declare --service orders --repository 74 --owner 65 --label acme/orders --workflow .github/workflows/schemas.yml --verbs register --subjects 'orders.*'\n" +
			"  lethe trust declare --issuer https://gitlab.com --service orders --repository 20 --owner 72 --label acme/orders --workflow .gitlab-ci.yml --verbs register,push --subjects 'orders.*'",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var made trusted
			if err := askTrusts(cmd, e, http.MethodPost, trustsPath, t, &made); err != nil {
				return err
			}
			return show(cmd, made, func(w io.Writer) {
				fmt.Fprintf(w, "%s\n%s; end it with: lethe trust end %s\n", made.ID, made.says(), made.ID)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&t.Issuer, "issuer", "https://token.actions.githubusercontent.com", "whose identity tokens: one of the server's LETHE_CI_ISSUERS")
	f.Int64Var(&t.Repository, "repository", 0, "number of the repository (GitHub's repository_id, GitLab's project_id)")
	f.Int64Var(&t.Owner, "owner", 0, "number of its owner (GitHub's repository_owner_id, GitLab's namespace_id)")
	f.StringVar(&t.Label, "label", "", "what people call the repository")
	f.StringVar(&t.Workflow, "workflow", "", "file in the repository that says what its jobs do")
	f.StringVar(&t.Service, "service", "", "the service that they act for")
	f.StringSliceVar(&t.Verbs, "verbs", []string{"check"}, "what they may do: check, register, delete, declare (what the service reads), push (tables of its stores)")
	f.StringSliceVar(&t.Subjects, "subjects", nil, "the subjects they may change; * stands for any characters")
	f.StringVar(&t.Ref, "ref", "refs/heads/main", "branches or tags from which they may do more than check; * stands for any characters")
	f.StringVar(&t.Environment, "environment", "", "the environment in which they may; any where it is left out")
	f.StringSliceVar(&t.Events, "events", []string{"push"}, "for what they may: push, workflow_dispatch, release; of GitLab push, web, schedule, api, trigger, pipeline")
	for _, name := range []string{"repository", "owner", "label", "workflow", "service"} {
		_ = c.MarkFlagRequired(name) // each was made above
	}
	return visitFlags(c)
}

// says is a trust in one line.
func (t trusted) says() string {
	out := fmt.Sprintf("%s (%d of %d at %s) %s: %s for %s", t.Label, t.Repository, t.Owner, t.Issuer, t.Workflow, strings.Join(t.Verbs, ", "), t.Service)
	if len(t.Verbs) > 1 {
		out += fmt.Sprintf("; %s on %s", strings.Join(t.Events, ", "), t.Ref)
		if t.Environment != "" {
			out += " in " + t.Environment
		}
	}
	if len(t.Subjects) > 0 {
		out += "; subjects " + strings.Join(t.Subjects, ", ")
	}
	return out
}

func newTrustList(e *env) *cobra.Command {
	var service string
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the trusts for your services, or for one",
		Example: "  lethe trust list --service orders",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var found struct {
				Trusts []trusted `json:"trusts"`
			}
			if err := askTrusts(cmd, e, http.MethodGet, trustsPath+"?service="+url.QueryEscape(service), nil, &found); err != nil {
				return err
			}
			return show(cmd, found, func(w io.Writer) {
				for _, t := range found.Trusts {
					state := "holds"
					if t.EndedAt != nil {
						state = "ended " + t.EndedAt.Format(time.DateOnly)
					}
					fmt.Fprintf(w, "%s  %-16s %s\n", t.ID, state, t.says())
				}
			})
		},
	}
	c.Flags().StringVar(&service, "service", "", "for this service alone")
	return visitFlags(c)
}

func newTrustEnd(e *env) *cobra.Command {
	return visitFlags(&cobra.Command{
		Use:     "end ID",
		Short:   "End a trust; its jobs' tokens open nothing half a minute later",
		Example: "  lethe trust end 0199a3c4-5b1e-7c3a-9f00-1c2d3e4f5a6b",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var gone trusted
			if err := askTrusts(cmd, e, http.MethodDelete, trustsPath+"/"+url.PathEscape(args[0]), nil, &gone); err != nil {
				return err
			}
			return show(cmd, gone, func(w io.Writer) { fmt.Fprintf(w, "%s is trusted no longer for %s.\n", gone.Label, gone.Service) })
		},
	})
}

func askTrusts(cmd *cobra.Command, e *env, method, path string, body, into any) error {
	c, err := visit(cmd, e)
	if err != nil {
		return err
	}
	return c.exchange(cmd.Context(), method, path, body, into)
}
