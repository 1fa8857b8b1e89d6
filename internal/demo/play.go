package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/devstack"
)

// scene is one run of the demo.
type scene struct {
	*stack
	*teller
	erased person // who asks to be forgotten
	access person // who asks for her data
	before map[string]hits
	opened []string // case numbers

	started time.Time       // when the stack stood and the scenario began
	refused map[string]bool // services that a delivery to them failed
}

// limit is how long the scenario may take. Two cores that have nothing else to
// do need half a minute; how busy others keep them is not the scenario's fault.
const limit = 5 * time.Minute

// inTime tells how long the scenario took, and holds it to its limit. One that
// something was broken in has to wait for what does not come, and is not held to
// it.
func (s *scene) inTime() {
	if took := time.Since(s.started); s.o.Break == "" {
		s.expect(took <= limit, fmt.Sprintf("the scenario took no longer than %.0f s", limit.Seconds()), "%.1f s", took.Seconds())
	}
}

// person is one of FlowMart's customers.
type person struct{ CustomerID, Email, Phone, Name string }

func (p person) identifiers() []string { return []string{p.CustomerID, p.Email, p.Phone} }

// Run plays the demo and returns how many expectations did not hold. Where
// keep is not nil the stack then serves until ctx ends.
func Run(ctx context.Context, o Options, out io.Writer, keep bool) (failed int, err error) {
	t := &teller{out: out, began: time.Now()}
	t.step("A private PostgreSQL, Kafka, an OpenID issuer, and Lethe")
	s, err := start(ctx, o)
	defer s.stop()
	if err != nil {
		return 0, err
	}
	t.say("Lethe at http://%s, Kafka %s, PostgreSQL private, nothing of it kept", s.url, s.kafka.Kind())
	sc := &scene{stack: s, teller: t, refused: map[string]bool{}}
	sc.started = time.Now()
	if err := sc.play(ctx); err != nil {
		t.expect(false, "the scenario ran to its end", "%v", err)
		sc.aftermath(ctx)
	}
	sc.inTime()
	t.summary()
	if keep && ctx.Err() == nil {
		sc.guide()
		<-ctx.Done()
	}
	return t.failed(), nil
}

func (s *scene) play(ctx context.Context) error {
	for _, act := range []func(context.Context) error{s.furnish, s.openShops, s.migrate, s.readers, s.gate, s.choose, s.forget, s.handOver, s.prove, s.lookAround} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	return nil
}

// aftermath looks for traces even where the scenario broke off: whatever went
// wrong, nothing personal may have been left anywhere.
func (s *scene) aftermath(ctx context.Context) {
	if s.erased.CustomerID == "" || ctx.Err() != nil {
		return
	}
	s.step("It broke off; why, and what was left behind?")
	s.reasons(ctx)
	if err := s.searchLethe(ctx); err != nil {
		s.expect(false, "the search ran", "%v", err)
	}
}

// reasons prints what Lethe itself has to say: tasks that are not done, and what
// it refused to take from services.
func (s *scene) reasons(ctx context.Context) {
	for _, number := range s.opened {
		r, err := s.look(ctx, number)
		if err != nil {
			continue
		}
		for _, t := range r.Tasks.Nodes {
			if t.State != "DONE" && t.State != "WAITING" && t.State != "CANCELLED" {
				s.say("%s still waits for %s: %s is %s", r.CaseNumber, t.Service.Ref, t.Action, t.State)
			}
		}
	}
	log, err := os.ReadFile(s.file("lethe.log"))
	if err != nil {
		return
	}
	told := map[string]bool{}
	for line := range strings.Lines(string(log)) {
		var entry struct{ Level, Msg, Service, Code string }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Level == "INFO" || entry.Service == "" {
			continue
		}
		if words := fmt.Sprintf("%s: %s, %s", entry.Service, entry.Msg, entry.Code); !told[words] {
			told[words] = true
			s.say("%s", words)
		}
	}
}

// furnish imports the catalog with the command that a team would use.
func (s *scene) furnish(ctx context.Context) error {
	s.step("The catalog of FlowMart, from YAML")
	for _, name := range append(slices.Clone(services), exporter) {
		at, err := devstack.FreeAddress()
		if err != nil {
			return err
		}
		s.urls[name] = "http://" + at
	}
	out, err := s.importFile(ctx, "catalog.yaml")
	if err != nil {
		return fmt.Errorf("catalog import: %w\n%s", err, out)
	}
	s.say("%s", lastLine(out))
	again, err := s.importFile(ctx, "catalog.yaml")
	s.expect(err == nil && strings.Contains(again, "Nothing new"), "importing the catalog twice changes nothing", "%s", lastLine(again))
	return nil
}

// importFile imports a file of the catalog, addresses filled in.
func (s *scene) importFile(ctx context.Context, name string) (string, error) {
	text, err := os.ReadFile(s.o.Catalog + "/" + name)
	if err != nil {
		return "", err
	}
	filled := os.Expand(string(text), func(key string) string {
		ref := strings.ReplaceAll(strings.ToLower(strings.TrimSuffix(key, "_URL")), "_", "-")
		if at, ok := s.urls[ref]; ok && strings.HasSuffix(key, "_URL") {
			return at
		}
		return "${" + key + "}"
	})
	token, err := s.issuer.Mint("admin")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(s.file("token"), []byte(token), 0o600); err != nil {
		return "", err
	}
	return s.run(ctx, []byte(filled), "catalog", "import", "-", "--token-file", s.file("token"))
}

// openShops starts the services and has each prove its key.
func (s *scene) openShops(ctx context.Context) error {
	s.step("FlowMart opens: each service a process with a database of its own")
	for _, name := range append(slices.Clone(services), exporter) {
		if err := s.open(ctx, name); err != nil {
			return err
		}
	}
	for _, name := range services {
		if err := s.challenge(ctx, name); err != nil {
			return fmt.Errorf("challenge of %s: %w", name, err)
		}
	}
	s.say("%d services proved their keys by answering a challenge; their Avro schemas are in the registry", len(services))
	var subjects int
	err := until(ctx, patience, func() (bool, error) {
		raw, err := s.get(ctx, "viewer", "/registry/subjects")
		subjects = strings.Count(string(raw), "-value")
		return subjects >= 5, err
	})
	s.expect(err == nil, "services registered their schemas over /registry", "%d subjects", subjects)
	return nil
}

// challenge has a service prove its key.
func (s *scene) challenge(ctx context.Context, ref string) error {
	var found struct{ Service *struct{ ID string } }
	if err := s.ask(ctx, "admin", `query($r: String!) { service(ref: $r) { id } }`, map[string]any{"r": ref}, &found); err != nil {
		return err
	}
	if found.Service == nil {
		return fmt.Errorf("no service %s", ref)
	}
	var done struct {
		ChallengeService struct{ Service struct{ State string } }
	}
	return s.ask(ctx, "admin", `mutation($i: ID!) { challengeService(input: {serviceId: $i}) { service { state } userErrors { code message path } } }`,
		map[string]any{"i": found.Service.ID}, &done)
}

// readers waits until the cluster itself has shown who reads.
func (s *scene) readers(ctx context.Context) error {
	s.step("Who really reads? The cluster's consumer groups know")
	var seen []reader
	err := until(ctx, patience, func() (bool, error) {
		var err error
		seen, err = s.readersOf(ctx, "flowmart.customers.v1")
		return slices.ContainsFunc(seen, func(r reader) bool { return r.Standing == "UNKNOWN_READER" }) &&
			slices.ContainsFunc(seen, func(r reader) bool { return r.Standing == "BOTH" }), err
	})
	for _, r := range seen {
		s.say("%-16s %-20s %s", r.Standing, r.name(), strings.Join(r.groups(), ", "))
	}
	s.expect(err == nil, "a reader that nobody declared is seen", "%s", describe(seen, "UNKNOWN_READER"))
	return s.topics(ctx)
}

// topics waits until the cluster has told how long each topic keeps data. A
// plan made before would rightly name what nobody has seen as a gap.
func (s *scene) topics(ctx context.Context) error {
	names := []string{"flowmart.customers.v1", "flowmart.orders.v1", "flowmart.payments.v1", "flowmart.shipments.v1", "flowmart.reviews.v1"}
	return until(ctx, patience, func() (bool, error) {
		for _, name := range names {
			var answer struct {
				Dataset *struct {
					Topic *struct{ CleanupPolicy *string }
				}
			}
			err := s.ask(ctx, "viewer", `query($n: String!) { dataset(namespace: "kafka://default", name: $n) { topic { cleanupPolicy } } }`,
				map[string]any{"n": name}, &answer)
			if err != nil || answer.Dataset == nil || answer.Dataset.Topic == nil || answer.Dataset.Topic.CleanupPolicy == nil {
				return false, err
			}
		}
		return true, nil
	})
}

type reader struct {
	Standing string
	Service  *struct{ Ref string }
	Groups   []struct{ Cluster, Name string }
}

func (r reader) name() string {
	if r.Service == nil {
		return "nobody knows who"
	}
	return r.Service.Ref
}

func (r reader) groups() (out []string) {
	for _, g := range r.Groups {
		out = append(out, g.Name)
	}
	return out
}

func describe(rs []reader, standing string) string {
	for _, r := range rs {
		if r.Standing == standing {
			return "group " + strings.Join(r.groups(), ", ")
		}
	}
	return "none"
}

func (s *scene) readersOf(ctx context.Context, topic string) ([]reader, error) {
	var answer struct {
		Dataset *struct{ Readers []reader }
	}
	err := s.ask(ctx, "viewer", `query($n: String!) { dataset(namespace: "kafka://default", name: $n) { readers { standing service { ref } groups { cluster name } } } }`,
		map[string]any{"n": topic}, &answer)
	if err != nil || answer.Dataset == nil {
		return nil, err
	}
	return answer.Dataset.Readers, nil
}

// choose picks two customers who have bought and reviewed something, once the
// events have reached every service.
func (s *scene) choose(ctx context.Context) error {
	s.step("Two customers, and where they are")
	err := until(ctx, patience, func() (bool, error) {
		ids, err := s.settled(ctx)
		if err != nil || len(ids) < 2 {
			return false, err
		}
		if s.erased, err = s.person(ctx, ids[0]); err != nil {
			return false, err
		}
		s.access, err = s.person(ctx, ids[1])
		return true, err
	})
	if err != nil {
		return fmt.Errorf("no two customers reached every service: %w", err)
	}
	s.before, err = s.everywhere(ctx, s.erased)
	if err != nil {
		return err
	}
	total := 0
	for _, name := range append(slices.Clone(services), exporter) {
		s.say("%-20s %3d rows of %s: %s", name, s.before[name].total(), s.erased.CustomerID, s.before[name])
		total += s.before[name].total()
	}
	s.expect(total >= 10 && s.before["orders"].total() > 0, "the search finds the person in the services' own databases before", "%d rows", total)
	return nil
}

// settled lists customers who are known to every service.
func (s *scene) settled(ctx context.Context) ([]string, error) {
	ids := map[string]int{}
	for _, from := range []struct{ service, q string }{
		{"orders", `SELECT DISTINCT customer_id FROM orders`},
		{"payments", `SELECT DISTINCT customer_id FROM invoices`},
		{"shipping", `SELECT DISTINCT customer_id FROM shipments`},
		{"reviews", `SELECT DISTINCT customer_id FROM reviews WHERE customer_id IS NOT NULL`},
	} {
		found, err := column(ctx, s.postgres.SuperURL(database(from.service)), from.q)
		if err != nil {
			return nil, err
		}
		for _, id := range found {
			ids[id]++
		}
	}
	emails, err := column(ctx, s.postgres.SuperURL(database("notifications")), `SELECT DISTINCT email FROM notifications`)
	if err != nil {
		return nil, err
	}
	contacts, err := column(ctx, s.postgres.SuperURL(database(exporter)), `SELECT email FROM marketing_contacts`)
	if err != nil {
		return nil, err
	}
	var out []string
	for id, n := range ids {
		if n < 4 {
			continue
		}
		p, err := s.person(ctx, id)
		if err != nil {
			return nil, err
		}
		if slices.Contains(emails, p.Email) && slices.Contains(contacts, p.Email) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (s *scene) person(ctx context.Context, id string) (p person, err error) {
	conn, err := pgx.Connect(ctx, s.postgres.SuperURL(database("customers")))
	if err != nil {
		return p, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, `SELECT customer_id, email, phone, full_name FROM customers WHERE customer_id = $1`, id).
		Scan(&p.CustomerID, &p.Email, &p.Phone, &p.Name)
	return p, err
}

func column(ctx context.Context, superURL, q string) ([]string, error) {
	conn, err := pgx.Connect(ctx, superURL)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// everywhere searches a person in every service's own database.
func (s *scene) everywhere(ctx context.Context, p person) (map[string]hits, error) {
	out := map[string]hits{}
	look := needlesOf(p.identifiers()...)
	for _, name := range append(slices.Clone(services), exporter) {
		found, _, err := look.database(ctx, s.postgres.SuperURL(database(name)))
		if err != nil {
			return nil, err
		}
		out[name] = found
	}
	return out, nil
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}
