package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// errTooLong is a query that took too long, and may be asked again later.
var errTooLong = errors.New("graphql: the query took too long")

// ask sends a GraphQL document as one of the people, as any other client does. A
// query that took too long on a busy machine is asked again; a mutation is not, as
// it may have been done.
func (s *stack) ask(ctx context.Context, as, document string, variables map[string]any, into any) error {
	err := s.askOnce(ctx, as, document, variables, into)
	for again := 0; again < 5 && errors.Is(err, errTooLong) && strings.HasPrefix(document, "query"); again++ {
		err = s.askOnce(ctx, as, document, variables, into)
	}
	return err
}

func (s *stack) askOnce(ctx context.Context, as, document string, variables map[string]any, into any) error {
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		return err
	}
	status, raw, err := s.send(ctx, as, http.MethodPost, "/graphql", string(body))
	if err != nil {
		return err
	}
	var answer struct {
		Data   json.RawMessage
		Errors []struct {
			Message    string
			Extensions struct{ Code string }
		}
	}
	if err := json.Unmarshal(raw, &answer); err != nil || status != http.StatusOK {
		return fmt.Errorf("graphql answered %d: %.300s", status, raw)
	}
	if len(answer.Errors) > 0 && answer.Errors[0].Extensions.Code == "TIMEOUT" {
		return errTooLong
	}
	if len(answer.Errors) > 0 {
		return errors.New("graphql: " + answer.Errors[0].Message)
	}
	if err := userErrors(answer.Data); err != nil {
		return err
	}
	return json.Unmarshal(answer.Data, into)
}

// userError is a rule that forbade a mutation.
type userError struct {
	Code    string
	Message string
	Path    []string
}

func (u userError) Error() string { return u.Code + ": " + strings.Join(u.Path, ".") + " " + u.Message }

// userErrors finds the first error of any payload in an answer.
func userErrors(data json.RawMessage) error {
	var payloads map[string]json.RawMessage
	if err := json.Unmarshal(data, &payloads); err != nil {
		return err
	}
	for _, raw := range payloads {
		var p struct{ UserErrors []userError }
		if json.Unmarshal(raw, &p) == nil && len(p.UserErrors) > 0 {
			return p.UserErrors[0]
		}
	}
	return nil
}

// get fetches a path of Lethe as one of the people.
func (s *stack) get(ctx context.Context, as, path string) ([]byte, error) {
	status, raw, err := s.send(ctx, as, http.MethodGet, path, "")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s answered %d: %.300s", path, status, raw)
	}
	return raw, err
}

// send does something over HTTP as one of the people, and says how it ended.
func (s *stack) send(ctx context.Context, as, method, path, body string) (int, []byte, error) {
	token, err := s.issuer.Mint(as)
	if err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, raw, err
}

// patience ends a wait for what never comes. Whatever does come comes in a few
// seconds, and later on a busy machine.
const patience = 2 * time.Minute

// until asks again and again until done says so.
func until(ctx context.Context, most time.Duration, done func() (bool, error)) error {
	return whileMoving(ctx, most, func(func()) (bool, error) { return done() })
}

// whileMoving is until, and begins to wait anew whenever something moved.
func whileMoving(ctx context.Context, most time.Duration, done func(moved func()) (bool, error)) error {
	deadline := time.Now().Add(most)
	for {
		ok, err := done(func() { deadline = time.Now().Add(most) })
		if ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("nothing more within %s", most)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(150 * time.Millisecond):
		}
	}
}

// request is what the demo follows of a request.
type request struct {
	ID            string
	CaseNumber    string
	State         string
	Outcome       *string
	BlockedReason *string
	DueOn         string
	Plan          *plan
	Tasks         struct {
		Nodes []task
	}
	Certificate *struct {
		JSON string `json:"json"`
	}
	Package *struct {
		State       string
		SHA256      *string
		DownloadURL *string
		Lock        *string
	}
}

type plan struct {
	Digest string
	Number int
	Nodes  struct{ Nodes []node }
}

type node struct {
	Kind, Reason    string
	Reader          *string
	Action          *string
	Wave            *int
	Count           *int64
	RetentionGround *string
	Until           *string
	EffectiveBy     *string
	Dataset         struct{ Namespace, Name string }
	Service         *struct{ Ref string }
	Owner           *struct{ Name string }
}

type task struct {
	Action, State string
	Wave          int
	Attempt       int
	Code          *string
	Service       struct{ Ref string }
}

const requestFields = `
	id caseNumber state outcome blockedReason dueOn
	plan { digest number nodes(first: 100) { nodes {
		kind reason reader action wave count retentionGround until effectiveBy
		dataset { namespace name } service { ref } owner { name } } } }
	tasks(first: 100) { nodes { action state wave attempt code service { ref } } }
	certificate { json }
	package { state lock sha256 downloadUrl }`

// look reads a request.
func (s *stack) look(ctx context.Context, caseNumber string) (request, error) {
	var answer struct{ Request *request }
	err := s.ask(ctx, "dpo", `query($n: String!) { request(caseNumber: $n) {`+requestFields+`} }`, map[string]any{"n": caseNumber}, &answer)
	if err == nil && answer.Request == nil {
		err = fmt.Errorf("no request %s", caseNumber)
	}
	if err != nil {
		return request{}, err
	}
	return *answer.Request, nil
}
