// Package remote speaks to a registry by the REST API of Confluent's schema
// registry: one request, its answer, and what a refusal says.
package remote

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
)

// Registry is a registry that speaks the REST API of Confluent's.
type Registry struct {
	URL            string // up to the paths of the API: https://lethe.example/registry
	User, Password string // of HTTP Basic
	Token          string // instead of a user, a bearer token
	Client         *http.Client
	Most           int64 // of an answer, in bytes; 0 for what a list of many subjects takes

	// Copies has a Lethe in the mode FORWARD change what it has itself, and
	// nothing where it forwards to.
	Copies bool
}

// CopyHeader is the header that says Copies.
const CopyHeader = "X-Lethe-Copy"

// IDProperty is the property of a version's metadata that tells two ids of one
// content apart. Registries that take a text as it is written give an id to each
// spelling of it, or to each version; Lethe has one for a content, and metadata are
// part of it.
const IDProperty = "lethe:id"

// VersionProperty is the property of a version's metadata that holds its number, so
// that one text can be several versions, as Confluent's registry has it. Some tell it
// of every version that is asked for by its number.
const VersionProperty = "confluent:version"

// Ours are the settings that Lethe has and no other registry: it would refuse them,
// and that it has none says nothing.
var Ours = []string{"gate", "topics"}

// Refusal is an answer of a registry that is no success.
type Refusal struct {
	Asked   string // method and path
	Status  int
	Code    int    // of the API; the status where the answer has none
	Message string // "" where the answer is not in the API's form
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("%s: %d (error_code %d): %s", r.Asked, r.Status, r.Code, fault.Cut(r.Message, 500))
}

// Final reports whether it is a judgement of what was asked, in the API's own
// form: who asks the same again is told the same.
func (r *Refusal) Final() bool {
	switch r.Status {
	case http.StatusNotFound:
		return r.Message != "" && r.Code != http.StatusNotFound // else there is no such path
	case http.StatusConflict, http.StatusUnprocessableEntity:
		return r.Message != ""
	}
	return false
}

// Absent reports whether a registry says that there is no such thing.
func Absent(err error) bool {
	r, ok := errors.AsType[*Refusal](err)
	return ok && r.Status == http.StatusNotFound && r.Code != http.StatusNotFound
}

const (
	mostAnswer = 256 << 20 // the largest answer that is read: a list of many subjects is one
	mostTold   = 2 << 10   // of the message of a refusal
)

// mediaType is that of the API.
const mediaType = "application/vnd.schemaregistry.v1+json"

// Ask sends one request and reads the answer. The path's segments are escaped
// already.
func (r *Registry) Ask(ctx context.Context, method, path string, body, into any) error {
	raw, err := r.Raw(ctx, method, path, body)
	if err != nil || into == nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s %s: the answer is not what this API gives: %w", method, path, err)
	}
	return nil
}

// Raw is Ask for the answer as it came.
func (r *Registry) Raw(ctx context.Context, method, path string, body any) ([]byte, error) {
	req, err := r.request(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	client := r.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	most := cmp.Or(r.Most, mostAnswer)
	raw, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > most {
		return nil, fmt.Errorf("%s %s: the answer is larger than %d bytes", method, path, most)
	}
	if at := resp.Header.Get("X-Lethe-As-Of"); at != "" {
		return nil, fmt.Errorf("%s %s: the registry's database is away, and it answers as of %s; ask when that is over, for what came since would seem to be gone", method, path, at)
	}
	if resp.StatusCode >= 300 {
		return nil, r.refusal(method+" "+path, resp.StatusCode, raw)
	}
	return raw, nil
}

func (r *Registry) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(r.URL, "/")+path, sent)
	if err != nil {
		return nil, errors.New("this is no URL of a registry; it looks like https://registry.example")
	}
	req.Header.Set("Accept", mediaType)
	if body != nil {
		req.Header.Set("Content-Type", mediaType)
	}
	if r.Copies {
		req.Header.Set(CopyHeader, "true")
	}
	switch {
	case r.Token != "":
		req.Header.Set("Authorization", "Bearer "+r.Token)
	case r.User != "":
		req.SetBasicAuth(r.User, r.Password)
	}
	return req, nil
}

// shortestSecret is how long a secret is that no message holds by chance.
const shortestSecret = 8

// refusal reads what a registry refuses with. What it repeats of our own
// secrets is told to nobody.
func (r *Registry) refusal(asked string, status int, raw []byte) error {
	refused := &Refusal{Asked: asked, Status: status, Code: status}
	var told struct {
		Code    *int   `json:"error_code"` // some have 0 for no other than the status
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &told) == nil && told.Code != nil {
		refused.Code, refused.Message = cmp.Or(*told.Code, status), told.Message
	}
	signed := base64.StdEncoding.EncodeToString([]byte(r.User + ":" + r.Password))
	for _, secret := range []string{r.Token, r.Password, signed} {
		if len(secret) >= shortestSecret {
			refused.Message = strings.ReplaceAll(refused.Message, secret, "…")
		}
	}
	refused.Message = fault.Cut(refused.Message, mostTold)
	return refused
}

// Reference is what a version refers to.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// Version is a version of a subject, as the API tells it and takes it. What is
// not understood of metadata and rules is passed on as it is.
type Version struct {
	Subject    string          `json:"subject,omitempty"`
	Version    int             `json:"version,omitempty"`
	ID         int             `json:"id,omitempty"`
	Type       string          `json:"schemaType,omitempty"`
	Schema     string          `json:"schema"`
	References []Reference     `json:"references,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	RuleSet    json.RawMessage `json:"ruleSet,omitempty"`

	Deleted bool `json:"-"` // softly
	Unread  bool `json:"-"` // it is listed, and nothing gives it
}
