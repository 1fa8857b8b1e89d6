package format

import (
	"encoding/json"
	"errors"
	"reflect"
)

// Misfit reads an error of encoding/json about a member that holds a value of
// another kind than it takes: which member, and what it takes. It is ok if err
// is such an error. What the member holds is not told, for it may be a secret.
func Misfit(err error) (member, takes string, ok bool) {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return "", "", false
	}
	return wrong.Field, kindsTaken[wrong.Type.Kind()], true
}

// kindsTaken names what JSON a Go value is read from.
var kindsTaken = map[reflect.Kind]string{
	reflect.String: "a string",
	reflect.Bool:   "true or false",
	reflect.Int:    "a whole number",
	reflect.Slice:  "an array",
	reflect.Map:    "an object",
	reflect.Struct: "an object",
}
