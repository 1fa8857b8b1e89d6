package gate

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/cputest"
	"github.com/flowmart/lethe/schemas/detect"
)

// A field is read where it is declared, what it lies in, or what lies in it.
func TestReads(t *testing.T) {
	t.Parallel()
	a := Around{Consumers: []Consumer{{Told: true, Fields: []string{"a.b", "items[]", "pay<shop.Card>", "#header.x", `d\.e`}}}, Uses: []Use{{Path: "", Purpose: "all"}, {Path: "a", Purpose: "a"}, {Path: "a.b", Purpose: "ab"}}}.atHand()
	for path, want := range map[string]bool{
		"a": true, "a.b": true, "a.b.c": true, "a.bc": false, "a.c": false, "ab": false, "items": true, "items[].sku": true, "items[]": true,
		"item": false, "pay": true, "pay<shop.Card>.number": true, "pay<shop.Cash>": false, "#header": true, "#header.x": true, "#header.y": false, "d": false, `d\.e`: true,
	} {
		for range 2 { // the second time by what is remembered
			if is := a.reaches[0].reads(path); is != want {
				t.Errorf("%s: %v", path, is)
			}
		}
	}
	for path, want := range map[string]string{"a": "[a all]", "a.b": "[a ab all]", "a.b[]": "[a ab all]", "a.bc": "[a all]", "b": "[all]"} {
		var is []string
		for _, u := range a.of(path) {
			is = append(is, u.Purpose)
		}
		if slices.Sort(is); fmt.Sprint(is) != want {
			t.Errorf("%s: %v, want %s", path, is, want)
		}
	}
}

// Each of 100,000 tags was held against each field that anybody reads: 31 s for one
// consumer of 10,000.
func TestManyFieldsThatManyRead(t *testing.T) {
	t.Parallel()
	tags := []string{"user.contact.email", "user.name", "user.contact.phone_number", "user.account.username", "user.device.device_id",
		"user.device.cookie_id", "user.unique_id", "user.location", "user.demographic", "user.financial"}
	var fields []Field
	var read []string
	a := Around{Owned: true}
	for i := range 10_000 {
		fields = append(fields, Field{Field: detect.Field{Path: fmt.Sprint("f", i), Type: "string"}, Tags: tags})
		read = append(read, fmt.Sprint("g", i))
		if i < 2000 {
			a.Uses = append(a.Uses, Use{Path: fmt.Sprint("g", i), Purpose: "x", Basis: "CONSENT"})
		}
	}
	for some := range slices.Chunk(read, 2000) {
		a.Consumers = append(a.Consumers, Consumer{Service: "s", Purposes: []string{"p"}, Fields: some, Told: true})
	}
	took := cputest.Thread(func() { Check(Change{New: fields, Policy: Warn, Around: []Around{a}}) })
	t.Log(took)
	if took > 3*time.Second {
		t.Errorf("100,000 tags and 10,000 fields that are read took %v of processor time", took)
	}
}

// A hundred topics that lack the same for 10,000 fields were a million findings: 3 s
// and 2 GB.
func TestManyTopicsThatLackTheSame(t *testing.T) {
	t.Parallel()
	var fields []Field
	for i := range 10_000 {
		fields = append(fields, Field{Field: detect.Field{Path: fmt.Sprint("f", i), Type: "string"}, Tags: []string{"user.contact.email"}})
	}
	var all []Around
	for i := range 100 {
		all = append(all, Around{Topic: fmt.Sprint("t", i), Owned: i < 99, Uses: []Use{{Path: "other", Purpose: "x", Basis: "CONSENT"}}})
	}
	var r Result
	took := cputest.Thread(func() { r = Check(Change{New: fields, Policy: Enforce, Around: all}) })
	told := map[string]int{}
	for _, f := range r.Findings {
		told[f.Code]++
	}
	t.Log(took, told)
	if took > 2*time.Second || r.Verdict != Fail || told["CG003"] != 1 || told["CG020"] < 10_099 || len(r.Findings) > 20_400 {
		t.Errorf("%v of processor time, %s %v", took, r.Verdict, told)
	}
}
