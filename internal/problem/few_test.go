package problem_test

import (
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/problem"
)

// The numbers of items are counted by hand.
func TestFew(t *testing.T) {
	t.Parallel()
	for raw, items := range map[string]int{
		`null`:                                   1,
		`[]`:                                     1, // two bytes are not worth telling apart
		`[1]`:                                    1,
		`[1, 2 ,3]`:                              3,
		`[[1,2],[3,[4,5]],{"a":1,"b":[]}]`:       3,
		`["a,b","\",\\",",[,"]`:                  3,
		`["\\\",",2]`:                            2,
		`[` + strings.Repeat("{},", 999) + `{}]`: 1000,
	} {
		if !problem.Few([]byte(raw), items) || problem.Few([]byte(raw), items-1) {
			t.Errorf("%.40s has not %d items", raw, items)
		}
	}
}
