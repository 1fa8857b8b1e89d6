package clients

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const parcels = `lethe: catalog/1
controllers:
  - {ref: flowmart-de, name: FlowMart GmbH, country: DE, time_zone: Europe/Berlin}
services:
  - {ref: post, name: Post, controller: flowmart-de}
datasets:
  - {namespace: "kafka://default", name: parcels, kind: TOPIC, service: post}
  - {namespace: "kafka://default", name: parcels.archive, kind: TOPIC, service: post}
`

// A client names its subjects by each of the strategies, and the topic has the
// fields of all: those of a record's own subject once it is declared for it, and
// for another topic beside it.
func TestNamingStrategies(t *testing.T) {
	t.Parallel()
	command(t, parcels, "catalog", "import", "-")
	steps, _ := run(t, "parcels", []string{filepath.Join(python.installed(t), "venv/bin/python"), "strategies.py"})
	if want := []string{"TopicNameStrategy", "TopicRecordNameStrategy", "RecordNameStrategy"}; !slices.Equal(steps, want) {
		t.Fatalf("it did %q", steps)
	}
	has := func(topic string, fields, subjects []string) {
		t.Helper()
		is, by := described(t, topic)
		if !slices.Equal(is, fields) || !slices.Equal(by, subjects) {
			t.Errorf("%s has %q by %q; want %q by %q", topic, is, by, fields, subjects)
		}
	}
	has("parcels", []string{"#key", "<post.Return>.reason"}, []string{"parcels-key", "parcels-post.Return"})
	if out := command(t, "", "schema", "config", "post.Parcel", "--topics", "parcels,parcels.archive"); !strings.Contains(out, "topics [parcels.archive<post.Parcel> parcels<post.Parcel>]") {
		t.Errorf("declared: %s", out)
	}
	has("parcels", []string{"#key", "<post.Parcel>.email", "<post.Parcel>.number", "<post.Return>.reason"}, []string{"parcels-key", "parcels-post.Return", "post.Parcel"})
	has("parcels.archive", []string{"<post.Parcel>.email", "<post.Parcel>.number"}, []string{"post.Parcel"})
}

// command runs lethe as an admin, and returns what it prints.
func command(t *testing.T, in string, args ...string) string {
	t.Helper()
	out, err := lethe.run(t.Context(), []byte(in), args...)
	if err != nil {
		t.Fatalf("lethe %q: %v\n%s", args, err, out)
	}
	return out
}

// described tells which fields a topic has, and which subjects describe it.
func described(t *testing.T, topic string) (fields, subjects []string) {
	t.Helper()
	const query = `query($name: String!) { dataset(namespace: "kafka://default", name: $name) { fields(first: 100) { nodes { path } } topic { subjects { name } } } }`
	body, _ := json.Marshal(map[string]any{"query": query, "variables": map[string]any{"name": topic}})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, lethe.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+lethe.token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var a struct {
		Data struct {
			Dataset struct {
				Fields struct{ Nodes []struct{ Path string } }
				Topic  struct{ Subjects []struct{ Name string } }
			}
		}
		Errors json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || a.Errors != nil {
		t.Fatalf("%v %s", err, a.Errors)
	}
	for _, f := range a.Data.Dataset.Fields.Nodes {
		fields = append(fields, f.Path)
	}
	for _, n := range a.Data.Dataset.Topic.Subjects {
		subjects = append(subjects, n.Name)
	}
	return fields, subjects
}
