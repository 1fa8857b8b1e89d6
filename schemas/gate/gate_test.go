package gate_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/cputest"
	"github.com/flowmart/lethe/schemas/detect"
	"github.com/flowmart/lethe/schemas/gate"
)

// fld is a field of a record, with its inline tags.
func fld(record, path, typ string, tags ...string) gate.Field {
	return gate.Field{Field: detect.Field{Record: record, Path: path, Type: typ, Opaque: typ == "map"}, Tags: tags}
}

// said lists findings as "code path severity", those of the baseline in
// brackets.
func said(findings []gate.Finding) []string {
	out := []string{}
	for _, f := range findings {
		s := strings.TrimSpace(f.Code + " " + f.Path)
		if f.Severity == gate.Advice {
			s += " advice"
		}
		if f.Baseline {
			s = "(" + s + ")"
		}
		out = append(out, s)
	}
	return out
}

// The verdicts are worked out by hand from the table of the gate (catalog.md
// §13) and its scenarios (§18, 10 to 15).
func TestVerdicts(t *testing.T) {
	t.Parallel()
	id := fld("Order", "customerId", "string", "user.unique_id")
	employee := []gate.Field{
		fld("Employee", "Name", "string"), fld("Employee", "Age", "int"), fld("Employee", "Department", "string"),
		fld("Employee", "Position", "string"), fld("Employee", "Salary", "double"), fld("Employee", "JoinDate", "string"),
	}
	shipment := []gate.Field{
		fld("ShipmentCreated", "orderId", "string"), fld("ShipmentCreated", "address", "record"),
		fld("ShipmentCreated", "address.city", "string"),
	}
	for _, c := range []struct {
		name    string
		change  gate.Change
		verdict gate.Verdict
		want    []string
	}{
		{"nothing personal", gate.Change{New: []gate.Field{fld("Product", "name", "string")}, Policy: gate.Enforce}, gate.Pass, nil},
		{"no fields at all", gate.Change{Policy: gate.Enforce}, gate.Pass, nil},
		{"an employee's record in an inventory event", gate.Change{New: employee, Policy: gate.Enforce}, gate.Fail,
			[]string{"CG010 Name", "CG010 Age", "CG011 Department advice", "CG011 Position advice", "CG010 Salary", "CG011 JoinDate advice", "CG031"}},
		{"the same, only warned of", gate.Change{New: employee, Policy: gate.Warn}, gate.Warning,
			[]string{"CG010 Name", "CG010 Age", "CG011 Department advice", "CG011 Position advice", "CG010 Salary", "CG011 JoinDate advice", "CG031"}},
		{"the same, not looked at", gate.Change{New: employee, Policy: gate.Off}, gate.Pass, nil},
		{"tagged inline", gate.Change{New: []gate.Field{id, fld("Order", "email", "string", "user.contact.email")}, Policy: gate.Enforce}, gate.Pass, nil},
		{"tagged in the catalog", gate.Change{New: []gate.Field{id, fld("Order", "email", "string")}, Policy: gate.Enforce,
			Confirmed: map[string][]string{"email": {"user.contact"}}}, gate.Pass, nil},
		{"said not to be personal", gate.Change{New: []gate.Field{fld("Mailer", "email", "string", "system.operations")}, Policy: gate.Enforce}, gate.Pass, nil},
		{"rejected for these rules", gate.Change{New: []gate.Field{fld("Mailer", "email", "string")}, Policy: gate.Enforce,
			Rejected: map[string][]gate.Rejection{"email": {{Rule: "contact.email", Version: detect.Version}}}}, gate.Pass, nil},
		{"rejected for earlier rules", gate.Change{New: []gate.Field{fld("Mailer", "email", "string")}, Policy: gate.Enforce,
			Rejected: map[string][]gate.Rejection{"email": {{Rule: "contact.email", Version: detect.Version - 1}}}}, gate.Fail, []string{"CG010 email"}},
		{"another rule was rejected", gate.Change{New: []gate.Field{fld("Mailer", "email", "string")}, Policy: gate.Enforce,
			Rejected: map[string][]gate.Rejection{"email": {{Rule: "name.person", Version: detect.Version}}}}, gate.Fail, []string{"CG010 email"}},
		{"a category denied, whatever suggests it", gate.Change{New: []gate.Field{id, fld("Order", "email", "string")}, Policy: gate.Enforce,
			Rejected: map[string][]gate.Rejection{"email": {{Category: "user.contact"}}}}, gate.Pass, nil},
		{"another category denied", gate.Change{New: []gate.Field{id, fld("Order", "email", "string")}, Policy: gate.Enforce,
			Rejected: map[string][]gate.Rejection{"email": {{Category: "user.name"}}}}, gate.Fail, []string{"CG010 email"}},
		{"a tag that does not exist", gate.Change{New: []gate.Field{id, fld("Order", "email", "string", "user.contact.emial")}, Policy: gate.Enforce}, gate.Fail,
			[]string{"CG012 email", "CG010 email"}},
		{"a tag of another kind", gate.Change{New: []gate.Field{id, fld("Order", "sku", "string", "marketing")}, Policy: gate.Enforce}, gate.Fail, []string{"CG012 sku"}},
		{"a tag against the catalog", gate.Change{New: []gate.Field{id, fld("Order", "contact", "string", "user.contact.email")}, Policy: gate.Enforce,
			Confirmed: map[string][]string{"contact": {"user.name"}}}, gate.Fail, []string{"CG013 contact"}},
		{"a tag that is more exact than the catalog", gate.Change{New: []gate.Field{id, fld("Order", "contact", "string", "user.contact.email")}, Policy: gate.Enforce,
			Confirmed: map[string][]string{"contact": {"user.contact"}}}, gate.Pass, nil},
		{"a payload beside a person", gate.Change{New: []gate.Field{id, fld("Order", "metadata", "map"), fld("Order", "notes", "string")}, Policy: gate.Enforce}, gate.Warning,
			[]string{"CG014 metadata advice", "CG015 notes advice"}},
		{"a payload beside nobody", gate.Change{New: []gate.Field{fld("Product", "metadata", "map"), fld("Product", "notes", "string")}, Policy: gate.Enforce}, gate.Pass, nil},
		{"a person in the key, although tagged", gate.Change{New: []gate.Field{fld("Order", "#key.customerId", "string", "user.unique_id"), id}, Policy: gate.Enforce}, gate.Fail,
			[]string{"CG030 #key.customerId"}},
		{"a person in a header, untagged", gate.Change{New: []gate.Field{id, fld("Order", "#header.user-id", "string")}, Policy: gate.Enforce}, gate.Fail,
			[]string{"CG010 #header.user-id", "CG030 #header.user-id"}},
		{"an address and nobody whose it is", gate.Change{New: shipment, Policy: gate.Enforce,
			Confirmed: map[string][]string{"address": {"user.contact.address"}}}, gate.Fail, []string{"CG031"}},
		{"an address that is tagged speaks for its city, and not for an e-mail in it", gate.Change{
			New:    append([]gate.Field{id, fld("ShipmentCreated", "address.contactEmail", "string")}, shipment...),
			Policy: gate.Enforce, Confirmed: map[string][]string{"address": {"user.contact.address"}}}, gate.Fail, []string{"CG010 address.contactEmail"}},
		{"what was there and is not touched", gate.Change{Old: employee, New: employee, Policy: gate.Enforce}, gate.Pass,
			[]string{"(CG010 Name)", "(CG010 Age)", "(CG011 Department advice)", "(CG011 Position advice)", "(CG010 Salary)", "(CG011 JoinDate advice)", "(CG031)"}},
		{"what was there, in a schema that is touched", gate.Change{Old: shipment, New: append([]gate.Field{fld("ShipmentCreated", "weight", "int")}, shipment...), Policy: gate.Enforce},
			gate.Fail, []string{"CG011 address advice", "CG010 address.city", "CG031"}},
		{"a tag taken away", gate.Change{Old: []gate.Field{id, fld("Order", "note1", "string", "user.name")}, New: []gate.Field{id, fld("Order", "note1", "string")}, Policy: gate.Enforce},
			gate.Fail, []string{"CG015 note1 advice", "CG016 note1"}},
		{"a tag made vaguer", gate.Change{Old: []gate.Field{id, fld("Order", "x", "string", "user.contact.email")}, New: []gate.Field{id, fld("Order", "x", "string", "user.contact")}, Policy: gate.Enforce},
			gate.Fail, []string{"CG016 x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := gate.Check(c.change)
			if c.want == nil {
				c.want = []string{}
			}
			if got := said(r.Findings); r.Verdict != c.verdict || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s %q, want %s %q", r.Verdict, got, c.verdict, c.want)
			}
			for _, f := range r.Findings {
				if f.Message == "" || f.Mend == "" {
					t.Errorf("%+v does not say what is amiss and what to do", f)
				}
			}
			if again := gate.Check(c.change); !reflect.DeepEqual(again, r) {
				t.Errorf("the second time: %+v, not %+v", again, r)
			}
		})
	}
}

// A tag that does not exist names the nearest one.
func TestUnknownTagNamesTheNearest(t *testing.T) {
	t.Parallel()
	r := gate.Check(gate.Change{New: []gate.Field{fld("Order", "email", "string", "user.contact.emial")}, Policy: gate.Warn})
	if len(r.Findings) == 0 || !strings.Contains(r.Findings[0].Message, `"user.contact.email"`) {
		t.Errorf("%+v", r.Findings)
	}
}

// The tags a schema would have: its own, the catalog's, those of what a field
// lies in, and those a field had under its former name.
func TestTags(t *testing.T) {
	t.Parallel()
	renamed := fld("Order", "mail", "string")
	renamed.Aliases = []string{"email"}
	taken := fld("Order", "other", "string")
	taken.Aliases = []string{"phone"} // another field is called so now
	r := gate.Check(gate.Change{
		New: []gate.Field{
			fld("Order", "customerId", "string", "user.unique_id", "user.nothing"), renamed, taken, fld("Order", "phone", "string"),
			fld("Order", "address", "record"), fld("Order", "address.lines[]", "string"), fld("Order", "address.geo", "string", "user.location.precise"),
			fld("Order", "payment<shop.Card>.number", "string"), fld("Order", "sku", "string"),
		},
		Confirmed: map[string][]string{
			"customerId": {"user.unique_id"}, "email": {"user.contact.email"}, "phone": {"user.contact.phone_number"},
			"address": {"user.contact.address"}, "payment": {"user.financial"},
		},
		Policy: gate.Enforce,
	})
	want := []gate.Tag{
		{"customerId", "user.unique_id", gate.Inline, "customerId"},
		{"mail", "user.contact.email", gate.Confirmed, "email"},
		{"phone", "user.contact.phone_number", gate.Confirmed, "phone"},
		{"address", "user.contact.address", gate.Confirmed, "address"},
		{"address.lines[]", "user.contact.address", gate.Inherited, "address"},
		{"address.geo", "user.location.precise", gate.Inline, "address.geo"},
	}
	if !reflect.DeepEqual(r.Tags, want) {
		t.Errorf("%v, want %v", r.Tags, want)
	}
}

// What lies in a field that was renamed keeps its tags, too.
func TestTagsOfWhatLiesInARename(t *testing.T) {
	t.Parallel()
	buyer := fld("Order", "buyer", "record")
	buyer.Aliases = []string{"customer", "client"}
	mail := fld("Person", "buyer.mails[].address", "string")
	mail.Aliases = []string{"email"}
	r := gate.Check(gate.Change{New: []gate.Field{buyer, fld("Person", "buyer.mails", "array"), mail, fld("Person", "buyer.phone", "string")}, Confirmed: map[string][]string{
		"client.mails[].email": {"user.contact.email"}, "customer.phone": {"user.contact.phone_number"},
	}})
	want := []gate.Tag{
		{"buyer.mails[].address", "user.contact.email", gate.Confirmed, "client.mails[].email"},
		{"buyer.phone", "user.contact.phone_number", gate.Confirmed, "customer.phone"},
	}
	if !reflect.DeepEqual(r.Tags, want) {
		t.Errorf("%v, want %v", r.Tags, want)
	}
}

// What a version does to the personal data in a schema, by hand.
func TestDifference(t *testing.T) {
	t.Parallel()
	email := fld("Order", "email", "string", "user.contact.email")
	moved := fld("Order", "customer.email", "string", "user.contact.email")
	renamed := fld("Order", "mailbox", "string", "user.contact.email")
	renamed.Aliases = []string{"email"}
	for _, c := range []struct {
		name     string
		old, now []gate.Field
		want     []string
	}{
		{"a first version", nil, []gate.Field{email, fld("Order", "phoneNumber", "string")}, []string{"ADDED email user.contact.email", "ADDED phoneNumber user.contact.phone_number guessed"}},
		{"the same", []gate.Field{email}, []gate.Field{email}, nil},
		{"removed", []gate.Field{email, fld("Order", "sku", "string")}, []gate.Field{fld("Order", "sku", "string")}, []string{"REMOVED email user.contact.email"}},
		{"moved", []gate.Field{email}, []gate.Field{moved}, []string{"MOVED customer.email user.contact.email from email"}},
		{"renamed", []gate.Field{email}, []gate.Field{renamed}, []string{"MOVED mailbox user.contact.email from email"}},
		{"renamed without an alias is another", []gate.Field{email}, []gate.Field{fld("Order", "mailbox", "string", "user.contact.email")},
			[]string{"ADDED mailbox user.contact.email", "REMOVED email user.contact.email"}},
		{"copied, not moved", []gate.Field{email}, []gate.Field{email, moved}, []string{"ADDED customer.email user.contact.email"}},
		{"one moves once", []gate.Field{email}, []gate.Field{moved, fld("Order", "buyer.email", "string", "user.contact.email")},
			[]string{"MOVED customer.email user.contact.email from email", "ADDED buyer.email user.contact.email"}},
		{"taken away", []gate.Field{email}, []gate.Field{fld("Order", "email", "string", "system.operations")}, []string{"DOWNGRADED email user.contact.email"}},
		{"made vaguer", []gate.Field{email}, []gate.Field{fld("Order", "email", "string", "user.contact")}, []string{"DOWNGRADED email user.contact.email"}},
		{"made more exact", []gate.Field{fld("Order", "email", "string", "user.contact")}, []gate.Field{email}, nil},
		{"a guess confirmed", []gate.Field{fld("Order", "email", "string")}, []gate.Field{email}, nil},
		{"a guess rejected is no downgrade", []gate.Field{fld("Order", "email", "string")}, []gate.Field{fld("Order", "email", "string", "system.operations")}, nil},
		{"one more category", []gate.Field{email}, []gate.Field{fld("Order", "email", "string", "user.contact.email", "user.account.username")},
			[]string{"ADDED email user.account.username"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, d := range gate.Check(gate.Change{Old: c.old, New: c.now, Policy: gate.Warn}).Difference {
				s := fmt.Sprintf("%s %s %s", d.Kind, d.Path, d.Category)
				if d.From != "" {
					s += " from " + d.From
				}
				if d.Guessed {
					s += " guessed"
				}
				got = append(got, s)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// Findings of others are judged with the gate's own.
func TestJudge(t *testing.T) {
	t.Parallel()
	failing := gate.Finding{Code: "CG020", Severity: gate.Error}
	advice := gate.Finding{Code: "CG023", Severity: gate.Advice}
	old := gate.Finding{Code: "CG020", Severity: gate.Error, Baseline: true}
	for _, c := range []struct {
		policy   gate.Policy
		findings []gate.Finding
		want     gate.Verdict
	}{
		{gate.Enforce, nil, gate.Pass}, {gate.Enforce, []gate.Finding{advice, failing}, gate.Fail}, {gate.Enforce, []gate.Finding{advice}, gate.Warning},
		{gate.Enforce, []gate.Finding{old}, gate.Pass}, {gate.Warn, []gate.Finding{failing}, gate.Warning}, {gate.Off, []gate.Finding{failing}, gate.Pass},
		{gate.Off, []gate.Finding{{Code: "CG002", Severity: gate.Refused, Baseline: true}}, gate.Fail}, {gate.Warn, []gate.Finding{{Code: "CG001", Severity: gate.Refused}}, gate.Fail},
	} {
		if got := gate.Judge(c.policy, c.findings); got != c.want {
			t.Errorf("%s %v: %s, want %s", c.policy, said(c.findings), got, c.want)
		}
	}
}

// The largest schema the registry takes has 10,000 places; moving all of them
// is judged in well under a second.
func TestLargestSchema(t *testing.T) {
	t.Parallel()
	var before, now []gate.Field
	for i := range 10_000 {
		before = append(before, fld("Customer", fmt.Sprintf("a%d.email", i), "string", "user.contact.email"))
		now = append(now, fld("Customer", fmt.Sprintf("b%d.email", i), "string", "user.contact.email"))
	}
	var r gate.Result
	took := cputest.Thread(func() { r = gate.Check(gate.Change{Old: before, New: now, Policy: gate.Enforce}) })
	if r.Verdict != gate.Pass || len(r.Difference) != 10_000 || r.Difference[9_999].From != "a9999.email" || took > slack*time.Second {
		t.Errorf("%s, %d differences, %v", r.Verdict, len(r.Difference), took)
	}
}

// A schema of 200 fields is checked well within 200 ms (catalog.md §17, T4).
func BenchmarkCheck(b *testing.B) {
	var fields []gate.Field
	for i := range 200 {
		fields = append(fields, fld("Customer", fmt.Sprintf("group%d.customerEmail%d", i%10, i), "string"))
	}
	b.ReportAllocs()
	for b.Loop() {
		gate.Check(gate.Change{Old: fields[1:], New: fields, Policy: gate.Enforce})
	}
}
