package scenarios_test

import (
	"crypto/ed25519"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/server/servertest"
)

func TestScenario21_ReplayedResult(t *testing.T) {
	t.Parallel()
	c := found(t, shop(mute(), nil))
	number := c.open(erasureOf(person(1)))
	c.counts("orders")
	c.approve(c.reach(number, "PLANNED"))
	erase := c.awaits("orders", protocol.Erase)
	key := []signature.Key{c.services["orders"].Key}
	for _, off := range []time.Duration{-24 * time.Hour, -6 * time.Minute, 6 * time.Minute} {
		yesterday := c.signed("orders", key, time.Now().Add(off), result(erase, 1, protocol.Done))
		c.expect(c.post(yesterday), "401 TIMESTAMP_OUT_OF_RANGE")
	}
	if got := c.look(number).erases("orders").State; !unanswered(got) {
		t.Fatalf("a replay changed the task to %s", got)
	}
	message := c.message("orders", result(erase, 1, protocol.Done))
	c.expect(c.post(message), "recorded")

	// The id of a message is remembered over a restart: another body under it
	// is refused, the same is known.
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	after := c.serve(c.Issuer, servertest.With("public_url", c.URL))
	message.To = after.URL + "/rights/v1/results"
	c.expect(c.post(message), "duplicate")
	other := c.message("orders", result(erase, 2, protocol.Working))
	header, err := signature.Sign(message.Header.Get(signature.HeaderID), time.Now(), other.Body, key...)
	if err != nil {
		t.Fatal(err)
	}
	c.expect(c.post(erasuretest.Message{To: message.To, Header: header, Body: other.Body}), "409 ID_REUSED")
}

// unanswered is the state of a task that its service has got: the 202 may not
// be noted yet.
func unanswered(state string) bool { return state == "READY" || state == "SENT" }

func TestScenario21_ReplayedToAnotherTask(t *testing.T) {
	t.Parallel()
	c := found(t, shop(mute(), nil))
	number := c.open(accessOf(person(1)))
	c.counts("orders")
	c.approve(c.reach(number, "PLANNED"))
	export := c.awaits("orders", protocol.Export)
	key, d := c.services["orders"].Key, export.Datasets[0].ID
	put := func(at string, statement []byte) int {
		t.Helper()
		header, err := signature.Sign(uuid.NewString(), time.Now(), statement, key)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, at, strings.NewReader("{}\n"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		r.Header.Set("Content-Range", "bytes 0-2/3")
		r.Header.Set("Lethe-Part-SHA256", sum("{}\n"))
		resp, err := c.Client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	// The seventh part: the service, which says nothing, uploads its own by itself.
	meant := signature.PartStatement(http.MethodPut, export.Task, d, 7, "bytes 0-2/3", sum("{}\n"))
	other := strings.Replace(export.PartsTo, export.Task.String(), c.awaits("orders", protocol.Locate).Task.String(), 1)
	if got := put(other+"/"+d.String()+"/7", meant); got != http.StatusUnauthorized {
		t.Errorf("what was signed for one task was taken for another: %d", got)
	}
	if got := put(export.PartsTo+"/"+d.String()+"/8", meant); got != http.StatusUnauthorized {
		t.Errorf("what was signed for one part was taken for another: %d", got)
	}
	if got := put(export.PartsTo+"/"+d.String()+"/7", meant); got != http.StatusNoContent {
		t.Errorf("the part itself: %d", got)
	}
}

func TestScenario22_OneServiceSpeaksForAnother(t *testing.T) {
	t.Parallel()
	c := found(t, []member{{ref: "orders", how: mute()}, {ref: "marketing"}})
	number := c.open(erasureOf(person(1)))
	c.counts("orders")
	c.approve(c.reach(number, "PLANNED"))
	erase := c.awaits("orders", protocol.Erase)
	c.expect(c.says("marketing", result(erase, 1, protocol.Done)), "403 WRONG_SERVICE")
	c.expect(c.post(c.signed("orders", []signature.Key{c.services["marketing"].Key}, time.Now(), result(erase, 1, protocol.Done))), "403 WRONG_ISSUER")
	// Under the other's key id, with a key of one's own.
	forged := signature.Key{ID: c.services["orders"].Key.ID, Private: c.services["marketing"].Key.Private}
	c.expect(c.post(c.signed("orders", []signature.Key{forged}, time.Now(), result(erase, 1, protocol.Done))), "401 SIGNATURE_INVALID")
	r := c.look(number)
	if task := r.erases("orders"); !unanswered(task.State) || len(task.Outcomes) != 0 {
		t.Errorf("the task is %s with %d outcomes", task.State, len(task.Outcomes))
	}
	for _, code := range []string{"WRONG_SERVICE", "WRONG_ISSUER"} {
		if !slices.ContainsFunc(strings.Split(c.Log.String(), "\n"), func(line string) bool {
			return strings.Contains(line, "security: ") && strings.Contains(line, code)
		}) {
			t.Errorf("the log does not tell of %s as a matter of security", code)
		}
	}
}

func TestScenario23_KeyIsRotatedOnTheWay(t *testing.T) {
	t.Parallel()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	fresh := signature.Key{ID: "orders-2", Private: private}
	var c *company
	var rotated atomic.Bool
	ping := func(w http.ResponseWriter, r *http.Request, body []byte, next http.Handler) {
		if !strings.HasSuffix(r.URL.Path, "/ping") || !rotated.Load() {
			next.ServeHTTP(w, r)
			return
		}
		c.pong(w, body, fresh, c.services["orders"].Key)
	}
	c = found(t, []member{{ref: "orders", front: ping, how: mute()}})
	number := c.open(erasureOf(person(1)))
	c.counts("orders")
	c.approve(c.reach(number, "PLANNED"))
	erase := c.awaits("orders", protocol.Erase)
	with := func(r protocol.Result, keys ...signature.Key) string {
		return c.post(c.signed("orders", keys, time.Now(), r))
	}
	old := c.services["orders"].Key
	c.expect(with(result(erase, 1, protocol.Working), fresh), "401 SIGNATURE_INVALID") // nobody knows it yet
	rotated.Store(true)
	c.do(access.Admin, "rotateKey", "ServiceActInput", map[string]any{"serviceId": c.ids["orders"]})
	c.expect(with(result(erase, 1, protocol.Working), old), "recorded")
	c.expect(with(result(erase, 2, protocol.Working), fresh), "recorded")
	c.expect(with(result(erase, 3, protocol.Working), fresh, old), "recorded")
	c.do(access.Admin, "revokeKey", "RevokeKeyInput", map[string]any{"serviceId": c.ids["orders"], "keyId": old.ID})
	c.expect(with(result(erase, 4, protocol.Done), old), "401 SIGNATURE_INVALID")
	if got := c.look(number).erases("orders").State; got != "WORKING" {
		t.Fatalf("what a revoked key signed made the task %s", got)
	}
	c.expect(with(result(erase, 4, protocol.Done), fresh, old), "recorded")
	c.expect(with(result(c.awaits("orders", protocol.Probe), 1, protocol.Done), fresh), "recorded")
	c.closes(number, "FULFILLED")
}

// pong answers a challenge with several keys, signed by all of them.
func (c *company) pong(w http.ResponseWriter, ping []byte, keys ...signature.Key) {
	asked, err := protocol.DecodePing(ping)
	if err != nil {
		c.t.Error(err)
		return
	}
	m := protocol.Pong{Spec: protocol.Spec, Type: protocol.TypePong, Issuer: asked.Audience, Nonce: asked.Nonce}
	for _, k := range keys {
		m.Keys = append(m.Keys, protocol.PublicKey{ID: k.ID, Public: k.Public().Public})
	}
	body, err := protocol.Encode(m)
	if err != nil {
		c.t.Error(err)
		return
	}
	header, err := signature.Sign(uuid.NewString(), time.Now(), body, keys...)
	if err != nil {
		c.t.Error(err)
		return
	}
	for name, values := range header {
		w.Header()[name] = values
	}
	w.Write(body)
}
