package rest

import (
	"bytes"
	"encoding/json"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// buffers are what answers are written into, up to a size.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const mostKept = 64 << 10

// spell writes an answer as JSON into a buffer. What producers and consumers
// ask for all the time, a schema as such, is written by hand: that costs a
// fifth.
func spell(into []byte, body any) ([]byte, error) {
	switch b := body.(type) {
	case schemaBody:
		if out, ok, err := b.spell(into); ok {
			return out, err
		}
	case registeredBody:
		begun := strconv.AppendInt(append(into, `{"id":`...), int64(b.ID), 10)
		begun = strconv.AppendInt(append(begun, `,"version":`...), int64(b.Version), 10)
		b.schemaBody.ID, b.schemaBody.Version = 0, 0 // those of the answer stand for them
		if out, ok, err := b.schemaBody.spell(begun); ok {
			return out, err
		}
	}
	out := bytes.NewBuffer(into)
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	err := e.Encode(body)
	return out.Bytes(), err
}

// plain reports whether there is nothing to write but texts and numbers.
func (b schemaBody) plain() bool {
	return b.References == nil && b.Metadata == nil && b.RuleSet == nil && b.RuleSetInList == nil && b.Tags == nil && b.Aliases == nil
}

// spell goes on with an object that has members already, or begins one. It
// reports whether it could.
func (b schemaBody) spell(out []byte) (_ []byte, ok bool, err error) {
	if !b.plain() {
		return nil, false, nil
	}
	member := func(name string) {
		before := byte(',')
		if len(out) == 0 {
			before = '{'
		}
		out = append(append(append(out, before, '"'), name...), `":`...)
	}
	ok = true
	text := func(name, value string) {
		var err error
		member(name)
		if out, err = jsontext.AppendQuote(out, value); err != nil { // no UTF-8
			ok = false
		}
	}
	if b.Subject != "" {
		text("subject", b.Subject)
	}
	if b.Version != 0 {
		member("version")
		out = strconv.AppendInt(out, int64(b.Version), 10)
	}
	if b.ID != 0 {
		member("id")
		out = strconv.AppendInt(out, int64(b.ID), 10)
	}
	if b.SchemaType != "" {
		text("schemaType", b.SchemaType)
	}
	if b.text.registry == nil {
		text("schema", b.Schema)
	} else {
		member("schema")
		out, err = b.text.registry.AppendText(out, b.text.of)
	}
	if b.GUID != "" {
		text("guid", b.GUID)
	}
	if b.MaxID != 0 {
		member("maxId")
		out = strconv.AppendInt(out, int64(b.MaxID), 10)
	}
	if b.Deleted {
		member("deleted")
		out = append(out, "true"...)
	}
	return append(out, "}\n"...), ok, err
}
