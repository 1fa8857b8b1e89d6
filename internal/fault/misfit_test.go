package fault_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/fault"
)

func TestMisfit(t *testing.T) {
	t.Parallel()
	type Inner struct {
		Name string `json:"name"`
		List []struct {
			Count int64 `json:"count"`
		} `json:"list"`
		Free map[string]bool `json:"free"`
	}
	type outer struct {
		Inner
		ID    uuid.UUID `json:"id"`
		Share *float64  `json:"share"`
		Until time.Time `json:"until"`
	}
	for sent, want := range map[string]string{
		`{"name":1}`:                             "name takes a string",
		`{"list":{}}`:                            "list takes an array",
		`{"list":[{"count":"erika"}]}`:           "list.count takes a whole number",
		`{"list":[{"count":1.5}]}`:               "list.count takes a whole number",
		`{"free":"erika"}`:                       "free takes an object",
		`{"free":{"erika":"x"}}`:                 "free takes true or false",
		`{"id":7}`:                               "id takes a string",
		`{"share":"half"}`:                       "share takes a number",
		`["erika"]`:                              " takes an object",
		`{"lst":[]}`:                             `no member "lst"`,
		`{"a.\"b":1}`:                            `no member "a.\"b"`,
		`{"` + strings.Repeat("x", 101) + `":1}`: "neither",
		`{`:                                      "neither",
	} {
		var v outer
		words := json.NewDecoder(strings.NewReader(sent))
		words.DisallowUnknownFields()
		err := words.Decode(&v)
		got := "neither"
		if member, takes, ok := fault.Misfit(err); ok {
			got = member + " takes " + takes
		}
		if member, ok := fault.UnknownMember(err); ok {
			got = "no member " + strconv.Quote(member)
		}
		if got != want {
			t.Errorf("%s: %s, want %s (%v)", sent, got, want, err)
		}
	}
	if _, ok := fault.UnknownMember(nil); ok {
		t.Error("no error names a member")
	}
}
