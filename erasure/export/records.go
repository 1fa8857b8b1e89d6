package export

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// errUnreadable reports a part that is not what its format says.
var errUnreadable = errors.New("export: the part is not well formed")

// eachRecord reads a part as records, one JSON value each, and holds one at a
// time. The value is only valid until fn returns.
func eachRecord(r io.Reader, format string, fn func(jsontext.Value) error) error {
	if format == formatCSV {
		return eachRow(r, fn)
	}
	d := jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	array := format == formatJSON && d.PeekKind() == '['
	if array {
		if _, err := d.ReadToken(); err != nil {
			return unreadable(err)
		}
	}
	for !array || d.PeekKind() != ']' {
		v, err := d.ReadValue()
		if errors.Is(err, io.EOF) && !array {
			return nil
		}
		if err != nil {
			return unreadable(err)
		}
		if err := v.Compact(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
			return unreadable(err)
		}
		if err := fn(v); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return unreadable(err)
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows the array", errUnreadable)
	}
	return nil
}

// unreadable drops the words of the JSON library, which may quote the data. A
// failure of the storage stays what it is.
func unreadable(err error) error {
	if errors.Is(err, errDamaged) {
		return err
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("%w: not JSON at byte %d", errUnreadable, syntax.ByteOffset)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: it ends within a value", errUnreadable)
	}
	return err
}

// eachRow reads CSV with a head line (RFC 4180) as objects of strings.
func eachRow(r io.Reader, fn func(jsontext.Value) error) error {
	rows := csv.NewReader(r)
	rows.FieldsPerRecord, rows.LazyQuotes, rows.ReuseRecord = -1, true, true
	head, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return badRow(err)
	}
	names := slices.Clone(head)
	var line []byte
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return badRow(err)
		}
		line = append(line[:0], '{')
		for i, cell := range row {
			name := fmt.Sprintf("column %d", i+1)
			if i < len(names) {
				name = names[i]
			}
			if i > 0 {
				line = append(line, ',')
			}
			line = quote(append(quote(line, name), ':'), cell)
		}
		if err := fn(append(line, '}')); err != nil {
			return err
		}
	}
}

func badRow(err error) error {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		return fmt.Errorf("%w: not CSV at line %d", errUnreadable, parse.Line)
	}
	return err
}

func quote(dst []byte, text string) []byte {
	dst, err := jsontext.AppendQuote(dst, strings.ToValidUTF8(text, "\uFFFD"))
	if err != nil {
		panic(err) // the text is valid UTF-8
	}
	return dst
}

// maxColumns bounds the head line of a CSV file; a record's further members
// are in the JSON file alone.
const maxColumns = 1000

// table learns the columns of records, in the order they first appear.
type table struct {
	names []string
	at    map[string]int
	d     *jsontext.Decoder // reused
}

// cells calls fn for each member of a record: an object's members, or the
// record itself under the name "value".
func (t *table) cells(record jsontext.Value, fn func(column int, v jsontext.Value)) error {
	if record.Kind() != '{' {
		if i := t.column("value"); i >= 0 {
			fn(i, record)
		}
		return nil
	}
	if t.d == nil {
		t.d = new(jsontext.Decoder)
	}
	d := t.d
	d.Reset(bytes.NewReader(record), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := d.ReadToken(); err != nil {
		return unreadable(err)
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return unreadable(err)
		}
		column := t.column(name.String())
		v, err := d.ReadValue()
		if err != nil {
			return unreadable(err)
		}
		if column >= 0 {
			fn(column, v)
		}
	}
	return nil
}

func (t *table) column(name string) int {
	if i, ok := t.at[name]; ok {
		return i
	}
	if len(t.names) == maxColumns {
		return -1
	}
	if t.at == nil {
		t.at = map[string]int{}
	}
	t.names = append(t.names, name)
	t.at[name] = len(t.names) - 1
	return len(t.names) - 1
}

// plain is a JSON value as the text of a cell: strings without their quotes,
// null as nothing, what is nested as JSON.
func plain(v jsontext.Value) string {
	switch v.Kind() {
	case '"':
		text, _ := jsontext.AppendUnquote(nil, v)
		return string(text)
	case 'n':
		return ""
	}
	return string(v)
}

var harmless = regexp.MustCompile(`^[+-]?[0-9]+([.,][0-9]+)?$`)

// cell is a text that no spreadsheet takes for a formula: one that looks like
// a formula gets an apostrophe before it. Plain numbers and telephone numbers
// stay as they are.
func cell(text string) string {
	bare := strings.TrimLeft(text, " \u00A0")
	if bare == "" || len(bare) < 32 && harmless.MatchString(text) {
		return text
	}
	if first, _ := utf8.DecodeRuneInString(bare); strings.ContainsRune("=+-@\t\r\n|%＝＋－＠", first) {
		return "'" + text
	}
	return text
}
