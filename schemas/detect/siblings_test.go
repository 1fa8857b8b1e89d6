package detect_test

import (
	"reflect"
	"testing"

	"github.com/flowmart/lethe/schemas/detect"
)

// What stands beside a field says of whom it speaks. The names are made up, the
// categories by hand.
func TestFieldsBesideOneAnother(t *testing.T) {
	t.Parallel()
	number := func(path string) detect.Field { return detect.Field{Path: path, Type: "int"} }
	for _, c := range []struct {
		name, record string
		fields       []detect.Field
		want         map[string]string
	}{
		{"a name and a city in a record that says nothing", "import_7", []detect.Field{str("name"), str("city"), number("age")}, map[string]string{}},
		{"and beside what only people have", "import_7", []detect.Field{str("name"), str("city"), number("age"), str("firstName"), str("birthDate")}, map[string]string{
			"name": "user.name", "city": "user.contact.address.city", "age": "user.demographic.age_range", "firstName": "user.name.first", "birthDate": "user.demographic.date_of_birth"}},
		{"three that say little make a person, too", "dm", []detect.Field{number("age"), str("sex"), str("race")}, map[string]string{
			"age": "user.demographic.age_range", "sex": "user.demographic.gender", "race": "user.demographic.race_ethnicity"}},
		{"one alone does not", "character", []detect.Field{str("race"), str("name"), number("strength")}, map[string]string{}},
		{"nor what stands in another part", "import_7", []detect.Field{str("a.firstName"), str("a.birthDate"), str("b.city")}, map[string]string{
			"a.firstName": "user.name.first", "a.birthDate": "user.demographic.date_of_birth"}},
		{"a place of business is none", "warehouse", []detect.Field{str("firstName"), str("lastName"), str("city")}, map[string]string{
			"firstName": "user.name.first", "lastName": "user.name.last"}},
		{"somebody is named of whom it speaks", "leave_request", []detect.Field{str("employee"), str("employee_name"), str("department"), str("title"), str("start_date")}, map[string]string{
			"employee": "user.unique_id", "employee_name": "user.name", "department": "user.workplace"}},
		{"the same word before all names", "x_dependents", []detect.Field{str("xd_name"), str("xd_note"), number("xd_rank"), str("xd_kind")}, map[string]string{
			"xd_name": "user.name", "xd_note": "user.free_text"}},
		{"nor is one that says what every table has", "address_book", []detect.Field{str("entry_firstname"), str("entry_city"), str("entry_postcode")}, map[string]string{
			"entry_firstname": "user.name.first", "entry_city": "user.contact.address.city", "entry_postcode": "user.contact.address.postal_code"}},
		{"an e-mail and three parts of an address make a card", "medium", []detect.Field{str("emailAddress"), str("city"), str("postcode"), str("stateOrProvince")}, map[string]string{
			"emailAddress": "user.contact.email", "city": "user.contact.address.city", "postcode": "user.contact.address.postal_code", "stateOrProvince": "user.contact.address.state"}},
		{"what somebody is in is no state of a country", "user", []detect.Field{str("email"), str("state")}, map[string]string{"email": "user.contact.email"}},
		{"but beside a city", "user", []detect.Field{str("city"), str("state")}, map[string]string{"city": "user.contact.address.city", "state": "user.contact.address.state"}},
		{"a patient is named, so it is of health", "chart", []detect.Field{str("patient_id"), str("treatment"), number("provider_id")}, map[string]string{
			"patient_id": "user.unique_id", "treatment": "user.health_and_medical", "provider_id": "user.unique_id"}},
		{"without one it is not", "chart", []detect.Field{str("machine_id"), str("treatment"), number("provider_id")}, map[string]string{}},
		{"a title beside a gender is one of address", "employee", []detect.Field{str("title"), str("gender")}, map[string]string{"title": "user.name", "gender": "user.demographic.gender"}},
		{"a provider beside what only people have is one", "provider", []detect.Field{str("firstName"), str("lastName"), str("city")}, map[string]string{
			"firstName": "user.name.first", "lastName": "user.name.last", "city": "user.contact.address.city"}},
		{"what has a tax number is no card", "billing_entity", []detect.Field{str("email"), str("city"), str("zip"), str("country"), str("vat_id")}, map[string]string{"email": "user.contact.email"}},
		{"a client is a customer", "contract", []detect.Field{str("client_id"), str("client_name")}, map[string]string{"client_id": "user.unique_id", "client_name": "user.name"}},
		{"but for one that signs in", "contract", []detect.Field{str("client_id"), str("client_name"), str("grant_type")}, map[string]string{}},
	} {
		if got := categories(c.record, c.fields...); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Names that say nothing by themselves take what they lie in; heads and codes
// are looked at from both ends; who a record is of is not what it is.
func TestWholeNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ record, path, typ, want string }{
		{"Account", "emails[].value", "string", "user.contact.email"},
		{"Account", "prices[].value", "double", ""},
		{"Customer", "name[].text", "string", "user.name"},
		{"Message", "from.email.address", "string", "user.contact.email"},
		{"Order", "email_from", "varchar", "user.contact.email"},
		{"Order", "email_count", "int", ""},
		{"Order", "num_accounts", "int", ""},
		{"Customer", "gender_code", "char", "user.demographic.gender"},
		{"Customer", "phone_code", "char", ""},
		{"Order", "replyTo", "string:email", "user.contact.email"},
		{"Order", "shipping_address.name", "string", "user.name"},
		{"Store", "address.name", "string", ""},
		{"PatientAppointment", "title", "string", ""},
		{"Employee", "title", "string", "user.job_title"},
		{"UserGroupProfile", "name", "string", ""},
		{"CustomerRegisteredEvent", "name", "string", "user.name"},
		{"VitalSigns", "pulse", "int", "user.health_and_medical"},
		{"LabTestTemplate", "result", "string", ""},
		{"EngineSigns", "temperature", "int", ""},
		{"Person", "gender_concept_id", "int", "user.demographic.gender"},
		{"Person", "ethnicity_name", "string", "user.demographic.race_ethnicity"},
		{"Person", "country_id", "int", ""},
		{"gender", "gender_id", "int", ""},
		{"email_archive", "email_subject", "string", "user.free_text"},
		{"BankAccountHolder", "number", "string", "user.unique_id"},
		{"login_token", "token", "string", "user.authorization.credentials"},
		{"ClientDataV1", "id", "long", "user.unique_id"},
		{"ClientGroup", "id", "long", ""},
		{"CustomerObject", "city", "string", "user.contact.address.city"},
		{"StoreObject", "city", "string", ""},
		{"CustomerList", "nextToken", "string", ""},
		{"SalarySlip", "base_net_pay", "decimal", "user.workplace"},
		{"Person", "emergency1Number2", "string", "user.contact.phone_number"},
		{"Customer", "newsletter", "char(1)", "user.privacy_preferences"},
		{"Customer", "newsletter", "char(40)", ""},
		{"Insuree", "name", "string", "user.name"},
		{"Guarantee", "name", "string", ""},
	} {
		f := detect.Field{Record: c.record, Path: c.path, Type: c.typ}
		if c.typ == "string:email" {
			f.Type, f.Logical = "string", "email"
		}
		if s, _ := detect.One(f); s.Category != c.want {
			t.Errorf("%s %s is taken for %q by %q, want %q", c.record, c.path, s.Category, s.Rule, c.want)
		}
	}
}
