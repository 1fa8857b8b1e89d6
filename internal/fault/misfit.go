package fault

import (
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Misfit reads an error of encoding/json about a member that holds a value of
// another kind than it takes: which member, and what it takes. It is ok if err
// is such an error; without a member it is about the whole. What stands there is
// not told, for it may be a secret.
func Misfit(err error) (member, takes string, ok bool) {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return "", "", false
	}
	return memberOf(wrong.Field), taken(wrong.Type), true
}

// memberOf is the way to a member as JSON has it. encoding/json also tells the
// structs that are embedded on it, by their names in Go; those begin with a
// capital letter, and members do not.
func memberOf(field string) string {
	steps := strings.Split(field, ".")
	return strings.Join(slices.DeleteFunc(steps, func(s string) bool { return s != "" && s[0] >= 'A' && s[0] <= 'Z' }), ".")
}

// taken names what JSON a Go value is read from.
func taken(t reflect.Type) string {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "a string"
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

// longestMember bounds the name of a member that is told, in bytes: who sends a
// longer one did not mistype it.
const longestMember = 100

// UnknownMember reads an error of encoding/json about a member that nobody knows, and
// reports false for another error, and for a name too long to tell.
func UnknownMember(err error) (member string, ok bool) {
	if err == nil {
		return "", false
	}
	quoted, ok := strings.CutPrefix(err.Error(), "json: unknown field ")
	if !ok {
		return "", false
	}
	member, err = strconv.Unquote(quoted)
	return member, err == nil && len(member) <= longestMember
}
