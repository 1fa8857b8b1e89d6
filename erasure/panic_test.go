package erasure_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/access"
)

// A panic while a message is taken is that message's failure: it ends neither
// the process nor what others said, and the same message may come again.
func TestPanicWhileAMessageIsTaken(t *testing.T) {
	t.Parallel()
	s := furnish(t, erasure.Config{})
	s.approved(erasure.Access)
	due := s.take("orders")
	if len(due) != 1 || due[0].Action != task.Export {
		t.Fatalf("due: %+v", due)
	}
	const secret = "erika@example.com"
	s.parts = func(uuid.UUID) error { panic(secret) }
	a := s.answer(due[0], "EXPORTED", 3)
	m := answer.Message{Service: s.services["orders"].ID, ID: uuid.NewString(), Body: make([]byte, 32), Answers: []answer.Answer{a}}
	by := s.person("orders", access.Service)
	if _, err := s.requests.Receive(s.ctx, by, m); err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "panic") {
		t.Fatalf("the message was answered with %v", err)
	}
	s.parts = nil
	if v := s.says("orders", a); len(v) != 1 || v[0].Disposition != answer.Recorded {
		t.Errorf("the message that came again: %+v", v)
	}
}
