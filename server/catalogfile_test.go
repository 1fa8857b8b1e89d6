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
