package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/internal/fault"
)

// visitFlags are the flags of every command that visits a server.
func visitFlags(c *cobra.Command) *cobra.Command {
	c.Flags().String("url", "", "where the server is (LETHE_URL; http://localhost:8080)")
	c.Flags().String("token-file", "", "file with a bearer token; - for standard input (LETHE_TOKEN holds the token itself)")
	return c
}

// client visits a server as any other caller does: over GraphQL, with a token.
type client struct {
	url  string
	http *http.Client // that signs what it sends there
}

// visit makes the client of a command.
func visit(cmd *cobra.Command, e *env) (*client, error) {
	at, err := serverURL(cmd, e)
	if err != nil {
		return nil, err
	}
	signed, err := signIn(cmd, e, at.String())
	if err != nil {
		return nil, err
	}
	return &client{url: at.String(), http: &http.Client{Timeout: time.Minute, Transport: signing{signed, at.Host}}}, nil
}

// serverURL is where the server of a command is.
func serverURL(cmd *cobra.Command, e *env) (*url.URL, error) {
	flag, _ := cmd.Flags().GetString("url")
	return webURL("--url or LETHE_URL", cmp.Or(flag, e.get("LETHE_URL"), "http://localhost:8080"))
}

// webURL reads where a server is, without a slash behind. Its name says where to
// correct it; what it is may hold a password, and is not told.
func webURL(name, text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, usage(fmt.Errorf("%s is no URL of a server; write one like https://lethe.example", name))
	}
	return u, nil
}

func readInput(e *env, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(e.in)
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s", path)
	}
	return raw, err
}

// userErrors is what a mutation answers when a rule forbids it.
type userErrors []struct {
	Code    string
	Path    []string
	Message string
}

// err joins them as the faults they were.
func (u userErrors) err() error {
	var all []error
	for _, e := range u {
		all = append(all, &fault.Fault{Kind: fault.Invalid, Code: e.Code, Path: e.Path, Message: e.Message})
	}
	if len(all) == 0 {
		return nil
	}
	return no(errors.Join(all...))
}

// ask runs a document and reads its data into out.
func (c *client) ask(ctx context.Context, document string, variables map[string]any, out any) error {
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		return away(err)
	}
	status, raw, err := c.call(ctx, http.MethodPost, "/graphql", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	return read(status, raw, out)
}

// send calls a REST door and returns the body of a good answer.
func (c *client) send(ctx context.Context, method, path, contentType string, body io.Reader) ([]byte, error) {
	status, raw, err := c.call(ctx, method, path, contentType, body)
	if err != nil || status == http.StatusOK {
		return raw, err
	}
	return nil, readProblem(status, raw)
}

// exchange sends a body as JSON, or none for nil, and reads the answer into out,
// unless that is nil.
func (c *client) exchange(ctx context.Context, method, path string, body, out any) error {
	var sent bytes.Buffer
	if body != nil {
		words := json.NewEncoder(&sent)
		words.SetEscapeHTML(false) // it would make texts up to six times as long
		if err := words.Encode(body); err != nil {
			return usage(err)
		}
	}
	raw, err := c.send(ctx, method, path, "application/json", &sent)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return otherForm(err)
	}
	return nil
}

// otherForm says that an answer is not what was asked for; why is nil
// where it is JSON at least.
func otherForm(why error) error {
	err := errors.New("the server's answer has another form; are client and server of the same version?")
	if why != nil {
		err = fmt.Errorf("%w %w", err, why)
	}
	return away(err)
}

func (c *client) call(ctx context.Context, method, path, contentType string, body io.Reader) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return 0, nil, usage(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.Header.Set("Accept", "application/json, application/yaml")
	resp, err := c.http.Do(r)
	if end, signing := errors.AsType[ended](err); signing {
		return 0, nil, end
	}
	if err != nil {
		return 0, nil, away(fmt.Errorf("the server at %s cannot be reached: %w", c.url, err))
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return 0, nil, away(fmt.Errorf("the server's answer broke off: %w", err))
	}
	return resp.StatusCode, raw, nil
}

// readProblem turns a problem (RFC 9457) back into the faults it was made of.
func readProblem(status int, raw []byte) error {
	var p struct {
		Code, Detail string
		Errors       []struct{ Path, Code, Detail string }
	}
	if err := json.Unmarshal(raw, &p); err != nil || p.Code == "" {
		return away(fmt.Errorf("the server answered %d and not as Lethe does; is this Lethe's URL?", status))
	}
	if len(p.Errors) == 0 {
		return refused(status, fault.New(fault.Denied, p.Code, "%s", p.Detail))
	}
	var all []error
	for _, e := range p.Errors {
		f := fault.New(fault.Invalid, e.Code, "%s", e.Detail)
		if e.Path != "" {
			f.Path = []string{e.Path}
		}
		all = append(all, f)
	}
	return refused(status, errors.Join(all...))
}

// read turns an answer into data or an error.
func read(status int, raw []byte, out any) error {
	var a struct {
		Data   json.RawMessage
		Errors []struct {
			Message    string
			Extensions struct{ Code string }
		}
		Code string // of a problem, RFC 9457
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return away(fmt.Errorf("the server answered %d and no JSON; is this Lethe's URL?", status))
	}
	if a.Code != "" {
		return readProblem(status, raw)
	}
	if len(a.Errors) > 0 {
		var all []error
		for _, e := range a.Errors {
			all = append(all, fault.New(fault.Denied, e.Extensions.Code, "%s", e.Message))
		}
		if status == http.StatusOK && a.Errors[0].Extensions.Code == "INTERNAL" {
			status = http.StatusInternalServerError
		}
		return refused(status, errors.Join(all...))
	}
	if status != http.StatusOK {
		return away(fmt.Errorf("the server answered %d", status))
	}
	if err := json.Unmarshal(a.Data, out); err != nil {
		return otherForm(err)
	}
	return nil
}

func refused(status int, err error) error {
	if status >= 500 {
		return away(err)
	}
	return no(err)
}
