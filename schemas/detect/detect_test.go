package detect_test

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/internal/cputest"
	"github.com/flowmart/lethe/schemas/detect"
)

// categories lists what a record's fields are taken for, by path.
func categories(record string, fields ...detect.Field) map[string]string {
	m := map[string]string{}
	for i := range fields {
		fields[i].Record = record
	}
	for _, s := range detect.Fields(fields) {
		m[s.Path] = s.Category
	}
	return m
}

func str(path string) detect.Field { return detect.Field{Path: path, Type: "string"} }

// FlowMart's archived inventory event, whose schema is an employee's record:
// name, age and salary must be classified, the rest should be (catalog.md §18,
// scenario 10).
func TestEmployeeInAnInventoryEvent(t *testing.T) {
	t.Parallel()
	sure := map[string]bool{}
	for _, s := range detect.Fields([]detect.Field{
		{Record: "com.flowmart.Employee", Path: "Name", Type: "string"},
		{Record: "com.flowmart.Employee", Path: "Age", Type: "int"},
		{Record: "com.flowmart.Employee", Path: "Department", Type: "string"},
		{Record: "com.flowmart.Employee", Path: "Position", Type: "string"},
		{Record: "com.flowmart.Employee", Path: "Salary", Type: "double"},
		{Record: "com.flowmart.Employee", Path: "JoinDate", Type: "string"},
	}) {
		sure[s.Path] = s.Confidence >= detect.Certain
	}
	want := map[string]bool{"Name": true, "Age": true, "Salary": true, "Department": false, "Position": false, "JoinDate": false}
	if !reflect.DeepEqual(sure, want) {
		t.Errorf("%v, want %v", sure, want)
	}
}

// The twelve names that a first draft of name rules took for personal data
// (flowmart.json, detector_negative_fixtures).
func TestNegativesOfFlowMart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ record, path string }{
		{"Reservation", "reservationId"}, {"StockMovement", "reservationId"}, {"StockItem", "reservations"},
		{"OrderMetricsCalculated", "metrics.averageOrderValue"}, {"OrderAmended", "items[].discount.percentage"},
		{"GetInventoryList", "pagination.page"}, {"CartItem", "productImage"}, {"Product", "name"}, {"Category", "name"},
		{"Warehouse", "name"}, {"PlaceOrder", "items[].name"},
	} {
		if s, ok := detect.One(detect.Field{Record: c.record, Path: c.path, Type: "string"}); ok {
			t.Errorf("%s %s is taken for %s by %s", c.record, c.path, s.Category, s.Rule)
		}
	}
	// The twelfth is personal, and no age.
	if s, _ := detect.One(detect.Field{Record: "PaymentFailed", Path: "failureMessage", Type: "string"}); s.Category != "user.free_text" {
		t.Errorf("failureMessage is taken for %q", s.Category)
	}
}

// A name is the same however it is spelt, also where nothing stands between its
// words. A word that the rules do not know is one, whatever is in it.
func TestSpellings(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"customerEmail", "customer_email", "CustomerEMail", "CUST_EML", "customer-e-mail", "CUSTOMER_EMAIL_ADDR", "customerEmailAddress1", "emailOfCustomer", "KundenEMail", "customeremails", "cstmrEmail"} {
		if s, _ := detect.One(str(name)); s.Category != "user.contact.email" {
			t.Errorf("%s is taken for %q", name, s.Category)
		}
	}
	for _, name := range []string{"reservationid", "percentage", "fcustomeremail", "customeremailer", "microphone", "capacity", "velocityid", "usernamespace", "emailtemplate"} {
		if s, ok := detect.One(str(name)); ok {
			t.Errorf("%s is taken for %q by %s", name, s.Category, s.Rule)
		}
	}
	if s, _ := detect.One(detect.Field{Record: "Kunde", Path: "straße", Type: "string"}); s.Category != "user.contact.address.street" {
		t.Errorf("straße is taken for %q", s.Category)
	}
}

// Booleans and enums never hold a contact or a name; a number may be a phone's;
// words such as count and template speak of a datum and hold none.
func TestTypesAndNegativeWords(t *testing.T) {
	t.Parallel()
	got := categories("Customer",
		detect.Field{Path: "email", Type: "boolean"}, detect.Field{Path: "firstName", Type: "enum"},
		detect.Field{Path: "phone", Type: "long"}, str("emailTemplate"), str("phoneType"), str("validEmail"), str("nameStatus"),
		detect.Field{Path: "emailVerified", Type: "boolean"}, detect.Field{Path: "consent", Type: "boolean"},
		detect.Field{Path: "price", Type: "bytes", Logical: "decimal"}, detect.Field{Path: "scan", Type: "bytes"})
	want := map[string]string{"phone": "user.contact.phone_number", "consent": "user.privacy_preferences", "scan": "user.opaque_payload"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// The nearest record decides of whom a field speaks; places of business further
// out still make an address theirs; branches of unions, keys and headers count.
func TestContext(t *testing.T) {
	t.Parallel()
	got := categories("OrderPlaced", str("customer.name"), str("customer.company.name"), str("warehouse.address.city"), str("deliveryAddress.city"),
		str("payment<shop.PayPal>.accountEmail"), str("#key.customerId"), str("#header.user-id"), str("items[].buyer.id"), str("emails[]"),
		detect.Field{Path: "emails", Type: "array"}, str("contacts{}.phone"), str(`a\.b`), str("#value"))
	want := map[string]string{
		"customer.name": "user.name", "deliveryAddress.city": "user.contact.address.city", "payment<shop.PayPal>.accountEmail": "user.contact.email",
		"#key.customerId": "user.unique_id", "#header.user-id": "user.unique_id", "items[].buyer.id": "user.unique_id", "emails[]": "user.contact.email",
		"contacts{}.phone": "user.contact.phone_number",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Whatever was looked at before, the answer is the same, also once it was too much
// to remember.
func TestWhatIsRememberedChangesNothing(t *testing.T) {
	t.Parallel()
	records := map[string][]detect.Field{}
	for _, l := range labels(t) {
		records[l.Field.Record] = append(records[l.Field.Record], l.Field)
	}
	var m detect.Memory
	filler := make([]detect.Field, 6000)
	for i := range filler {
		filler[i] = detect.Field{Record: "Filler", Path: fmt.Sprintf("field%d", i), Type: "string"}
	}
	for round := range 3 {
		for name, fields := range records { // in any order
			if got, want := m.Fields(fields), detect.Fields(fields); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, round %d: %v, else %v", name, round, got, want)
			}
		}
		m.Fields(filler)
	}
}

// Each suggestion says which rule fired and why, and is of a category that
// exists; whatever order and however often, the answer is the same.
func TestSuggestionsSayWhy(t *testing.T) {
	t.Parallel()
	var fields []detect.Field
	for _, l := range labels(t) {
		fields = append(fields, l.Field)
	}
	first := detect.Fields(fields)
	for _, s := range first {
		_, err := taxonomy.Find("", s.Category, taxonomy.Category)
		if err != nil || s.Rule == "" || s.Why == "" || s.Confidence < detect.Likely || s.Confidence > 0.99 || math.IsNaN(s.Confidence) {
			t.Errorf("%+v: %v", s, err)
		}
	}
	if again := detect.Fields(fields); !reflect.DeepEqual(first, again) {
		t.Error("the second time it says something else")
	}
	s, _ := detect.One(detect.Field{Record: "Order", Path: "customer.name", Type: "string"})
	if want := (detect.Suggestion{Path: "customer.name", Category: "user.name", Confidence: 0.9, Rule: "name.person", Why: `its name says "name", inside of "customer"`}); s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
}

// No name takes long, however it is made: a schema has up to 10,000 fields.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	names := []string{
		strings.Repeat("of", 50_000), strings.Repeat("of ", 30_000), strings.Repeat("aA", 50_000), strings.Repeat("_", 100_000),
		strings.Repeat("é", 50_000), "\xff\xfe", strings.Repeat("first", 20_000), "", "#", strings.Repeat("Date Of ", 10_000) + "Birth", strings.Repeat("hash", 9), "1", "_1",
		strings.Repeat("emailname", 21), strings.Repeat("word ", 140_000) + "[]", strings.Repeat("a.", 499) + "a",
	}
	took := cputest.Thread(func() {
		for _, name := range names {
			detect.One(detect.Field{Record: name, Path: name, Type: name, Logical: name, Doc: name})
			detect.One(detect.Field{Record: name, Path: "x", Doc: strings.ReplaceAll(name, "_", " ")})
		}
	})
	if took > slack*time.Second {
		t.Errorf("32 fields took %v of a processor", took)
	}
}

func FuzzOne(f *testing.F) {
	f.Add("Customer", "contact.eMail[]", "string", "the customer's e-mail")
	f.Add("x", "nom de famille", "", "number of")
	f.Fuzz(func(t *testing.T, record, path, typ, doc string) {
		s, ok := detect.One(detect.Field{Record: record, Path: path, Type: typ, Doc: doc})
		if ok != (s.Category != "") || ok && (s.Confidence < detect.Likely || s.Confidence >= 1) {
			t.Errorf("%+v", s)
		}
	})
}

// What one field costs, over all labelled ones.
func BenchmarkField(b *testing.B) {
	all := labels(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		detect.One(all[i%len(all)].Field)
	}
}

// What a schema costs, each field judged by those beside it, too.
func BenchmarkFields(b *testing.B) {
	var all []detect.Field
	for _, l := range labels(b) {
		all = append(all, l.Field)
	}
	b.ReportAllocs()
	for b.Loop() {
		detect.Fields(all)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(all)), "ns/field")
}
