package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// keysPath is where the server makes, lists and revokes API keys.
const keysPath = "/api/v1/keys"

func newAPIKey(e *env) *cobra.Command {
	return group("apikey", "Keys by which a service's machines sign in to the schema registry", "  lethe apikey create --service orders --label producers",
		newAPIKeyCreate(e), newAPIKeyList(e), newAPIKeyRevoke(e))
}

type apiKey struct {
	ID        string     `json:"id"`
	Service   string     `json:"service"`
	Role      string     `json:"role"`
	Label     string     `json:"label"`
	CreatedAt time.Time  `json:"createdAt"`
	ExpiresAt time.Time  `json:"expiresAt"`
	RevokedAt *time.Time `json:"revokedAt,omitempty"`
	Key       string     `json:"key,omitempty"`
}

func newAPIKeyCreate(e *env) *cobra.Command {
	var service, role, label string
	var days int
	c := &cobra.Command{
		Use:   "create",
		Short: "Make a key and print its secret, once",
		Long: `Makes a key for a service and prints its secret, which nobody can read again. A
client of the schema registry gives the secret as its password, with any user
name, or as a bearer token. The key opens the registry and nothing else.`,
		Example: "  lethe apikey create --service orders --label producers --days 180\n  lethe apikey create --service orders --role ci --label 'the build'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asked := map[string]any{"service": service, "role": role, "label": label, "days": days}
			var made apiKey
			if err := askAPIKeys(cmd, e, http.MethodPost, keysPath, asked, &made); err != nil {
				return err
			}
			return show(cmd, made, func(w io.Writer) {
				fmt.Fprintf(w, "%s\nThis is shown once. It is a %s of %s until %s; revoke it with: lethe apikey revoke %s\n",
					made.Key, made.Role, made.Service, made.ExpiresAt.Format(time.DateOnly), made.ID)
			})
		},
	}
	c.Flags().StringVar(&service, "service", "", "the service it stands for")
	c.Flags().StringVar(&role, "role", "service", "service, or ci for a pipeline")
	c.Flags().StringVar(&label, "label", "", "what it is for")
	c.Flags().IntVar(&days, "days", 90, "how long it lasts, 366 at most")
	_ = c.MarkFlagRequired("service")
	_ = c.MarkFlagRequired("label")
	return visitFlags(c)
}

func newAPIKeyList(e *env) *cobra.Command {
	var service string
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the keys of your services, or of one",
		Example: "  lethe apikey list --service orders",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := allAPIKeys(cmd, e, service)
			if err != nil {
				return err
			}
			return show(cmd, found, func(w io.Writer) {
				for _, k := range found.Keys {
					state := "until " + k.ExpiresAt.Format(time.DateOnly)
					if k.RevokedAt != nil {
						state = "revoked " + k.RevokedAt.Format(time.DateOnly)
					}
					fmt.Fprintf(w, "%s  %-20s %-8s %-18s %s\n", k.ID, k.Service, k.Role, state, k.Label)
				}
			})
		},
	}
	c.Flags().StringVar(&service, "service", "", "of this service alone")
	return visitFlags(c)
}

// listedKeys is what a list prints.
type listedKeys struct {
	Keys []apiKey `json:"keys"`
}

// allAPIKeys asks for one page after the other.
func allAPIKeys(cmd *cobra.Command, e *env, service string) (all listedKeys, err error) {
	for after := ""; ; {
		var part struct {
			listedKeys
			Next string `json:"next"`
		}
		q := url.Values{"service": {service}, "after": {after}}
		if err := askAPIKeys(cmd, e, http.MethodGet, keysPath+"?"+q.Encode(), nil, &part); err != nil {
			return all, err
		}
		if all.Keys = append(all.Keys, part.Keys...); part.Next == "" {
			return all, nil
		}
		after = part.Next
	}
}

func newAPIKeyRevoke(e *env) *cobra.Command {
	return visitFlags(&cobra.Command{
		Use:     "revoke ID",
		Short:   "End a key; it opens nothing half a minute later",
		Example: "  lethe apikey revoke 0199a3c4-5b1e-7c3a-9f00-1c2d3e4f5a6b",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var gone apiKey
			if err := askAPIKeys(cmd, e, http.MethodDelete, keysPath+"/"+url.PathEscape(args[0]), nil, &gone); err != nil {
				return err
			}
			return show(cmd, gone, func(w io.Writer) { fmt.Fprintf(w, "%s of %s is revoked.\n", gone.Label, gone.Service) })
		},
	})
}

func askAPIKeys(cmd *cobra.Command, e *env, method, path string, body, into any) error {
	c, err := visit(cmd, e)
	if err != nil {
		return err
	}
	return c.exchange(cmd.Context(), method, path, body, into)
}
