package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/remote"
)

// mostBody is the largest body taken, in bytes. A schema of the largest size,
// every character of it escaped, still fits.
const mostBody = 7 << 20

type reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// submission is the body of a registration, a lookup or a test.
type submission struct {
	Schema     *string           `json:"schema"`
	SchemaType string            `json:"schemaType"`
	References references        `json:"references"`
	ID         int               `json:"id"`
	Version    int               `json:"version"`
	Metadata   *schemas.Metadata `json:"metadata"`
	RuleSet    *schemas.RuleSet  `json:"ruleSet"`

	TagsToAdd    places `json:"schemaTagsToAdd"`
	TagsToRemove places `json:"schemaTagsToRemove"`
	KeepTags     bool   `json:"propagateSchemaTags"`
}

type schemaBody struct {
	Subject       string            `json:"subject,omitempty"`
	Version       int               `json:"version,omitempty"`
	ID            int               `json:"id,omitempty"`
	SchemaType    string            `json:"schemaType,omitempty"`
	References    []reference       `json:"references,omitempty"`
	Schema        string            `json:"schema"`
	text          jsonText          // likewise, as JSON
	Metadata      *schemas.Metadata `json:"metadata,omitempty"`
	RuleSet       *schemas.RuleSet  `json:"ruleSet,omitempty"`
	RuleSetInList *schemas.RuleSet  `json:"ruleset,omitempty"` // as GET /schemas spells it
	GUID          string            `json:"guid,omitempty"`
	Tags          []tagged          `json:"schemaTags,omitempty"`
	MaxID         int               `json:"maxId,omitempty"`
	Deleted       bool              `json:"deleted,omitempty"`
	Aliases       []string          `json:"aliases,omitempty"` // in a list that tells them
}

// jsonText is the text of a schema, to be written as JSON.
type jsonText struct {
	registry *schemas.Registry
	of       schemas.Schema
}

func (d *Door) bodyOf(s schemas.Schema) schemaBody {
	b := schemaBody{Schema: s.Text, text: jsonText{d.registry, s}, Metadata: s.Metadata, RuleSet: s.RuleSet, GUID: s.GUID.String()}
	if s.Type != schemas.Avro {
		b.SchemaType = s.Type
	}
	for _, r := range s.References {
		b.References = append(b.References, reference(r))
	}
	for _, t := range s.Tags {
		b.Tags = append(b.Tags, asTagged(t))
	}
	return b
}

func (d *Door) versionBody(v schemas.Version) schemaBody {
	b := d.bodyOf(v.Schema)
	b.Subject, b.Version, b.ID, b.Deleted = v.Subject, v.Version, v.ID, v.Deleted
	return b
}

// registeredBody is the answer to a registration.
type registeredBody struct {
	ID      int `json:"id"`
	Version int `json:"version"`
	schemaBody
}

// decode reads a body. Members it does not know are ignored, as clients of
// newer lines send more than we read.
func decode(c *call, into any) error {
	arrived := bytes.NewBuffer(make([]byte, 0, min(max(c.ContentLength, 0), mostBody)+bytes.MinRead))
	_, err := arrived.ReadFrom(http.MaxBytesReader(nil, c.Body, mostBody))
	body := arrived.Bytes()
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return failure{http.StatusRequestEntityTooLarge, http.StatusRequestEntityTooLarge, "the body is larger than " + strconv.Itoa(mostBody) + " bytes; make the schema smaller"}
	}
	if err != nil {
		return failure{http.StatusBadRequest, http.StatusBadRequest, "the body did not arrive whole; send it again"}
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return failure{http.StatusUnprocessableEntity, http.StatusUnprocessableEntity, "the body is empty; this path takes a JSON object"}
	}
	if err := json.Unmarshal(body, into); err != nil {
		if _, told := errors.AsType[failure](err); told || fault.All(err) != nil { // of a list that reads itself
			return err
		}
		return failure{http.StatusBadRequest, http.StatusBadRequest, misread(err)}
	}
	return nil
}

// misread says why a body is not the JSON object that a path takes.
func misread(err error) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return "the body is not JSON, at byte " + strconv.FormatInt(syntax.Offset, 10) + "; send one object"
	}
	member, takes, ok := fault.Misfit(err)
	switch {
	case ok && member != "":
		return member + ": this member takes " + takes
	case ok:
		return "the body is JSON but no object; this path takes one"
	}
	return "the body is not the JSON object this path takes"
}

// submit reads a body as a schema for a subject.
func submit(c *call) (schemas.Submission, error) {
	var b submission
	if err := decode(c, &b); err != nil {
		return schemas.Submission{}, err
	}
	s := schemas.Submission{Subject: c.subject(), Type: b.SchemaType, Version: max(b.Version, 0), ID: max(b.ID, 0)}
	s.Metadata, s.RuleSet, s.Normalize, s.KeepTags = b.Metadata, b.RuleSet, c.flag("normalize"), b.KeepTags
	var err error
	if s.AddTags, err = taggedIn(b.TagsToAdd); err != nil {
		return s, err
	}
	if s.RemoveTags, err = taggedIn(b.TagsToRemove); err != nil {
		return s, err
	}
	if (b.Schema == nil || *b.Schema == "") && s.Metadata == nil && s.RuleSet == nil {
		return s, failure{http.StatusUnprocessableEntity, 42201, "the member schema is missing or empty; it holds the schema as a text"}
	}
	if b.Schema != nil {
		s.Text = *b.Schema
	}
	for _, r := range b.References {
		s.References = append(s.References, schemas.Reference(r))
	}
	return s, nil
}

// number reads a version from a path.
func number(arg string) (int, error) {
	if strings.EqualFold(arg, "latest") {
		return schemas.Latest, nil
	}
	n, err := strconv.ParseInt(arg, 10, 32)
	if err != nil || n < 1 && n != schemas.Latest {
		return 0, fault.Bad("version", "INVALID_VERSION", "a version is a whole number from 1 to 2147483647, or latest")
	}
	return int(n), nil
}

// failure is an error as the API shows it.
type failure struct {
	status  int
	code    int
	message string
}

func (f failure) Error() string { return f.message }

// codes are the API's numbers for our faults.
var codes = map[string]failure{
	"SUBJECT_NOT_FOUND":       {status: 404, code: 40401},
	"VERSION_NOT_FOUND":       {status: 404, code: 40402},
	"SCHEMA_NOT_FOUND":        {status: 404, code: 40403},
	"SUBJECT_DELETED_ALREADY": {status: 404, code: 40404},
	"SUBJECT_NOT_DELETED":     {status: 404, code: 40405},
	"VERSION_DELETED_ALREADY": {status: 404, code: 40406},
	"VERSION_NOT_DELETED":     {status: 404, code: 40407},
	"LEVEL_NOT_FOUND":         {status: 404, code: 40408},
	"MODE_NOT_FOUND":          {status: 404, code: 40409},
	"SCHEMA_INCOMPATIBLE":     {status: 409, code: 409},
	"INVALID_SCHEMA":          {status: 422, code: 42201},
	"INVALID_VERSION":         {status: 422, code: 42202},
	"INVALID_LEVEL":           {status: 422, code: 42203},
	"INVALID_CONFIG":          {status: 422, code: 42203},
	"INVALID_MODE":            {status: 422, code: 42204},
	"MODE_FORBIDS":            {status: 422, code: 42205},
	"ID_TAKEN":                {status: 422, code: 42207},
	"INVALID_RULE_SET":        {status: 422, code: 42210},
	"CONTEXT_NOT_EMPTY":       {status: 422, code: 42211},
	"REFERENCE_EXISTS":        {status: 422, code: 42206},
	"INVALID_SUBJECT":         {status: 422, code: 42208},
	"GATE_FAILED":             {status: 422, code: 42250},
	"SCHEMA_TOO_LARGE":        {status: 422, code: 42209},
	"FORWARD_FAILED":          {status: 500, code: 50003},
	"NOT_KEPT":                {status: 500, code: 50003},
}

var kinds = map[fault.Kind]failure{
	fault.Invalid:     {status: 422, code: 422},
	fault.NotFound:    {status: 404, code: 404},
	fault.Conflict:    {status: 409, code: 409},
	fault.Denied:      {status: 403, code: 40301},
	fault.Unknown:     {status: 401, code: 40101},
	fault.Unavailable: {status: 503, code: 50001},
	fault.TooLarge:    {status: 413, code: 413},
}

// shown turns an error into what the API shows. Of several mistakes the first
// decides the code, and all are told.
func shown(err error) failure {
	if f, ok := errors.AsType[failure](err); ok {
		return f
	}
	faults := fault.All(err)
	if len(faults) == 0 {
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return failure{http.StatusServiceUnavailable, 50001, "the registry did not get done in time; try again, and if that does not help, with less at once"}
		case postgres.Away(err):
			return failure{http.StatusServiceUnavailable, 50001, "the registry cannot reach its database; try again"}
		}
		return failure{http.StatusInternalServerError, 50001, "something went wrong on our side; the header X-Request-Id of this answer finds it in the log"}
	}
	if told, ok := errors.AsType[*remote.Refusal](err); ok && faults[0].Code == "REFUSED_ELSEWHERE" {
		return failure{told.Status, told.Code, told.Message} // in the words of whoever judged
	}
	f, known := codes[faults[0].Code]
	if !known {
		f = kinds[faults[0].Kind]
	}
	var messages []string
	for _, one := range faults {
		messages = append(messages, one.Error())
	}
	f.message = strings.Join(messages, "; ")
	return f
}

// fail sends an error. What is our own mistake goes to the log, too; that the
// database is away is told once, by who follows it.
func (d *Door) fail(w http.ResponseWriter, req *http.Request, media string, err error) {
	f := shown(err)
	if f.status >= 500 && f.status != http.StatusServiceUnavailable && req.Context().Err() == nil {
		d.log.ErrorContext(req.Context(), "registry", "method", req.Method, "err", err)
	}
	if f.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="lethe"`)
	}
	if m, ok := errors.AsType[wrongMethod](err); ok {
		w.Header().Set("Allow", m.takes)
	}
	send(w, media, f.status, map[string]any{"error_code": f.code, "message": fault.Cut(f.message, mostTold)})
}

// mostTold is how long the message of an error is, in bytes: what was sent may
// be in it, and is not sent back whole.
const mostTold = 2 << 10

// Refuse answers in the API's form for whoever turns a request away before it
// reaches the door.
func Refuse(w http.ResponseWriter, status int, message string) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="lethe"`)
	}
	code := status
	if status == http.StatusServiceUnavailable {
		code = kinds[fault.Unavailable].code
	}
	send(w, mediaTypes[0], status, map[string]any{"error_code": code, "message": message})
}

func send(w http.ResponseWriter, media string, status int, body any) {
	header := w.Header()
	header["Content-Type"], header["X-Content-Type-Options"] = contentTypes[media], nosniff
	if text, ok := body.(plain); ok {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, string(text))
		return
	}
	buffer := buffers.Get().(*[]byte)
	text, err := spell((*buffer)[:0], body)
	if err != nil {
		status = http.StatusInternalServerError
	}
	header["Content-Length"] = []string{strconv.Itoa(len(text))}
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client has gone; nothing is left to tell it
	if cap(text) <= mostKept {
		*buffer = text
		buffers.Put(buffer)
	}
}
