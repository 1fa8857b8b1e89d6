package mirror_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flowmart/lethe/schemas/mirror"
	"github.com/flowmart/lethe/schemas/remote"
)

// A list of subjects may come in parts, or whole whatever is asked for, also of
// what does not start with the prefix. One that is cut is refused: what it leaves
// out would seem to be gone.
func TestListsOfOtherRegistries(t *testing.T) {
	t.Parallel()
	few, many := []string{"b.1", "a.1", "a.2", "a.3"}, make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprint("a.", i)
	}
	for name, c := range map[string]struct {
		names  []string
		part   int // of how many names each answer is, 0 for the whole list each time
		prefix string
		want   int // steps, -1 for a refusal
	}{
		"in parts":                     {few, 3, "", 4},
		"in parts of one":              {few, 1, "", 4},
		"whole":                        {few, 0, "", 4},
		"whole, and of every prefix":   {few, 0, "a.", 3},
		"whole, and of a context":      {few, 0, ":.dev:", 0},
		"whole, and of the default":    {few, 0, ":.:a.", 3},
		"empty":                        {nil, 0, "", 0},
		"in parts that are a thousand": {many, 1000, "", 1000},
		"cut, for all that is known":   {many, 0, "", -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := listing(t, c.names, c.part)
			m := &mirror.Mirror{From: from, To: listing(t, nil, 0), Prefix: c.prefix}
			plan, err := m.Plan(t.Context())
			if c.want < 0 {
				if err == nil || !strings.Contains(err.Error(), "it lists 1000 subjects and does not say whether there are more") {
					t.Errorf("%d steps, %v", len(plan), err)
				}
				return
			}
			if err != nil || len(plan) != c.want {
				t.Errorf("%v %v", acts(plan), err)
			}
			backwards := slices.Clone(c.names)
			slices.Reverse(backwards)
			m.To = listing(t, backwards, 300)
			if plan, err := m.Plan(t.Context()); err != nil || len(plan) > 0 {
				t.Errorf("of the same: %v %v", acts(plan), err)
			}
			if asked, found, err := m.Compare(t.Context()); err != nil || asked == 0 || len(found) > 0 {
				t.Errorf("of %d answers differ %+v %v", asked, found, err)
			}
		})
	}
}

// Some registries tell a version's number among its metadata, of every version or
// when it is asked for in one way and not in another. It is the same version.
func TestNumbersAmongMetadata(t *testing.T) {
	t.Parallel()
	named := func(metadata string) *mirror.Registry {
		return giving(t, []string{"a"}, 0, func(string) mirror.Version {
			return mirror.Version{ID: 1, Schema: `"long"`, Metadata: json.RawMessage(metadata)}
		})
	}
	for metadata, differ := range map[string]int{`{"properties":{"confluent:version":"1"}}`: 0, `null`: 0, `{"properties":{"confluent:version":"1","team":"shop"}}`: 1} {
		m := &mirror.Mirror{From: named(metadata), To: named(`null`)}
		if plan, err := m.Plan(t.Context()); err != nil || len(plan) != differ {
			t.Errorf("%s: %v %v", metadata, acts(plan), err)
		}
		if _, found, err := m.Compare(t.Context()); err != nil || (len(found) > 0) != (differ > 0) {
			t.Errorf("%s: these differ: %+v %v", metadata, found, err)
		}
	}
}

// A registry that does not know the prefix of every subject in every context lists
// none that starts so. It is not taken to be empty.
func TestListsWithoutAPrefixOfAll(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		contexts []string // nil: it knows none
		names    []string
	}{
		"without contexts": {nil, []string{"a", "b"}},
		"with contexts":    {[]string{".", ".dev"}, []string{"a", "b", ":.dev:a"}},
		"empty":            {[]string{"."}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			there := literal(t, c.contexts, c.names)
			m := &mirror.Mirror{From: there, To: listing(t, nil, 0)}
			if plan, err := m.Plan(t.Context()); err != nil || len(plan) != len(c.names) {
				t.Errorf("%v %v", acts(plan), err)
			}
			m.To = listing(t, c.names, 0)
			if plan, err := m.Plan(t.Context()); err != nil || len(plan) > 0 {
				t.Errorf("of the same: %v %v", acts(plan), err)
			}
			if _, found, err := m.Compare(t.Context()); err != nil || len(found) > 0 {
				t.Errorf("these differ: %+v %v", found, err)
			}
		})
	}
}

// literal is a registry that takes a prefix by the letter: in a context what starts
// with it, and in the default one otherwise.
func literal(t *testing.T, contexts, names []string) *mirror.Registry {
	t.Helper()
	there := listing(t, names, 0)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch prefix := r.FormValue("subjectPrefix"); {
		case r.URL.Path == "/contexts" && contexts != nil:
			answer(w, contexts)
		case r.URL.Path == "/subjects":
			answer(w, slices.DeleteFunc(slices.Concat([]string{}, names), func(name string) bool {
				return !strings.HasPrefix(name, prefix) || prefix == "" && strings.HasPrefix(name, ":")
			}))
		default:
			raw, err := there.Raw(r.Context(), r.Method, r.URL.RequestURI(), nil)
			if refused, ok := errors.AsType[*mirror.Refusal](err); ok {
				w.WriteHeader(refused.Status)
				answer(w, map[string]any{"error_code": refused.Code, "message": refused.Message})
				return
			}
			_, _ = w.Write(raw)
		}
	}))
	t.Cleanup(front.Close)
	return &mirror.Registry{Registry: remote.Registry{URL: front.URL}}
}

// listing is a registry with one version of one schema under each name.
func listing(t *testing.T, names []string, part int) *mirror.Registry {
	t.Helper()
	return giving(t, names, part, func(string) mirror.Version { return mirror.Version{ID: 1, Schema: `"long"`} })
}

// giving is a registry with one version under each name.
func giving(t *testing.T, names []string, part int, version func(name string) mirror.Version) *mirror.Registry {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /subjects", func(w http.ResponseWriter, r *http.Request) {
		some := names
		if part > 0 {
			offset, _ := strconv.Atoi(r.FormValue("offset"))
			some = names[min(offset, len(names)):min(offset+part, len(names))]
		}
		answer(w, slices.Concat([]string{}, some))
	})
	mux.HandleFunc("GET /subjects/{name}/versions", func(w http.ResponseWriter, _ *http.Request) { answer(w, []int{1}) })
	mux.HandleFunc("GET /subjects/{name}/versions/1", func(w http.ResponseWriter, r *http.Request) {
		v := version(r.PathValue("name"))
		v.Subject, v.Version = r.PathValue("name"), 1
		answer(w, v)
	})
	mux.HandleFunc("GET /config/{$}", absent)
	mux.HandleFunc("GET /config/{name}", absent)
	mux.HandleFunc("GET /config", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"compatibilityLevel": "BACKWARD"})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return &mirror.Registry{Registry: remote.Registry{URL: server.URL}}
}

// Many texts that Lethe has in its own words are the same, also to who asks for all of
// them at once.
func TestManyTextsInOtherWords(t *testing.T) {
	t.Parallel()
	names := make([]string, 60)
	for i := range names {
		names[i] = strconv.Itoa(i + 1)
	}
	from := giving(t, names, 0, func(name string) mirror.Version {
		id, _ := strconv.Atoi(name)
		return mirror.Version{ID: id, Schema: fmt.Sprintf(`{"type":"record","name":"R%s","fields":[{"name":"a","type":{"type":"int"}}]}`, name)}
	})
	m := &mirror.Mirror{From: from, To: &open(t).Registry}
	plan, err := m.Plan(t.Context())
	if err != nil || len(plan) != len(names) {
		t.Fatalf("%v %v", acts(plan), err)
	}
	if _, err := m.Apply(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if plan, err := m.Plan(t.Context()); err != nil || len(plan) > 0 {
		t.Errorf("once they were copied: %v %v", acts(plan), err)
	}
}

func answer(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

func absent(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNotFound)
	_, _ = io.WriteString(w, `{"error_code":40408,"message":"nothing is set"}`)
}

// A version that is deleted, listed and not given is found by its id; where no id
// gives it either that is told, unless it was copied before.
func TestVersionsThatAreListedAndNotGiven(t *testing.T) {
	t.Parallel()
	to := open(t)
	to.must("PUT /mode", `{"mode":"IMPORT"}`)
	to.must("POST /subjects/known/versions", `{"schema":"\"int\"","id":2}`)
	to.must("DELETE /subjects/known")
	for name, c := range map[string]struct {
		subject string
		id      int    // that says it is the version's; 0 for none
		schema  string // that the id gives; "" for a refusal
		want    []string
		told    string
	}{
		"by its id":            {"lost", 900, `"long"`, []string{"TAKE lost"}, ""},
		"by a later id":        {"lost", 2500, `"long"`, []string{"CONFLICT lost"}, "not given"},
		"the id gives nothing": {"lost", 3, "", []string{"CONFLICT lost"}, "not given"},
		"no id":                {"lost", 0, "", []string{"CONFLICT lost"}, "not given"},
		"copied before":        {"known", 2, "", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			mux.HandleFunc("GET /subjects", func(w http.ResponseWriter, _ *http.Request) { answer(w, []string{c.subject}) })
			mux.HandleFunc("GET /subjects/{name}/versions", func(w http.ResponseWriter, r *http.Request) {
				if r.FormValue("deleted") != "true" {
					absent(w, r)
					return
				}
				answer(w, []int{1})
			})
			mux.HandleFunc("GET /schemas/ids/{id}/versions", func(w http.ResponseWriter, r *http.Request) {
				if r.PathValue("id") != strconv.Itoa(c.id) {
					absent(w, r)
					return
				}
				answer(w, []mirror.Version{{Subject: "another", Version: 1}, {Subject: c.subject, Version: 1}})
			})
			mux.HandleFunc("GET /schemas/ids/{id}", func(w http.ResponseWriter, _ *http.Request) {
				if c.schema == "" {
					w.WriteHeader(http.StatusBadRequest)
					return
				}
				answer(w, mirror.Version{Schema: c.schema})
			})
			mux.HandleFunc("/", absent)
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			from := &mirror.Registry{}
			from.URL = server.URL
			m := &mirror.Mirror{From: from, To: &to.Registry, Prefix: c.subject}
			plan, err := m.Plan(t.Context())
			if err != nil || !slices.Equal(acts(plan), c.want) {
				t.Fatalf("%v %v", acts(plan), err)
			}
			if len(plan) > 0 && (!strings.Contains(plan[0].Why, c.told) || plan[0].Act == mirror.Take && plan[0].ID != c.id) {
				t.Errorf("%+v", plan[0])
			}
		})
	}
}

// heedless is a registry that keeps a mode, and neither closes for it nor takes a
// chosen id.
func heedless(t *testing.T) *other {
	t.Helper()
	mode := "READWRITE"
	return behind(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/mode") {
				told := map[string]string{"mode": mode}
				_ = json.NewDecoder(r.Body).Decode(&told)
				mode = told["mode"]
				_ = json.NewEncoder(w).Encode(told)
				return
			}
			var body map[string]any
			if raw, _ := io.ReadAll(r.Body); json.Unmarshal(raw, &body) == nil {
				delete(body, "id")
				delete(body, "version")
				raw, _ = json.Marshal(body)
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
			}
			h.ServeHTTP(w, r)
		})
	})
}

// A mode that is kept and makes no difference is noticed before anything is lost:
// no version stays with another id, and none is registered where nobody looks any
// more.
func TestMirrorOfARegistryThatHeedsNoMode(t *testing.T) {
	t.Parallel()
	theirs, ours := heedless(t), open(t)
	theirs.must("POST /subjects/order/versions", order, "}")
	there := &mirror.Mirror{From: &theirs.Registry, To: &ours.Registry}
	follow(t, there)
	if left, err := there.Switch(t.Context()); !errors.Is(err, mirror.ErrOpen) || len(left) > 0 {
		t.Errorf("%v %v", acts(left), err)
	}
	there.Closed = true
	if _, err := there.Switch(t.Context()); !errors.Is(err, mirror.ErrOpen) {
		t.Errorf("said to be closed: %v", err)
	}
	if theirs.must("GET /mode") != `{"mode":"READWRITE"}` || ours.must("GET /mode") != `{"mode":"IMPORT"}` {
		t.Error("the modes are others")
	}
	ours.must("POST /subjects/order/versions", wider, `,"id":7}`)
	ours.must("POST /subjects/fresh/versions", `{"schema":"\"long\"","id":8}`)
	back := &mirror.Mirror{From: &ours.Registry, To: &theirs.Registry}
	plan, err := back.Plan(t.Context())
	if err != nil || !slices.Equal(acts(plan), []string{"TAKE fresh", "TAKE order"}) {
		t.Fatalf("%v %v", acts(plan), err)
	}
	if plan, err = back.Apply(t.Context(), plan); !errors.Is(err, mirror.ErrOwnIDs) || plan[0].Failed == "" || plan[1].Failed != "" {
		t.Errorf("%+v %v", plan, err)
	}
	if theirs.must("GET /mode") != `{"mode":"READWRITE"}` || theirs.must("GET /subjects?deleted=true") != `["order"]` || theirs.must("GET /subjects/order/versions?deleted=true") != "[1]" {
		t.Error("something is left of it")
	}
}

// Who lets nobody of ours write, or is not well, may take schemas of others: only a
// judgement shows that a registry is closed.
func TestWhatDoesNotShowThatARegistryIsClosed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status, code int
		message      string
		closed       bool
	}{
		"no sign-in":          {401, 40101, "no", false},
		"a reader":            {403, 40301, "no", false},
		"another door":        {404, 404, "no", false},
		"too many questions":  {429, 429, "no", false},
		"no leader":           {500, 50003, "no", false},
		"away":                {503, 50001, "no", false},
		"its mode":            {422, 42205, "no", true},
		"its storage":         {409, 409, "", true},
		"a door that is shut": {405, 405, "no", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := behind(t, func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/versions") {
						h.ServeHTTP(w, r)
						return
					}
					w.WriteHeader(c.status)
					answer(w, map[string]any{"error_code": c.code, "message": c.message})
				})
			})
			to := open(t)
			to.must("PUT /mode", `{"mode":"IMPORT"}`)
			m := &mirror.Mirror{From: &from.Registry, To: &to.Registry, Closed: true}
			_, err := m.Switch(t.Context())
			if mode := to.must("GET /mode"); (err == nil) != c.closed || strings.Contains(mode, "READWRITE") != c.closed {
				t.Errorf("%v, and the mode is %s", err, mode)
			}
		})
	}
}
