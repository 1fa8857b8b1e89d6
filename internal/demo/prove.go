package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
)

// handOver plays the access request and opens the package as its receiver.
func (s *scene) handOver(ctx context.Context) error {
	s.step("%s asks for her data", s.access.CustomerID)
	number, err := s.openRequest(ctx, "ACCESS", s.access)
	if err != nil {
		return err
	}
	r, err := s.reach(ctx, number, "PLANNED")
	if err != nil {
		return err
	}
	held, err := s.belongings(ctx, s.access)
	if err != nil {
		return err
	}
	if err := s.approve(ctx, r); err != nil {
		return err
	}
	if r, err = s.follow(ctx, number, func(task) {}); err != nil {
		return err
	}
	s.expect(r.Outcome != nil && *r.Outcome == "FULFILLED", "the access request closes with a part of every service", "%s", *r.Outcome)
	if err := s.certificate(ctx, number, "the access request"); err != nil {
		return err
	}
	return s.unpack(ctx, r, held)
}

// unpack fetches the package, encrypted to a key that only the receiver has,
// and compares it with what the services hold.
func (s *scene) unpack(ctx context.Context, r request, held belongings) error {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	var prepared map[string]any
	err = s.ask(ctx, "handler", `mutation($i: PreparePackageInput!) { preparePackage(input: $i) { request { id } userErrors { code message path } } }`,
		map[string]any{"i": map[string]any{"requestId": r.ID, "recipient": key.Recipient().String()}}, &prepared)
	if err != nil {
		return err
	}
	err = until(ctx, patience, func() (bool, error) {
		r, err = s.look(ctx, r.CaseNumber)
		return r.Package != nil && r.Package.Lock != nil && *r.Package.Lock == "RECIPIENT" && r.Package.DownloadURL != nil, err
	})
	if err != nil {
		return fmt.Errorf("no package: %w", err)
	}
	sealed, err := s.get(ctx, "handler", path(*r.Package.DownloadURL))
	if err != nil {
		return err
	}
	s.expect(!bytes.Contains(sealed, []byte(s.access.Email)), "the package is encrypted", "%d bytes", len(sealed))
	plain, err := age.Decrypt(bytes.NewReader(sealed), key)
	if err != nil {
		return fmt.Errorf("the package does not open: %w", err)
	}
	raw, err := io.ReadAll(plain)
	if err != nil {
		return err
	}
	return s.compare(ctx, raw, held)
}

func path(u string) string {
	if _, rest, ok := strings.Cut(u, "://"); ok {
		if _, p, ok := strings.Cut(rest, "/"); ok {
			return "/" + p
		}
	}
	return u
}

// prove looks everywhere for the person who was erased.
func (s *scene) prove(ctx context.Context) error {
	s.step("Proof: where is %s now?", s.erased.CustomerID)
	after, err := s.everywhere(ctx, s.erased)
	if err != nil {
		return err
	}
	var rows [][]string
	left := 0
	for _, name := range append(slices.Clone(services), exporter) {
		kept := 0
		for table, n := range after[name] {
			if name == "payments" && strings.Contains(table, "invoices") {
				kept += n
				continue
			}
			left += n
		}
		rows = append(rows, []string{name, fmt.Sprint(s.before[name].total()), fmt.Sprint(after[name].total()), after[name].String()})
		if name == "payments" {
			s.expect(kept > 0, "the invoices are still there, as the law wants", "%d", kept)
		}
	}
	s.table([]string{"own database of", "before", "after", "what is left"}, rows)
	s.expect(left == 0, "nothing else is left in the services' own databases", "%d rows", left)
	if err := s.searchLethe(ctx); err != nil {
		return err
	}
	return s.verifyAudit(ctx)
}

// searchLethe searches Lethe's own database, files, logs and metrics, and shows
// that the search would have found something.
func (s *scene) searchLethe(ctx context.Context) error {
	look := needlesOf(s.erased.identifiers()...)
	found, rows, err := look.database(ctx, s.postgres.SuperURL("lethe"))
	if err != nil {
		return err
	}
	s.expect(found.total() == 0 && rows > 100, "no form of the identifiers in Lethe's whole database", "%d of %d rows %s", found.total(), rows, found)
	logs, err := filepath.Glob(s.file("*.log"))
	if err != nil {
		return err
	}
	found, err = look.files(append(logs, s.file("anchors"), s.file("storage"), s.postgres.LogPath())...)
	if err != nil {
		return err
	}
	s.expect(found.total() == 0, "none in logs (PostgreSQL's and the services' too), anchors and exports", "%d %s", found.total(), found)
	found, err = look.page(ctx, "http://"+s.ops+"/metrics")
	if err != nil {
		return err
	}
	s.expect(found.total() == 0, "none in the metrics", "%d", found.total())
	return s.canary(ctx, look)
}

// canary plants an identifier where it is hard to see, and looks whether the
// search sees it: as a digest, and inside base64 as a certificate's payload is,
// beginning at each of the three places, as text and as bytes.
func (s *scene) canary(ctx context.Context, look needles) error {
	conn, err := pgx.Connect(ctx, s.postgres.SuperURL("lethe"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	const q = `
		CREATE TABLE canary AS
		WITH encoded AS (
			SELECT translate(encode(convert_to(json_build_object('n', repeat('9', n), 'email', $1::text)::text, 'UTF8'), 'base64'), E'\n', '') AS payload
			  FROM generate_series(1, 3) AS n
		)
		SELECT sha256(convert_to($1::text, 'UTF8')) AS digest, NULL::text AS payload, NULL::bytea AS file
		 UNION ALL
		SELECT NULL, payload, NULL FROM encoded
		 UNION ALL
		SELECT NULL, NULL, convert_to(payload, 'UTF8') FROM encoded`
	if _, err := conn.Exec(ctx, q, s.erased.Email); err != nil {
		return err
	}
	found, _, err := look.database(ctx, s.postgres.SuperURL("lethe"))
	if err != nil {
		return err
	}
	s.expect(found["public.canary"] == 7, "the same search finds canaries planted as a digest and inside base64", "%d of 7", found["public.canary"])
	_, err = conn.Exec(ctx, `DROP TABLE canary`)
	return err
}

// verifyAudit verifies the audit log against the checkpoints outside; where
// the demo is to be broken so, it is tampered with first.
func (s *scene) verifyAudit(ctx context.Context) error {
	wait := patience
	if s.o.Break == "tampers-audit" {
		if err := s.tamper(ctx); err != nil {
			return err
		}
		wait = 10 * time.Second // for what will not come
	}
	var out string
	err := until(ctx, wait, func() (bool, error) {
		var err error
		out, err = s.run(ctx, nil, "audit", "verify")
		return err == nil, nil
	})
	s.expect(err == nil, "the audit log holds against its checkpoints outside the database", "%s", lastLine(out))
	return nil
}

// tamper changes one entry as only a superuser can.
func (s *scene) tamper(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.postgres.SuperURL("lethe"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `SET session_replication_role = replica;
		UPDATE audit_entry SET code = 'FULFILLED' WHERE id = (SELECT id FROM audit_entry WHERE act = 'request.concluded' ORDER BY id LIMIT 1)`)
	return err
}

// guide tells how to look around.
func (s *scene) guide() {
	fmt.Fprintf(s.out, `
Lethe keeps serving until Ctrl-C.
  Portal     http://%[1]s/          sign in as anybody: handler, approver, dpo, auditor, steward, admin, viewer
  GraphiQL   http://%[1]s/graphiql
  Metrics    http://%[2]s/metrics
  Database   %[5]s
  Logs       %[3]s

%[4]s
`, s.url, s.ops, s.dir, s.example(), s.postgres.AppURL("lethe"))
}

// example is what the guide says to type.
func (s *scene) example() string {
	return fmt.Sprintf(`  export LETHE_URL=http://%[1]s
  export LETHE_TOKEN=$(%[2]s token --as dpo --url http://%[1]s)
  curl -s http://%[1]s/graphql -H "Authorization: Bearer $LETHE_TOKEN" -H 'Content-Type: application/json' \
    -d '{"query":"{ requests(first: 10) { nodes { caseNumber type state outcome dueOn } } }"}'`, s.url, relative(s.o.Lethe))
}

// lookAround types what the guide says to type.
func (s *scene) lookAround(ctx context.Context) error {
	if curl, _ := exec.LookPath("curl"); curl == "" {
		s.say("curl is not on this machine; the line that uses it was not tried")
		return nil
	}
	out, err := exec.CommandContext(ctx, "sh", "-c", s.example()).Output()
	s.expect(err == nil && bytes.Contains(out, []byte(s.opened[0])), "the curl line below answers", "%d bytes", len(out))
	return nil
}

func relative(p string) string {
	wd, err := os.Getwd()
	if err != nil {
		return p
	}
	if rel, err := filepath.Rel(wd, p); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return p
}
