package schemas_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/gate"
)

const orderProto = `syntax = "proto3";
package shop;
import "confluent/meta.proto";
import "shop/party.proto";
message Order {
  string id = 1;
  // who pays
  Party customer = 2;
  map<string, int64> totals = 3;
  %s
}
`

func inProto(text string) schemas.Submission {
	return schemas.Submission{Subject: "orders-value", Type: "PROTOBUF", Text: text, References: []schemas.Reference{{Name: "shop/party.proto", Subject: "party", Version: -1}}}
}

// What is registered as Protobuf is judged and known like everything else:
// fields in the catalog, tags, findings at their line. By hand, from the rules
// of the gate and of paths.
func TestProtobufThroughTheGate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	must(b.Register(t.Context(), b.admin, schemas.Submission{Subject: "party", Type: "PROTOBUF",
		Text: "syntax = \"proto3\"; package shop; import \"confluent/meta.proto\";\nmessage Party { string email = 1 [(confluent.field_meta).tags = \"user.contact.email\"]; int64 version = 2; }"}))(t)
	b.policy(t, "orders-value", gate.Enforce)
	first := inProto(fmt.Sprintf(orderProto, ""))
	must(b.Register(t.Context(), b.orders, first))(t)
	var got []string
	for _, f := range must(catalog.FieldsByDataset(t.Context(), b.db, []uuid.UUID{b.topic.ID}))(t)[b.topic.ID] {
		got = append(got, strings.TrimSpace(f.Path+" "+f.DataType+" "+f.Doc))
	}
	if want := []string{"customer message who pays", "customer.email string", "customer.version int64", "id string", "totals map", "totals{} int64"}; !slices.Equal(got, want) {
		t.Errorf("the catalog has %q", got)
	}
	for _, c := range []struct {
		name    string
		s       schemas.Submission
		verdict gate.Verdict
		want    []string
	}{
		{"the same", first, gate.Pass, []string{}},
		{"a phone number that nobody classified", inProto(fmt.Sprintf(orderProto, "string phone_number = 4;")), gate.Fail, []string{"CG010 10:3 phone_number"}},
		{"classified where it stands", inProto(fmt.Sprintf(orderProto, `string phone_number = 4 [(confluent.field_meta).tags = "user.contact.phone_number"];`)), gate.Pass, []string{}},
		{"another type", inProto(strings.Replace(fmt.Sprintf(orderProto, ""), "string id", "int64 id", 1)), gate.Fail, []string{"CG002 6:3 id"}},
		{"a slip", inProto(fmt.Sprintf(orderProto, "strin x = 4;")), gate.Fail, []string{"CG001 10:3 "}},
		{"an import without a reference", schemas.Submission{Subject: "orders-value", Type: "PROTOBUF", Text: fmt.Sprintf(orderProto, "")}, gate.Fail, []string{"CG050 4:8 "}},
	} {
		a := b.checked(t, c.s)
		if told := told(a.Findings); a.Verdict != c.verdict || !slices.Equal(told, c.want) {
			t.Errorf("%s: %s %q, want %s %q\n%+v", c.name, a.Verdict, told, c.verdict, c.want, a.Findings)
		}
	}
}

// Every level asks of Protobuf what it asks of Avro: which versions, and in
// which direction. By hand: again has another type than the first version had,
// and many is read as one value only the other way round.
func TestProtobufAtEveryLevel(t *testing.T) {
	t.Parallel()
	b := setup(t)
	text := func(fields string) string { return `syntax = "proto3"; message M { ` + fields + ` }` }
	const first, latest = "string a = 1;", "fixed32 c = 3;"
	const again, many = "fixed32 a = 1; fixed32 c = 3;", "repeated fixed32 c = 3;"
	config := func(level string) {
		must(b.SetConfig(t.Context(), b.admin, "x", schemas.Patch{"compatibility": fmt.Appendf(nil, "%q", level)}))(t)
	}
	config("NONE")
	for _, fields := range []string{first, latest} {
		must(b.Register(t.Context(), b.admin, schemas.Submission{Subject: "x", Type: "PROTOBUF", Text: text(fields)}))(t)
	}
	for level, want := range map[string][2]bool{
		"NONE": {true, true}, "BACKWARD": {true, true}, "FORWARD": {true, false}, "FULL": {true, false},
		"BACKWARD_TRANSITIVE": {false, true}, "FORWARD_TRANSITIVE": {false, false}, "FULL_TRANSITIVE": {false, false},
	} {
		config(level)
		for i, fields := range []string{again, many} {
			v := must(b.TestAll(t.Context(), b.viewer, schemas.Submission{Subject: "x", Type: "PROTOBUF", Text: text(fields)}))(t)
			if v.Compatible() != want[i] {
				t.Errorf("%s: %s: %v", level, fields, v.Mismatches)
			}
		}
	}
}
