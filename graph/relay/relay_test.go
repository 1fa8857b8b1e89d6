package relay_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/flowmart/lethe/graph/relay"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
)

func cut(rows []string, list string, first int, after string) (relay.Connection[string], error) {
	return relay.Cut(rows, list, page.Args{First: first, After: after}, strings.Clone)
}

// Reading page by page gives every row once, in order, whatever the size.
func TestPagesCoverTheList(t *testing.T) {
	t.Parallel()
	rows := strings.Split("a b c d e f g", " ")
	for size := 1; size <= 8; size++ {
		var got []string
		after := ""
		for n := 0; ; n++ {
			c, err := cut(rows, "letters", size, after)
			if err != nil {
				t.Fatal(err)
			}
			info := c.PageInfo()
			if info.HasPreviousPage != (n > 0) || len(c.Edges()) != len(c.Nodes()) || *info.EndCursor != c.Edges()[len(c.Edges())-1].Cursor {
				t.Errorf("size %d page %d: %+v", size, n, info)
			}
			got = append(got, c.Nodes()...)
			if !info.HasNextPage {
				break
			}
			after = *info.EndCursor
		}
		if !slices.Equal(got, rows) {
			t.Errorf("size %d: %v", size, got)
		}
	}
}

func TestWrongPagesAreRefused(t *testing.T) {
	t.Parallel()
	other, err := cut([]string{"a", "b"}, "others", 1, "")
	if err != nil {
		t.Fatal(err)
	}
	gone, err := cut([]string{"z", "y"}, "letters", 1, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		first int
		after string
		code  string
	}{
		"none":               {0, "", "OUT_OF_RANGE"},
		"less":               {-1, "", "OUT_OF_RANGE"},
		"too many":           {101, "", "OUT_OF_RANGE"},
		"nonsense":           {1, "%%%", "BAD_CURSOR"},
		"another list":       {1, *other.PageInfo().EndCursor, "BAD_CURSOR"},
		"a row that is gone": {1, *gone.PageInfo().EndCursor, "BAD_CURSOR"},
	} {
		_, err := cut([]string{"a", "b"}, "letters", c.first, c.after)
		if f := fault.All(err); len(f) != 1 || f[0].Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	empty, err := cut(nil, "letters", 10, "")
	if err != nil || empty.PageInfo().HasNextPage || empty.PageInfo().EndCursor != nil || len(empty.Edges()) != 0 {
		t.Errorf("an empty list: %+v %v", empty, err)
	}
}
