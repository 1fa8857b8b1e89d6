package protocol

import (
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/flowmart/lethe/internal/fault"
)

// DecodeRequests reads a message of task requests whose signature has been
// verified. It does not know the reader: the caller compares the audience.
func DecodeRequests(body []byte) (Requests, error) {
	m, err := decode[Requests](body, MaxRequestsBytes)
	if err != nil {
		return Requests{}, err
	}
	return m, m.check()
}

// DecodeResults reads a message of task results whose signature has been
// verified. An e-mail address or telephone number outside `resolved` refuses
// the whole message with PERSONAL_DATA_IN_RESULT.
func DecodeResults(body []byte) (Results, error) {
	if len(body) <= MaxResultsBytes {
		if err := scanPersonalData(body); err != nil {
			return Results{}, err
		}
	}
	m, err := decode[Results](body, MaxResultsBytes)
	if err != nil {
		return Results{}, err
	}
	return m, m.check()
}

// DecodeAcceptance reads what a service answered to task requests with 202.
func DecodeAcceptance(body []byte) (Acceptance, error) {
	m, err := decode[Acceptance](body, MaxResultsBytes)
	if err != nil {
		return Acceptance{}, err
	}
	return m, m.check()
}

// DecodeDispositions reads what Lethe answered to results with 200.
func DecodeDispositions(body []byte) (Dispositions, error) {
	m, err := decode[Dispositions](body, MaxResultsBytes)
	if err != nil {
		return Dispositions{}, err
	}
	return m, m.check()
}

// DecodePing reads the challenge of registration.
func DecodePing(body []byte) (Ping, error) {
	m, err := decode[Ping](body, MaxResultsBytes)
	if err != nil {
		return Ping{}, err
	}
	return m, m.check()
}

// DecodePong reads the answer to a challenge.
func DecodePong(body []byte) (Pong, error) {
	m, err := decode[Pong](body, MaxResultsBytes)
	if err != nil {
		return Pong{}, err
	}
	return m, m.check()
}

// Message is what Encode writes: one of the six messages.
type Message interface {
	Requests | Results | Acceptance | Dispositions | Ping | Pong
}

// Encode writes a message, and refuses one that its reader would refuse: a
// mistake of ours is found here, not at the other end.
func Encode[M Message](m M) ([]byte, error) {
	if err := any(m).(interface{ check() error }).check(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fault.New(fault.Internal, "BAD_MESSAGE", "The message cannot be written as JSON.")
	}
	limit := MaxResultsBytes
	if _, ok := any(m).(Requests); ok {
		limit = MaxRequestsBytes
	}
	if len(body) > limit {
		return nil, tooLarge(limit)
	}
	if _, ok := any(m).(Results); ok {
		err = scanPersonalData(body)
	}
	return body, err
}

// ReadBody reads at most limit bytes and fails with BODY_TOO_LARGE when there
// are more; it never holds more than that.
func ReadBody(r io.Reader, limit int) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, fault.New(fault.Unavailable, "BODY_UNREADABLE", "The body broke off before its end.").With(err)
	}
	if len(body) > limit {
		return nil, tooLarge(limit)
	}
	return body, nil
}

func tooLarge(limit int) error {
	return fault.New(fault.TooLarge, "BODY_TOO_LARGE", "The body is larger than %d bytes.", limit)
}

// decode turns bytes into a message of the right shape; what the words may be
// is checked afterwards.
func decode[M Message](body []byte, limit int) (m M, err error) {
	switch {
	case len(body) > limit:
		return m, tooLarge(limit)
	case !utf8.Valid(body):
		return m, fault.New(fault.Invalid, "BAD_ENCODING", "The body is not valid UTF-8.")
	case depth(body) > maxDepth:
		return m, fault.New(fault.Invalid, "BAD_JSON", "The JSON is nested deeper than %d levels.", maxDepth)
	}
	if err := json.Unmarshal(body, &m, json.RejectUnknownMembers(true)); err != nil {
		return m, readable(err)
	}
	return m, nil
}

// depth counts how deep brackets nest, without recursion and without caring
// whether the rest is JSON.
func depth(body []byte) (deepest int) {
	level, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '{' || c == '['):
			level++
			deepest = max(deepest, level)
		case !quoted && (c == '}' || c == ']'):
			level--
		}
	}
	return deepest
}

// readable turns an error of the JSON library into a fault that says where and
// which rule. The library's own words may quote the input and are dropped.
func readable(err error) error {
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(syntax.Err, jsontext.ErrDuplicateName) {
			return at(syntax.JSONPointer, "DUPLICATE_MEMBER", "This member stands here twice.")
		}
		return fault.New(fault.Invalid, "BAD_JSON", "The body is not JSON, at byte %d.", syntax.ByteOffset)
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		if errors.Is(semantic.Err, json.ErrUnknownName) {
			word := lastToken(semantic.JSONPointer)
			return at(semantic.JSONPointer, "UNKNOWN_MEMBER", "%s", fault.Suggest("No such member is known", word, vocabulary)+".")
		}
		return at(semantic.JSONPointer, "WRONG_TYPE", "The value has the wrong type or form.")
	}
	return fault.New(fault.Invalid, "BAD_JSON", "The body is not JSON.")
}

func at(where jsontext.Pointer, code, message string, args ...any) error {
	return fault.New(fault.Invalid, code, message, args...).At(safePath(where)...)
}

// safePath turns a pointer into a path of known member names and positions.
// A name the protocol does not know is the sender's text and becomes "?".
func safePath(where jsontext.Pointer) (path []string) {
	for token := range where.Tokens() {
		if _, err := strconv.ParseUint(token, 10, 16); err != nil && !known[token] {
			token = "?"
		}
		path = append(path, token)
	}
	return path
}

func lastToken(where jsontext.Pointer) (last string) {
	for token := range where.Tokens() {
		last = token
	}
	return last
}

// vocabulary is every member name of the protocol.
var vocabulary = memberNames(map[reflect.Type]bool{}, reflect.TypeFor[Requests](), reflect.TypeFor[Results](),
	reflect.TypeFor[Acceptance](), reflect.TypeFor[Dispositions](), reflect.TypeFor[Ping](), reflect.TypeFor[Pong]())

var known = func() map[string]bool {
	set := map[string]bool{}
	for _, name := range vocabulary {
		set[name] = true
	}
	return set
}()

func memberNames(seen map[reflect.Type]bool, types ...reflect.Type) (names []string) {
	for _, t := range types {
		for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] {
			continue
		}
		seen[t] = true
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			if name == "" {
				continue
			}
			names = append(names, name)
			names = append(names, memberNames(seen, t.Field(i).Type)...)
		}
	}
	return names
}
