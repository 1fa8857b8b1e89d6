// Package page cuts lists into pages by keyset, after the Relay connection
// specification. A cursor is bound to the list that made it.
package page

import (
	"encoding/base64"
	"encoding/json"

	"github.com/flowmart/lethe/internal/fault"
)

// Max is the largest page.
const Max = 100

// Args is which page is wanted.
type Args struct {
	First int    // 1 to Max
	After string // cursor of the row before the page; "" for the first page
}

// Page is a page of a list.
type Page[T any] struct {
	Items   []T
	Cursors []string // one an item
	HasNext bool
	Total   *int // of the whole list, nil where it was not counted
}

// Check refuses a page size out of range.
func (a Args) Check() error {
	if a.First < 1 || a.First > Max {
		return fault.Bad("first", "OUT_OF_RANGE", "first must be between 1 and %d", Max)
	}
	return nil
}

// Encode makes the cursor of a row: the list it belongs to, with its filter
// and order, and the row's sort key.
func Encode(list string, key ...any) string {
	b, _ := json.Marshal([]any{list, key})
	return base64.RawURLEncoding.EncodeToString(b)
}

// Decode reads a cursor back into the pointers of its sort key. A cursor of
// another list, filter or order is refused.
func Decode(cursor, list string, into ...any) error {
	bad := fault.Bad("after", "BAD_CURSOR", "this cursor belongs to another list; start again without after")
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return bad
	}
	var parts []json.RawMessage
	var name string
	var key []json.RawMessage
	if json.Unmarshal(b, &parts) != nil || len(parts) != 2 || json.Unmarshal(parts[0], &name) != nil ||
		name != list || json.Unmarshal(parts[1], &key) != nil || len(key) != len(into) {
		return bad
	}
	for i := range key {
		if json.Unmarshal(key[i], into[i]) != nil {
			return bad
		}
	}
	return nil
}

// Cut makes a page of rows that were read with LIMIT first+1.
func Cut[T any](rows []T, first int, cursor func(T) string) Page[T] {
	p := Page[T]{HasNext: len(rows) > first}
	if p.HasNext {
		rows = rows[:first]
	}
	p.Items = rows
	p.Cursors = make([]string, len(rows))
	for i, r := range rows {
		p.Cursors[i] = cursor(r)
	}
	return p
}
