package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"golang.org/x/sync/errgroup"

	"github.com/flowmart/lethe/internal/devstack"
)

// Versions of Apicurio Registry that run on Java 17, of its two lines.
const (
	apicurio2 = "2.6.13.Final"
	apicurio3 = "3.0.9"
)

// apicurioKit is Apicurio Registry as it is published on Maven Central. The parent of
// its description is not, so it is fetched by a version of the plugin that does not
// look for that.
func apicurioKit(version string) kit {
	return kit{
		name: "apicurio-" + version,
		make: [][]string{{"java", "-version"}, {"mvn", "-q", "-B", "-C", "org.apache.maven.plugins:maven-dependency-plugin:2.10:get",
			"-Dartifact=io.apicurio:apicurio-registry-app:" + version + ":tar.gz:all", "-Dtransitive=false", "-Ddest=archive"}},
		sum: map[string]string{
			apicurio2: "3cda1b34aa020fb4ac4dd6a66018d757e81e437f97e20a1f92d366b70091c6ba",
			apicurio3: "2b28181501a20cbf6efcd77f9b7153908fc01f3d3a7c32024c0bd9e1b04c8a43",
		}[version],
		needs: "Java 17 or later, and Maven",
	}
}

// apicurio is an Apicurio Registry that a test alone uses: the program, with its
// database in memory.
type apicurio struct {
	t      *testing.T
	root   string // of all its APIs
	url    string // of the one that is Confluent's
	client *sr.Client
}

// startApicurio starts one, with settings of its own.
func startApicurio(t *testing.T, version string, settings ...string) *apicurio {
	t.Helper()
	dir := apicurioKit(version).installed(t)
	address, err := devstack.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	a := &apicurio{t: t, root: "http://" + address, url: "http://" + address + "/apis/ccompat/v7"}
	args := []string{"-Xmx400m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dquarkus.http.host=" + host, "-Dquarkus.http.port=" + port, "-Dquarkus.http.access-log.enabled=false"}
	args = append(args, settings...)
	args = append(args, "-jar", filepath.Join(dir, "apicurio-registry-app-"+version+"-runner.jar"))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	program, err := devstack.StartProgram(ctx, devstack.ProgramOptions{Path: "java", Args: args, Log: filepath.Join(t.TempDir(), "apicurio.log"), Ready: a.url + "/subjects"})
	t.Cleanup(program.Kill)
	if err != nil {
		t.Fatal(err)
	}
	if a.client, err = sr.NewClient(sr.URLs(a.url), sr.HTTPClient(&http.Client{Timeout: time.Minute})); err != nil {
		t.Fatal(err)
	}
	return a
}

// does asks it by hand: METHOD path, body. What it refuses ends the test.
func (a *apicurio) does(ask string, body any) string {
	a.t.Helper()
	method, path, _ := strings.Cut(ask, " ")
	text, err := json.Marshal(body)
	if err != nil {
		a.t.Fatal(err)
	}
	if !strings.HasPrefix(path, "/apis/") {
		path = "/apis/ccompat/v7" + path
	}
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.root+path, bytes.NewReader(text))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	got, _ := io.ReadAll(resp.Body)
	if resp.StatusCode >= 300 {
		a.t.Fatalf("%s: %d %s", ask, resp.StatusCode, got)
	}
	return string(got)
}

// registers a schema and returns its id.
func (a *apicurio) registers(subject string, s sr.Schema) int {
	a.t.Helper()
	made, err := a.client.CreateSchema(a.t.Context(), subject, s)
	if err != nil {
		a.t.Fatalf("%s: %v", subject, err)
	}
	return made.ID
}

func (a *apicurio) avro(subject, text string) int {
	a.t.Helper()
	return a.registers(subject, sr.Schema{Schema: text})
}

// furnish registers what a registry in use has: the three formats, references,
// versions, deletions, levels; one schema spelled in several ways, of which each
// has an id of its own.
func (a *apicurio) furnish() {
	a.t.Helper()
	a.avro("order", v1)
	a.avro("order", v2)
	a.registers("all-orders", sr.Schema{Schema: `{"type":"array","items":"shop.Order"}`, References: []sr.SchemaReference{{Name: "shop.Order", Subject: "order", Version: 1}}})
	a.avro("a/b c", v2)
	a.avro("gone", v1)
	a.avro("gone", v2)
	a.does("DELETE /subjects/gone/versions/1", nil)
	a.avro("again", v2)
	a.does("DELETE /subjects/again", nil)
	a.avro("again", v2)
	a.avro("dead", `"float"`)
	a.avro("dead", v1)
	a.does("DELETE /subjects/dead", nil)
	a.avro("spelled", `{"type": "long"}`)
	a.avro("spelled", `{"type":"long"}`)
	a.avro("spelled", `"long"`)
	a.avro("spelled-too", `{ "type":"long" }`)
	a.registers("json", sr.Schema{Type: sr.TypeJSON, Schema: "{\n  \"$schema\": \"http://json-schema.org/draft-07/schema#\",\n  \"type\": \"object\",\n  \"properties\": {\"a\": {\"type\": \"string\"}}\n}"})
	a.registers("money.json", sr.Schema{Type: sr.TypeJSON, Schema: `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"cents":{"type":"integer"}}}`})
	a.registers("bill", sr.Schema{Type: sr.TypeJSON, Schema: `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"total":{"$ref":"money.json"}}}`, References: []sr.SchemaReference{{Name: "money.json", Subject: "money.json", Version: 1}}})
	a.registers("money.proto", sr.Schema{Type: sr.TypeProtobuf, Schema: "syntax = \"proto3\";\npackage shop;\nmessage Money { int64 cents = 1; // and no fractions\n}"})
	a.registers("proto", sr.Schema{Type: sr.TypeProtobuf, Schema: "syntax = \"proto3\";\npackage shop;\nimport \"money.proto\";\nmessage Bill { string id = 1;\n Money total = 2; }", References: []sr.SchemaReference{{Name: "money.proto", Subject: "money.proto", Version: 1}}})
	a.does("PUT /config", map[string]string{"compatibility": "FORWARD"})
	a.does("PUT /config/order", map[string]string{"compatibility": "FULL"})
}

// versions are all that live, as the registry gives them by subject and number.
func (a *apicurio) versions() (out []sr.SubjectSchema) {
	a.t.Helper()
	subjects, err := a.client.Subjects(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	for _, subject := range subjects {
		all, err := a.client.Schemas(a.t.Context(), subject)
		if err != nil {
			a.t.Fatal(err)
		}
		out = append(out, all...)
	}
	return out
}

// many registers one schema under so many subjects.
func (a *apicurio) many(prefix string, n int) {
	a.t.Helper()
	g, ctx := errgroup.WithContext(a.t.Context())
	g.SetLimit(8)
	for i := range n {
		g.Go(func() error {
			_, err := a.client.CreateSchema(ctx, fmt.Sprint(prefix, i), sr.Schema{Schema: v1})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		a.t.Fatal(err)
	}
}
