package demo

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
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
	r, err := s.reach(ctx, number, 60*time.Second, "PLANNED")
	if err != nil {
		return err
	}
	if err := s.approve(ctx, r); err != nil {
		return err
	}
	if r, err = s.follow(ctx, number, s.patience()); err != nil {
		return err
	}
	s.expect(r.Outcome != nil && *r.Outcome == "FULFILLED", "the access request closes with a part of every service", "%s", *r.Outcome)
	return s.unpack(ctx, r)
}

// unpack fetches the package, encrypted to a key that only the receiver has,
// and compares it with what the services hold.
func (s *scene) unpack(ctx context.Context, r request) error {
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
	err = until(ctx, 30*time.Second, func() (bool, error) {
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
	return s.compare(ctx, raw)
}

func path(u string) string {
	if _, rest, ok := strings.Cut(u, "://"); ok {
		if _, p, ok := strings.Cut(rest, "/"); ok {
			return "/" + p
		}
	}
	return u
}

// compare opens the package and counts what it holds against the services'
// databases.
func (s *scene) compare(ctx context.Context, raw []byte) error {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return fmt.Errorf("the package is no ZIP file: %w", err)
	}
	var names []string
	text := map[string][]byte{}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			return err
		}
		body, err := io.ReadAll(in)
		in.Close()
		if err != nil {
			return err
		}
		names, text[f.Name] = append(names, f.Name), body
	}
	s.say("%s", strings.Join(names, ", "))
	has := func(name string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, name) })
	}
	s.expect(has("manifest.json") && has("index.html"), "the package has a manifest and a readable page", "%d files", len(names))
	orders, err := column(ctx, s.postgres.SuperURL(database("orders")), `SELECT order_id FROM orders WHERE customer_id = '`+s.access.CustomerID+`'`)
	if err != nil {
		return err
	}
	missing := 0
	for _, id := range orders {
		if !slices.ContainsFunc(names, func(n string) bool { return bytes.Contains(text[n], []byte(id)) }) {
			missing++
		}
	}
	foreign := 0
	others := needlesOf(s.erased.Email)
	for _, body := range text {
		if others.in(body) {
			foreign++
		}
	}
	s.expect(len(orders) > 0 && missing == 0 && foreign == 0, "it holds every order of hers and nobody else's", "%d orders, %d missing, %d foreign files", len(orders), missing, foreign)
	return nil
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

// canary plants an identifier, digested, and looks whether the search sees it.
func (s *scene) canary(ctx context.Context, look needles) error {
	conn, err := pgx.Connect(ctx, s.postgres.SuperURL("lethe"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `CREATE TABLE canary AS SELECT sha256(convert_to($1::text, 'UTF8')) AS hidden`, s.erased.Email); err != nil {
		return err
	}
	found, _, err := look.database(ctx, s.postgres.SuperURL("lethe"))
	if err != nil {
		return err
	}
	s.expect(found.total() == 1, "the same search finds a canary planted as a digest", "%s", found)
	_, err = conn.Exec(ctx, `DROP TABLE canary`)
	return err
}

// verifyAudit verifies the audit log against the checkpoints outside; where
// the demo is to be broken so, it is tampered with first.
func (s *scene) verifyAudit(ctx context.Context) error {
	if s.o.Break == "tampers-audit" {
		if err := s.tamper(ctx); err != nil {
			return err
		}
	}
	var out string
	err := until(ctx, 10*time.Second, func() (bool, error) {
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
  Logs       %[3]s

  export LETHE_URL=http://%[1]s
  export LETHE_TOKEN=$(%[4]s token --as dpo --url http://%[1]s)
  curl -s http://%[1]s/graphql -H "Authorization: Bearer $LETHE_TOKEN" -H 'Content-Type: application/json' \
    -d '{"query":"{ requests(first: 10) { nodes { caseNumber type state outcome dueOn } } }"}'
`, s.url, s.ops, s.dir, relative(s.o.Lethe))
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
