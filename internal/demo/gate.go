package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// ordersSubject is where orders-service registers what it writes.
const ordersSubject = "flowmart.orders.v1-value"

// gate has two schemas refused before they are merged, one of them by the
// registry, too, and asks who still reads a field.
func (s *scene) gate(ctx context.Context) error {
	s.step("A schema is changed: may it follow, and who says what is personal?")
	status, raw, err := s.send(ctx, "admin", http.MethodPut, "/registry/config/"+ordersSubject, `{"gate":"ENFORCE"}`)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("setting the gate: %d %.300s", status, raw)
	}
	for _, c := range []struct {
		what, field, says string
		refused           bool
	}{
		{"a field without a default is refused", `{"name": "loyaltyTier", "type": "string"}`, "CG002 loyaltyTier", true},
		{"an e-mail address that nobody classified is refused", `{"name": "giftEmail", "type": ["null", "string"], "default": null}`, "CG010 giftEmail", true},
		{"the same, classified where it stands, passes", `{"name": "giftEmail", "type": ["null", "string"], "default": null, "confluent:tags": ["user.contact.email"]}`, "tag giftEmail user.contact.email (inline)", false},
	} {
		text, err := s.orderWith(ctx, c.field)
		if err != nil {
			return err
		}
		out, err := s.as(ctx, "viewer", text, "schema", "check", "-", "--subject", ordersSubject)
		s.expect((err != nil) == c.refused && strings.Contains(out, c.says), c.what, "%s", strings.TrimPrefix(lineWith(out, c.says), "-:"))
		if strings.HasPrefix(c.says, "CG010") {
			if err := s.plainRefusal(ctx, text); err != nil {
				return err
			}
		}
	}
	return s.contract(ctx)
}

// plainRefusal registers as a serializer does, which asks no check.
func (s *scene) plainRefusal(ctx context.Context, text []byte) error {
	body, err := json.Marshal(map[string]string{"schema": string(text)})
	if err != nil {
		return err
	}
	status, raw, err := s.send(ctx, "service:orders", http.MethodPost, "/registry/subjects/"+ordersSubject+"/versions", string(body))
	var refused struct{ Message string }
	_ = json.Unmarshal(raw, &refused) // what is no refusal has no message
	s.expect(err == nil && status == http.StatusUnprocessableEntity && strings.Contains(refused.Message, "giftEmail"),
		"a serializer that registers it anyway is refused", "%d %.150s…", status, refused.Message)
	return err
}

// contract asks who still reads two fields of the customers' events.
func (s *scene) contract(ctx context.Context) error {
	s.step("Safe to contract? Who still reads a field, by what is declared and what was seen")
	for _, c := range []struct{ field, answer, because, what string }{
		{"phone", "NO", "orders (team", "the customers' events cannot do without phone"},
		{"language", "UNKNOWN", exporter + ": it was seen reading", "whether they can do without language is not known, and why"},
	} {
		out, _ := s.as(ctx, "viewer", nil, "schema", "safe", "flowmart.customers.v1-value", "--field", c.field) // what is not YES is an exit code, too
		s.expect(strings.HasPrefix(out, c.answer) && strings.Contains(out, c.because), c.what, "%s", lineWith(out, c.because))
	}
	return nil
}

// orderWith is the schema of orders' events with one field more.
func (s *scene) orderWith(ctx context.Context, field string) ([]byte, error) {
	raw, err := s.get(ctx, "viewer", "/registry/subjects/"+ordersSubject+"/versions/latest/schema")
	if err != nil {
		return nil, err
	}
	var record struct {
		Type      string            `json:"type"`
		Name      string            `json:"name"`
		Namespace string            `json:"namespace,omitempty"`
		Doc       string            `json:"doc,omitempty"`
		Fields    []json.RawMessage `json:"fields"`
	}
	if err := json.Unmarshal(raw, &record); err != nil {
		return nil, err
	}
	record.Fields = append(record.Fields, json.RawMessage(field))
	return json.MarshalIndent(record, "", "  ")
}

// as runs a command of lethe as somebody.
func (s *scene) as(ctx context.Context, who string, in []byte, args ...string) (string, error) {
	token, err := s.sign(who)
	if err != nil {
		return "", err
	}
	return s.run(ctx, in, append(args, "--token-file", token)...)
}

// lineWith is the line of an output in which something stands.
func lineWith(out, part string) string {
	for line := range strings.Lines(out) {
		if strings.Contains(line, part) {
			return strings.TrimSpace(line)
		}
	}
	return "it says: " + lastLine(out)
}
