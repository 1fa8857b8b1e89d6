package clients

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/flowmart/lethe/internal/devstack"
)

// passage is the way from an Apicurio Registry to Lethe, by the command alone.
type passage struct {
	t      *testing.T
	theirs *apicurio
	ours   *devstack.Lethe
}

// mirror runs the command, which must succeed or not, and say some words.
func (p *passage) mirror(ok bool, args string, words ...string) {
	p.t.Helper()
	out, err := p.ours.Run(p.t.Context(), nil, p.words(args)...)
	said := out
	if err != nil {
		said += err.Error()
	}
	for _, word := range append(words, "") {
		if (err == nil) != ok || !strings.Contains(said, word) {
			p.t.Fatalf("lethe schema mirror %s: want %q of\n%s", args, word, said)
		}
	}
}

func (p *passage) words(args string) []string {
	return append([]string{"schema", "mirror", "--from", p.theirs.url}, strings.Fields(args)...)
}

// A registry that is not Lethe: Apicurio's, as it is published, speaks the same API
// and is another program in much. It has no modes, tells of levels that nobody set,
// cuts lists, keeps each spelling of a schema under an id of its own, and does not
// give what is deleted. All of it is copied with its ids and followed; after the
// switch what was written with those ids is read here; and as it takes no id that is
// chosen, nothing is begun on the way back.
func TestMirrorOfApicurio(t *testing.T) {
	t.Parallel()
	theirs := startApicurio(t, apicurio3)
	theirs.furnish()
	written := python3(t, theirs.url, "", "write")
	message := theirs.writes("order", 2)
	p := &passage{t, theirs, another(t, "apicurio")}
	p.copies()
	p.follows()
	p.switches()
	p.reads(message)
	if read := python3(t, p.ours.URL+"/registry", written, "read"); read != "read avro json protobuf" {
		t.Errorf("Confluent's client: %s", read)
	}
	p.stays()
}

func (p *passage) copies() {
	p.t.Helper()
	p.mirror(false, "--dry-run", "TAKE      spelled version 2, id ", "CONFIGURE order\n", "24 differences. Nothing was changed.")
	if names, err := clientOf(p.t, p.ours).Subjects(sr.WithParams(p.t.Context(), sr.ShowDeleted)); err != nil || len(names) > 0 {
		p.t.Errorf("after a dry run there are %q %v", names, err)
	}
	p.mirror(true, "", "24 differences, 0 of them left.")
	p.settled()
}

func (p *passage) settled() {
	p.t.Helper()
	p.mirror(true, "--dry-run --compare", "Nothing differs.", "questions were asked of both; 0 were answered differently.")
}

// follows registers, deletes and configures there while the mirror goes on.
func (p *passage) follows() {
	p.t.Helper()
	following, stop := context.WithCancel(p.t.Context())
	defer stop()
	ended := make(chan string, 1)
	go func() {
		out, _ := p.ours.Run(following, nil, p.words("--follow --every 100ms")...)
		ended <- out
	}()
	p.theirs.does("DELETE /subjects/json", nil)
	p.theirs.does("DELETE /config/order", nil)
	p.theirs.does("PUT /config/gone", map[string]string{"compatibility": "NONE"}) // as it is already
	p.theirs.avro("gone", v1)
	late := p.theirs.avro("late", v1)
	ours := clientOf(p.t, p.ours)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		copied, err := ours.SchemaByVersion(p.t.Context(), "late", 1)
		_, gone := ours.SchemaByVersion(p.t.Context(), "json", 1)
		if err == nil && copied.ID == late && gone != nil {
			break
		}
		if time.Now().After(deadline) {
			stop()
			p.t.Fatalf("what came meanwhile was not followed: %s", <-ended)
		}
	}
	stop()
	<-ended
	p.mirror(true, "")
	p.settled()
}

// switches cannot close a registry without modes, and says so; closed by hand, it
// takes nothing more.
func (p *passage) switches() {
	p.t.Helper()
	before := p.theirs.avro("before", v1)
	p.mirror(false, "--switch", "has no modes, so it cannot be closed from here, and nothing was switched", "apicurio.storage.read-only.enabled", "--closed")
	if _, err := clientOf(p.t, p.ours).CreateSchema(p.t.Context(), "else", sr.Schema{Schema: v1}); err == nil {
		p.t.Error("after a switch that was refused Lethe is open")
	}
	p.theirs.set("apicurio.storage.read-only.enabled", "true")
	if _, err := p.theirs.client.CreateSchema(p.t.Context(), "else", sr.Schema{Schema: v1}); err == nil {
		p.t.Error("closed, it takes schemas")
	}
	p.mirror(true, "--switch --closed", "is open (READWRITE)")
	if s, err := clientOf(p.t, p.ours).SchemaByVersion(p.t.Context(), "before", 1); err != nil || s.ID != before {
		p.t.Errorf("what was registered right before is %+v %v", s, err)
	}
}

// reads finds behind each id here what it was there, and goes on behind them.
func (p *passage) reads(message []byte) {
	p.t.Helper()
	ctx, ours, highest := p.t.Context(), clientOf(p.t, p.ours), 0
	for _, there := range p.theirs.versions() {
		highest = max(highest, there.ID)
		here, err := ours.SchemaByID(ctx, there.ID)
		if err != nil || here.Type != there.Type || !slices.Equal(here.References, there.References) {
			p.t.Errorf("%s version %d, id %d, is %+v %v", there.Subject, there.Version, there.ID, here, err)
		}
		if again, err := ours.LookupSchema(ctx, there.Subject, there.Schema); err != nil || again.Subject != there.Subject {
			p.t.Errorf("%s version %d is not found by its text: %+v %v", there.Subject, there.Version, again, err)
		}
	}
	if got := p.decoded(message); got.ID != "A-1" || got.Total != 1999 || got.Note != "n" {
		p.t.Errorf("what was written there is read as %+v", got)
	}
	// A spelling has an id of its own still, and what comes after it has none of that.
	made, err := ours.CreateSchema(ctx, "spelled-too", sr.Schema{Schema: `{"type":"int"}`})
	if err != nil || made.Version != 2 || made.ID <= highest || made.SchemaMetadata != nil {
		p.t.Errorf("after the switch: %+v %v", made, err)
	}
}

// decoded reads a message by what Lethe has behind the id in front of it.
func (p *passage) decoded(message []byte) (o order) {
	p.t.Helper()
	serde := sr.NewSerde()
	id, payload, err := serde.DecodeID(message)
	if err != nil {
		p.t.Fatal(err)
	}
	text, err := clientOf(p.t, p.ours).SchemaTextByID(p.t.Context(), id)
	if err != nil {
		p.t.Fatal(err)
	}
	written, err := avro.ParseWithCache(text, "", &avro.SchemaCache{})
	if err != nil {
		p.t.Fatal(err)
	}
	if err := avro.Unmarshal(written, payload, &o); err != nil {
		p.t.Fatal(err)
	}
	return o
}

// stays tells what would have to go back, and that it cannot; nothing is written.
func (p *passage) stays() {
	p.t.Helper()
	p.theirs.set("apicurio.storage.read-only.enabled", "false")
	before := p.theirs.versions()
	p.mirror(false, "--back --dry-run", "TAKE      spelled-too version 2, id ", "1 differences. Nothing was changed.")
	p.mirror(false, "--back --force", "has no modes, so it takes no ids that are chosen: nothing was written")
	if after := p.theirs.versions(); !reflect.DeepEqual(before, after) {
		p.t.Errorf("it had %v and has %v", before, after)
	}
}

// In its older line, and in its older way: each version has an id of its own, also
// where two are one schema. What is no schema here is told, and all else is copied; a
// list that may be cut is not taken for the whole.
func TestMirrorOfApicurioWithIDsOfVersions(t *testing.T) {
	t.Parallel()
	theirs := startApicurio(t, apicurio2, "-Dregistry.ccompat.legacy-id-mode.enabled=true")
	theirs.furnish()
	all := theirs.versions()
	slices.SortFunc(all, func(a, b sr.SubjectSchema) int { return a.ID - b.ID })
	if some := slices.CompactFunc(slices.Clone(all), func(a, b sr.SubjectSchema) bool { return a.ID == b.ID }); len(some) < len(all) {
		t.Fatalf("the ids are those of contents: %+v", all)
	}
	p := &passage{t, theirs, another(t, "apicurioversions")}
	p.mirror(true, "")
	p.settled()
	theirs.avro("no-schema-here", `{"type":"record","name":"R","fields":[{"name":"b","type":"bytes","default":"\u1234"}]}`)
	p.mirror(false, "", "TAKE      no-schema-here version 1, id ", "(error_code 42201)", "1 differences, 1 of them left.")
	p.mirror(false, "--switch", "has no modes")
	theirs.many("many-", 1000)
	p.mirror(false, "--dry-run", "it lists 1000 subjects and does not say whether there are more")
}

// python3 runs Confluent's client for Python against a registry, with the messages
// that it wrote before.
func python3(t *testing.T, registry, messages, act string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(python.installed(t), "venv/bin/python"), "moved.py", act)
	cmd.Env = append(os.Environ(), "LETHE_REGISTRY="+registry, "LETHE_TOKEN="+lethe.token, "LETHE_MESSAGES="+messages, "LETHE_ORDER="+anOrder, "LETHE_V1="+v1, "LETHE_JSON="+aJSON)
	out, err := cmd.Output()
	if failed, is := errors.AsType[*exec.ExitError](err); is {
		t.Fatalf("%s: %v\n%s", act, err, failed.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// set sets a property while it runs.
func (a *apicurio) set(property, value string) {
	a.t.Helper()
	a.does("PUT /apis/registry/v3/admin/config/properties/"+property, map[string]string{"value": value})
}

// writes is a message of a version, as producers write it there.
func (a *apicurio) writes(subject string, version int) []byte {
	a.t.Helper()
	s, err := a.client.SchemaByVersion(a.t.Context(), subject, version)
	if err != nil {
		a.t.Fatal(err)
	}
	parsed, err := avro.ParseWithCache(s.Schema.Schema, "", &avro.SchemaCache{})
	if err != nil {
		a.t.Fatal(err)
	}
	var o order
	if err := json.Unmarshal([]byte(anOrder), &o); err != nil {
		a.t.Fatal(err)
	}
	o.Note = "n"
	serde := sr.NewSerde()
	serde.Register(s.ID, order{}, sr.EncodeFn(func(v any) ([]byte, error) { return avro.Marshal(parsed, v) }))
	return serde.MustEncode(o)
}
