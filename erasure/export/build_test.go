package export_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/export"
	"github.com/flowmart/lethe/erasure/export/manifest"
)

// opened fetches a package as its handler, decrypts it with the passphrase
// that Lethe tells, and returns its files by name.
func (f *fixture) opened(p export.Package) map[string][]byte {
	f.t.Helper()
	pass, err := f.exports.Passphrase(context.Background(), f.handler, p.ID)
	if err != nil {
		f.t.Fatal(err)
	}
	id, err := age.NewScryptIdentity(pass)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.openedWith(p, id)
}

func (f *fixture) openedWith(p export.Package, id age.Identity) map[string][]byte {
	f.t.Helper()
	resp := f.get("/packages/"+p.ID.String(), "handler")
	if resp.StatusCode != http.StatusOK {
		f.t.Fatal(resp.Status)
	}
	plain, err := age.Decrypt(resp.Body, id)
	if err != nil {
		f.t.Fatal(err)
	}
	b, err := io.ReadAll(plain)
	if err != nil {
		f.t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		f.t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, file := range z.File {
		r, err := file.Open()
		if err != nil {
			f.t.Fatal(err)
		}
		if files[file.Name], err = io.ReadAll(r); err != nil {
			f.t.Fatal(err)
		}
	}
	return files
}

func (f *fixture) newestReady() (newest export.Package) {
	f.t.Helper()
	found, err := export.PackagesOf(context.Background(), f.db, []uuid.UUID{f.request})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, p := range found[f.request] {
		if p.Ready() {
			newest = p
		}
	}
	return newest
}

func manifestOf(t *testing.T, files map[string][]byte) (m manifest.Manifest) {
	t.Helper()
	if err := json.Unmarshal(files["manifest.json"], &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestManifestAccountsForThePlan: every dataset of the plan is in the manifest
// with what became of it, and the package is complete only when nothing is
// missing. Late parts are named.
func TestManifestAccountsForThePlan(t *testing.T) {
	t.Parallel()
	f := setup(t, export.Config{})
	f.node(4, "GAP", f.gap, nil, "NO_RIGHTS_ENDPOINT")
	f.hands(f.orders, f.task, f.rows, 1, []byte(aRecord), 1, "ndjson")
	f.says(f.task, f.items, "NOT_FOUND")
	f.exec(`UPDATE erasure_task SET code = 'STORAGE_UNAVAILABLE' WHERE key = $1`, f.task2)

	first := f.builds()
	if *first.Complete || first.No != 1 || f.packaged != 1 || len(first.Missing) != 1 || first.Missing[0] != f.reviews.id {
		t.Errorf("first package: complete %v, no %d, told %d times, missing %v", *first.Complete, first.No, f.packaged, first.Missing)
	}
	files := f.opened(first)
	m := manifestOf(t, files)
	want := []string{"not_found ", "exported ", "missing STORAGE_UNAVAILABLE", "gap NO_RIGHTS_ENDPOINT"}
	for i, h := range m.Datasets {
		if got := fmt.Sprintf("%s %s", h.Status, h.Reason); got != want[i] {
			t.Errorf("%s is %q, want %q", h.Name, got, want[i])
		}
	}
	if m.Case != "R-2026-000123" || m.Complete || len(m.Late) != 0 || m.Controller != "FlowMart GmbH" || len(m.PlanDigest) != 64 {
		t.Errorf("manifest %+v", m)
	}
	for _, file := range m.Files {
		if got := digest(files[file.Name]); got != file.SHA256 || int64(len(files[file.Name])) != file.Bytes {
			t.Errorf("%s: the manifest's size or SHA-256 is not the file's", file.Name)
		}
	}
	if len(m.Files) != len(files)-1 {
		t.Errorf("the package has %d files beside the manifest, which lists %d", len(files)-1, len(m.Files))
	}
	if again := f.builds(); again.ID != first.ID || f.packaged != 2 {
		t.Error("the same contents were built twice")
	}

	// The service answers after the package was sealed.
	late := []byte(`{"stars":5}` + "\n")
	f.hands(f.reviews, f.task2, f.reviewed, 1, late, 1, "ndjson")
	second := f.builds()
	if second.No != 2 || second.LateParts != 1 || len(second.Missing) != 0 {
		t.Errorf("second package: no %d, late %d, missing %v", second.No, second.LateParts, second.Missing)
	}
	m = manifestOf(t, f.opened(second))
	if len(m.Late) != 1 || m.Late[0].Dataset != f.reviewed || !m.Datasets[2].Parts[0].Late || m.Datasets[1].Parts[0].Late {
		t.Errorf("late parts: %+v", m.Late)
	}
	if m.Complete {
		t.Error("a gap leaves the package incomplete")
	}
}

// TestUndeclaredPartsAreNamed: a part that no signed result declares is not
// handed over, and not passed over in silence either.
func TestUndeclaredPartsAreNamed(t *testing.T) {
	t.Parallel()
	f := setup(t, export.Config{})
	f.hands(f.orders, f.task, f.rows, 1, []byte(aRecord), 1, "ndjson")
	f.does(of(f.orders, f.task, f.rows, 2, []byte(`{"order_id":"undeclared"}`)), http.StatusNoContent)
	files := f.opened(f.builds())
	m := manifestOf(t, files)
	if len(m.Datasets[1].Parts) != 2 || m.Datasets[1].Parts[1].Status != "undeclared" || bytes.Contains(files["data/002-public.orders.ndjson"], []byte("undeclared")) {
		t.Errorf("parts: %+v", m.Datasets[1].Parts)
	}
}

// TestDamagedPartIsQuarantined: a part that was changed in storage, or is not
// what it was said to be, stops nothing else, and the manifest says so.
func TestDamagedPartIsQuarantined(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]func(f *fixture){
		"PART_DAMAGED": func(f *fixture) {
			f.hands(f.reviews, f.task2, f.reviewed, 1, []byte(`{"stars":5}`), 1, "ndjson")
			newest := f.partFile(f.reviewed)
			b, err := os.ReadFile(newest)
			if err != nil {
				f.t.Fatal(err)
			}
			b[len(b)-1] ^= 1
			if err := os.WriteFile(newest, b, 0o600); err != nil {
				f.t.Fatal(err)
			}
		},
		"PART_LOST": func(f *fixture) {
			f.hands(f.reviews, f.task2, f.reviewed, 1, []byte(`{"stars":5}`), 1, "ndjson")
			if err := os.Remove(f.partFile(f.reviewed)); err != nil {
				f.t.Fatal(err)
			}
		},
		"PART_UNREADABLE": func(f *fixture) {
			f.hands(f.reviews, f.task2, f.reviewed, 1, []byte(`{"stars":5,}`), 1, "ndjson")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, export.Config{})
			f.hands(f.orders, f.task, f.rows, 1, []byte(aRecord), 1, "ndjson")
			f.says(f.task, f.items, "NOT_FOUND")
			broken(f)
			p := f.builds()
			files := f.opened(p)
			m := manifestOf(t, files)
			h := m.Datasets[2]
			if *p.Complete || h.Status != manifest.Damaged || h.Parts[0].Status != "quarantined" || h.Parts[0].Code != name {
				t.Errorf("%+v", h)
			}
			if string(files["data/002-public.orders.ndjson"]) != aRecord {
				t.Error("the other dataset is not in the package")
			}
			if left, _ := filepath.Glob(filepath.Join(f.dir, "packages", "*")); len(left) != 1 {
				t.Errorf("files of attempts were left: %v", left)
			}
			// Sent anew, the part is good again, and late.
			f.hands(f.reviews, f.task2, f.reviewed, 1, []byte(`{"stars":5}`+"\n"), 1, "ndjson")
			if p := f.builds(); !*p.Complete || p.LateParts != 1 {
				t.Errorf("after the part was sent anew: complete %v, late %d", *p.Complete, p.LateParts)
			}
		})
	}
}

func (f *fixture) partFile(dataset uuid.UUID) string {
	f.t.Helper()
	parts, err := export.PartsOf(context.Background(), f.db, []uuid.UUID{f.request})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, p := range parts[f.request] {
		if p.DatasetID == dataset {
			return filepath.Join(f.dir, "parts", p.ID.String())
		}
	}
	f.t.Fatal("no such part")
	return ""
}

// TestHostileData: formulas stay text in a spreadsheet (OWASP, CSV injection),
// markup stays text on the page, and file names are Lethe's own.
func TestHostileData(t *testing.T) {
	t.Parallel()
	f := setup(t, export.Config{})
	records := []string{
		`{"order_id":"=HYPERLINK(\"http://evil.test\",\"x\")","note":"<script>alert(1)</script>","phone":"+49 30 1"}`,
		`{"order_id":"+1+cmd|' /C calc'!A0","note":"\"><img src=x onerror=alert(1)>","phone":"+4930123"}`,
		`{"order_id":"-1+1","note":"=1+1","phone":"-12.5"}`,
		`{"order_id":"@SUM(A1)","note":"\tx","phone":null,"../../etc/passwd":"column"}`,
		`{"order_id":" =1+1","note":{"<b>":"nested"},"phone":-7,"=evil()":"head"}`,
	}
	body := []byte(strings.Join(records, "\n") + "\n")
	f.hands(f.orders, f.task, f.rows, 1, body, 5, "ndjson")
	files := f.opened(f.builds())
	for name := range files {
		if strings.Contains(name, "..") || strings.HasPrefix(name, "/") || strings.ContainsAny(name, `\:`) {
			t.Errorf("file name %q", name)
		}
	}
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(files["data/002-public.orders.csv"], []byte("\uFEFF")))).ReadAll()
	if err != nil || len(rows) != 6 {
		t.Fatal(len(rows), err)
	}
	want := [][]string{
		{"order_id", "note", "phone", "../../etc/passwd", "'=evil()"},
		{`'=HYPERLINK("http://evil.test","x")`, "<script>alert(1)</script>", "'+49 30 1", "", ""},
		{"'+1+cmd|' /C calc'!A0", `"><img src=x onerror=alert(1)>`, "+4930123", "", ""},
		{"'-1+1", "'=1+1", "-12.5", "", ""},
		{"'@SUM(A1)", "'\tx", "", "column", ""},
		{"' =1+1", `{"<b>":"nested"}`, "-7", "", "head"},
	}
	for i := range want {
		if fmt.Sprint(rows[i]) != fmt.Sprint(want[i]) {
			t.Errorf("row %d: %q, want %q", i, rows[i], want[i])
		}
	}
	page := string(files["index.html"])
	for _, markup := range []string{"<script", "<img", "<b>", "javascript:", "http://"} {
		if strings.Contains(strings.ReplaceAll(page, "http://evil.test", ""), markup) {
			t.Errorf("the page holds %q", markup)
		}
	}
	for _, text := range []string{"&lt;script&gt;alert(1)", "default-src 'none'", "R-2026-000123", "What you ordered", "Art. 77", "FlowMart GmbH"} {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
	if !bytes.Equal(files["data/002-public.orders.ndjson"], body) {
		t.Error("the JSON lines are not the service's own")
	}
}

// TestFormats: an array, CSV and pretty JSON become records alike; what is
// binary stays as it came.
func TestFormats(t *testing.T) {
	t.Parallel()
	f := setup(t, export.Config{})
	parts := []struct {
		body    string
		records int64
		format  string
	}{
		{`[{"a":1,"b":"x"},` + "\n" + `{"a":2}]`, 2, "json"},
		{"{\n  \"a\": 3\n}\n{\"a\": 4}", 2, "ndjson"},
		{"a,b\r\n5,\"two\nlines\"\r\n6,\r\n", 2, "csv"},
		{"\x00\x01binary\xff", 0, "binary"},
	}
	for i, p := range parts {
		f.does(of(f.orders, f.task, f.rows, i+1, []byte(p.body)), http.StatusNoContent)
		if err := f.accepts(f.task, declare(f.rows, i+1, []byte(p.body), p.records, p.format)); err != nil {
			t.Fatal(p.format, err)
		}
	}
	f.says(f.task, f.rows, "EXPORTED")
	files := f.opened(f.builds())
	wantLines := `{"a":1,"b":"x"}` + "\n" + `{"a":2}` + "\n" + `{"a":3}` + "\n" + `{"a":4}` + "\n" + `{"a":"5","b":"two\nlines"}` + "\n" + `{"a":"6","b":""}` + "\n"
	if got := string(files["data/002-public.orders.ndjson"]); got != wantLines {
		t.Errorf("lines:\n%s", got)
	}
	wantRows := "\uFEFFa,b\r\n1,x\r\n2,\r\n3,\r\n4,\r\n5,\"two\r\nlines\"\r\n6,\r\n"
	if got := string(files["data/002-public.orders.csv"]); got != wantRows {
		t.Errorf("rows:\n%q", got)
	}
	if got := string(files["files/002-public.orders-4.bin"]); got != parts[3].body {
		t.Errorf("binary: %q", got)
	}
	m := manifestOf(t, files)
	if m.Datasets[1].Records != 6 || !strings.Contains(string(files["schemas/002-public.orders.json"]), "The number of the order") {
		t.Errorf("%+v", m.Datasets[1])
	}
}
