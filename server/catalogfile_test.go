package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/server/servertest"
)

const shop = `lethe: catalog/1
controllers:
  - ref: shop
    name: Shop GmbH
    country: DE
    time_zone: Europe/Berlin
teams:
  - ref: care
    name: Care
`

// A file goes in once, comes out again, and says nothing new the second time.
func TestCatalogFileThereAndBack(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	call := func(method, path string, as access.Role, body string) (int, string) {
		t.Helper()
		resp := s.Do(t, method, "/api/v1/catalog"+path, s.Token(as), strings.NewReader(body))
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(raw)
	}
	if status, body := call(http.MethodPost, "?dry_run=true", access.Admin, shop); status != 200 || strings.Count(body, `"CREATE"`) != 2 {
		t.Fatalf("dry run: %d %s", status, body)
	}
	if status, body := call(http.MethodGet, "", access.Viewer, ""); status != 200 || strings.Contains(body, "shop") {
		t.Errorf("a dry run changed something: %d %s", status, body)
	}
	if status, body := call(http.MethodPost, "", access.Admin, shop); status != 200 || strings.Count(body, `"CREATE"`) != 2 {
		t.Fatalf("import: %d %s", status, body)
	}
	status, exported := call(http.MethodGet, "", access.Viewer, "")
	if status != 200 || !strings.Contains(exported, "Shop GmbH") {
		t.Fatalf("export: %d %s", status, exported)
	}
	if status, body := call(http.MethodPost, "", access.Admin, exported); status != 200 || !strings.Contains(body, `"changes":[]`) {
		t.Errorf("the export, imported again: %d %s", status, body)
	}
	if status, body := call(http.MethodPost, "", access.Admin, strings.Replace(shop, "country", "contry", 1)); status != 422 || !strings.Contains(body, `"path":"5:5"`) {
		t.Errorf("a mistake: %d %s", status, body)
	}
	if status, _ := call(http.MethodPost, "", access.Viewer, shop); status != 403 {
		t.Errorf("a viewer imports: %d", status)
	}
	if status, _ := call(http.MethodPost, "", access.Admin, strings.Repeat("#", 5<<20)); status != 413 {
		t.Errorf("5 MiB: %d", status)
	}
}

// Whoever means to try an import and writes it another way is told so, and
// nothing is imported.
func TestCatalogFileIsTriedOnlyByItsWord(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	for query, says := range map[string]string{
		"?dry_run=1": `"path":"dry_run"`, "?dry_run=TRUE": `"path":"dry_run"`, "?dry_run=": `"path":"dry_run"`, "?dry_run": `"path":"dry_run"`,
		"?dry_run=true&dry_run=false": `"path":"dry_run"`, "?dry-run=true": "did you mean", "?dryRun=true": "did you mean", "?x=y": "one parameter",
		"?dry_run=true;x": "cannot be read",
	} {
		resp := s.Do(t, http.MethodPost, "/api/v1/catalog"+query, s.Token(access.Admin), strings.NewReader(shop))
		raw, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(raw), says) || !strings.Contains(string(raw), "BAD_PARAMETER") {
			t.Errorf("%s: %d %s (%v)", query, resp.StatusCode, raw, err)
		}
	}
	resp := s.Do(t, http.MethodPost, "/api/v1/catalog?dry_run=false", s.Token(access.Admin), strings.NewReader(shop))
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || strings.Count(string(raw), `"CREATE"`) != 2 {
		t.Errorf("the import after them, which must be the first: %d %s (%v)", resp.StatusCode, raw, err)
	}
}

// The values of variables are put in where the file is understood: none of
// them is read as YAML, and what stands for itself stays.
func TestCatalogFileWithVariables(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	send := func(body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/api/v1/catalog", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/vnd.lethe.catalog+json; charset=utf-8")
		r.Header.Set("Authorization", "Bearer "+s.Token(access.Admin))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(raw)
	}
	const text = `lethe: catalog/1\nteams:\n  - ref: a\n    name: ${A}\n  - {ref: b, name: 'it is ${B}'}\n  - ref: c\n    name: $${HOME} and ${C}\n`
	if status, body := send(`{"yaml":"` + text + `","variables":{"A":"x: y","B":"it's # \"one\", {two}","C":"${D}"}}`); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	for ref, want := range map[string]string{"a": "x: y", "b": `it is it's # "one", {two}`, "c": "${HOME} and ${D}"} {
		var name string
		if err := s.DB.QueryRow(t.Context(), `SELECT name FROM catalog_owner WHERE ref = $1`, ref).Scan(&name); err != nil || name != want {
			t.Errorf("%s: %q, want %q (%v)", ref, name, want, err)
		}
	}
	if status, body := send(`{"yaml":"` + text + `","variables":{"A":"x"}}`); status != 422 || !strings.Contains(body, "VARIABLE_NOT_SET") {
		t.Errorf("variables missing: %d %s", status, body)
	}
	for _, body := range []string{`[]`, `{}`, `{"yaml":5}`, `{"yaml":"x","variable":{}}`, `{"yaml":"x"} {}`, `{"yaml":"x","variables":{"A":1}}`, `lethe: catalog/1`} {
		if status, answer := send(body); status != 422 || !strings.Contains(answer, "BAD_JSON") {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
}

// Controllers that name no country and no time zone get those of the settings,
// and a file that names none changes nothing when it comes again.
func TestCatalogFileOfNoPlace(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, servertest.With("country", "FR"), servertest.With("timezone", "Europe/Paris"))
	bare := strings.Replace(shop, "    country: DE\n    time_zone: Europe/Berlin\n", "", 1)
	for _, want := range []string{`"CREATE"`, `"changes":[]`} {
		resp := s.Do(t, http.MethodPost, "/api/v1/catalog", s.Token(access.Admin), strings.NewReader(bare))
		raw, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || !strings.Contains(string(raw), want) {
			t.Fatalf("%d %s (%v)", resp.StatusCode, raw, err)
		}
	}
	const declare = `mutation($input: DeclareControllerInput!) { declareController(input: $input) { controller { country timeZone } userErrors { code } } }`
	var a struct {
		DeclareController struct {
			Controller struct{ Country, TimeZone string }
		}
	}
	s.Query(t, access.Admin, declare, map[string]any{"input": map[string]any{"ref": "other", "name": "Other"}}, &a)
	if c := a.DeclareController.Controller; c.Country != "FR" || c.TimeZone != "Europe/Paris" {
		t.Errorf("declared at %+v", c)
	}
	var country, zone string
	if err := s.DB.QueryRow(t.Context(), `SELECT country, time_zone FROM catalog_controller WHERE ref = 'shop'`).Scan(&country, &zone); err != nil || country != "FR" || zone != "Europe/Paris" {
		t.Errorf("imported at %s %s (%v)", country, zone, err)
	}
}

// The server knows the holidays of the member states and of their regions: a
// controller that could take no request is refused, at its line.
func TestCatalogFileOfAPlaceWithoutHolidays(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	for change, want := range map[string]string{
		"country: CH":                      `"path":"5:5"`,
		"country: DE\n    region: DE-ZZ":   `"path":"6:5"`,
		"country: DE\n    region: DE-BY":   "",
		"country: AT\n    region: AT-9":    "leave the region empty",
		"country: FR\n    region: FR-57":   "",
		"country: US\n    region: US-CA\n": "no holiday calendar",
	} {
		resp := s.Do(t, http.MethodPost, "/api/v1/catalog?dry_run=true", s.Token(access.Admin), strings.NewReader(strings.Replace(shop, "country: DE", change, 1)))
		raw, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || (resp.StatusCode == 200) != (want == "") || !strings.Contains(string(raw), want) {
			t.Errorf("%q: %d %s (%v)", change, resp.StatusCode, raw, err)
		}
	}
}
