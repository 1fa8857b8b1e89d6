package manifest

import (
	"encoding/json"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"

	"github.com/flowmart/lethe/catalog/yaml/strict"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/protobuf"
)

// said is what the text of a schema says about itself and others. A text that
// cannot be read says nothing: what is wrong with it is the registry's to tell.
type said struct {
	record  string          // its name: of the record or the first message, or the title
	defines []string        // Avro: full names of types; JSON Schema: its $id
	needs   []string        // what it takes from elsewhere, as a reference is called
	once    map[string]bool // those, in JSON Schema
}

func read(kind, text string) said {
	switch kind {
	case "PROTOBUF":
		return readProtobuf(text)
	case "JSON":
		return readJSON(text)
	}
	return readAvro(text)
}

// refer finds by which references each file takes what it needs: what the group
// says, and else the file that has it.
func (f *finder) refer(r *strict.Reader, before bool) {
	used := map[*Reference]bool{}
	named := make([]map[string]int, len(f.m.Groups)) // the references of each group, by their names
	for i, g := range f.m.Groups {
		named[i] = map[string]int{}
		for k, ref := range slices.Backward(g.References) {
			named[i][ref.Name] = k
		}
	}
	from := f.offers()
	for i := range f.found {
		e := &f.found[i]
		g := &f.m.Groups[e.group]
		for _, need := range e.said.needs {
			if k, said := named[e.group][need]; said {
				used[&g.References[k]] = true
				ref := g.References[k]
				ref.Subject = schemas.Qualified(e.Subject, ref.Subject)
				e.References = append(e.References, ref)
				if _, has := f.of[ref.Subject]; has && ref.Subject != e.Subject {
					e.Needs = append(e.Needs, ref.Subject)
				}
				continue
			}
			f.takeFrom(r, e, need, from)
		}
	}
	for i := range f.m.Groups {
		for k := range f.m.Groups[i].References {
			if ref := &f.m.Groups[i].References[k]; !used[ref] && !before {
				r.Bad(ref.at, "UNUSED_REFERENCE", "no file of this entry takes %q from elsewhere; remove the reference, or write its name as the schema does", ref.Name)
			}
		}
	}
}

// takeFrom finds the one other file that has what an entry needs.
func (f *finder) takeFrom(r *strict.Reader, e *found, need string, offered map[thing][]int) {
	var from []*found
	for _, i := range e.offering(need, offered) {
		if o := &f.found[i]; o.File != e.File {
			from = append(from, o)
		}
	}
	exact := slices.IndexFunc(from, func(o *found) bool { return o.File == need })
	switch {
	case len(from) == 0:
		return
	case exact >= 0:
		from = from[exact : exact+1]
	}
	for _, o := range from[1:] {
		if o.File != from[0].File {
			r.Bad(f.m.Groups[e.group].at, "AMBIGUOUS_REFERENCE", "%s takes %q, which is in %s and in %s; say whose it is under references: {name: %s, subject: …}", e.File, need, from[0].File, o.File, need)
			return
		}
	}
	e.References = append(e.References, Reference{Name: need, Subject: from[0].Subject})
	if !slices.Contains(e.Needs, from[0].Subject) {
		e.Needs = append(e.Needs, from[0].Subject)
	}
}

// thing is what a file of a type has for others.
type thing struct{ kind, name string }

// offers are the files that have each thing, in order.
func (f *finder) offers() map[thing][]int {
	out := map[thing][]int{}
	for i, e := range f.found {
		has := e.said.defines
		switch e.Type {
		case "PROTOBUF":
			// protoc looks an import up from several folders; which, the file does not
			// tell, so that the end of the path decides.
			has = nil
			for rest, more := e.File, true; more; _, rest, more = strings.Cut(rest, "/") {
				has = append(has, rest)
			}
		case "JSON":
			out[thing{"FILE", e.File}] = append(out[thing{"FILE", e.File}], i)
		}
		for _, name := range has {
			out[thing{e.Type, name}] = append(out[thing{e.Type, name}], i)
		}
	}
	return out
}

// offering are the files that have what one needs, in order.
func (e *found) offering(need string, offered map[thing][]int) []int {
	if e.Type != "JSON" {
		return offered[thing{e.Type, need}]
	}
	out := slices.Concat(offered[thing{e.Type, resolved(e.said.defines, need)}], offered[thing{"FILE", path.Join(path.Dir(e.File), need)}])
	slices.Sort(out)
	return slices.Compact(out)
}

// readAvro reads which types a schema defines and which it only names. Names
// are those of the specification:
// https://avro.apache.org/docs/1.12.0/specification/#names
func readAvro(text string) said {
	var root any
	if json.Unmarshal([]byte(text), &root) != nil {
		return said{}
	}
	w := &avroWalk{defined: map[string]bool{}}
	w.walk(root, "")
	s := said{defines: w.order}
	if o, ok := root.(map[string]any); ok {
		if name, ok := o["name"].(string); ok {
			space, _ := o["namespace"].(string)
			s.record = fullName(name, space)
		}
	}
	for _, name := range w.used {
		if name != "" && !w.defined[name] {
			s.needs, w.defined[name] = append(s.needs, name), true // once
		}
	}
	return s
}

var avroPrimitives = []string{"null", "boolean", "int", "long", "float", "double", "bytes", "string"}

// fullName is a name within a namespace.
func fullName(name, space string) string {
	if strings.Contains(name, ".") || space == "" {
		return strings.TrimPrefix(name, ".")
	}
	return space + "." + name
}

type avroWalk struct {
	defined map[string]bool
	order   []string // what is defined
	used    []string
}

func (w *avroWalk) walk(v any, space string) {
	switch v := v.(type) {
	case string:
		if !slices.Contains(avroPrimitives, v) {
			w.used = append(w.used, fullName(v, space))
		}
	case []any:
		for _, branch := range v {
			w.walk(branch, space)
		}
	case map[string]any:
		w.object(v, space)
	}
}

func (w *avroWalk) object(o map[string]any, space string) {
	switch o["type"] {
	case "record", "error", "enum", "fixed":
		name, _ := o["name"].(string)
		if inner, ok := o["namespace"].(string); ok {
			space = inner
		}
		full := fullName(name, space)
		if !w.defined[full] {
			w.defined[full] = true
			w.order = append(w.order, full)
		}
		space = ""
		if dot := strings.LastIndex(full, "."); dot >= 0 {
			space = full[:dot]
		}
		fields, _ := o["fields"].([]any)
		for _, f := range fields {
			if f, ok := f.(map[string]any); ok {
				w.walk(f["type"], space)
			}
		}
	case "array":
		w.walk(o["items"], space)
	case "map":
		w.walk(o["values"], space)
	default:
		w.walk(o["type"], space)
	}
}

// readJSON reads the $id of a schema and every $ref that leads out of it.
func readJSON(text string) said {
	var root any
	if json.Unmarshal([]byte(text), &root) != nil {
		return said{}
	}
	s := said{once: map[string]bool{}}
	o, _ := root.(map[string]any)
	s.record, _ = o["title"].(string)
	id, _ := o["$id"].(string)
	if id == "" {
		id, _ = o["id"].(string)
	}
	if id = withoutFragment(id); id != "" {
		s.defines = []string{id}
	}
	s.refs(root)
	return s
}

func (s *said) refs(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			s.refs(item)
		}
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			s.need(withoutFragment(ref))
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if !slices.Contains([]string{"enum", "const", "default", "examples"}, key) {
				s.refs(v[key])
			}
		}
	}
}

// need notes a URI as it is written, but that of the schema itself.
func (s *said) need(ref string) {
	if ref != "" && !slices.Contains(s.defines, ref) && !strings.Contains(ref, "://json-schema.org/") && !s.once[ref] {
		s.needs, s.once[ref] = append(s.needs, ref), true
	}
}

// resolved is a URI as it is in a schema that may have an $id (RFC 3986).
func resolved(id []string, ref string) string {
	if len(id) == 0 {
		return ref
	}
	base, err := url.Parse(id[0])
	if err != nil || !base.IsAbs() {
		return ref
	}
	if joined, err := base.Parse(ref); err == nil {
		return joined.String()
	}
	return ref
}

func withoutFragment(uri string) string {
	uri, _, _ = strings.Cut(uri, "#")
	return uri
}

// readProtobuf reads the imports and the first message of a file.
func readProtobuf(text string) (s said) {
	defer func() {
		// The parser is not ours; what it cannot bear says nothing, either.
		if recover() != nil {
			s = said{}
		}
	}()
	if len(text) > protobuf.MaxBytes {
		return said{}
	}
	quiet := reporter.NewHandler(reporter.NewReporter(func(reporter.ErrorWithPos) error { return nil }, nil))
	file, err := parser.Parse("", strings.NewReader(text), quiet)
	if file == nil || err != nil && len(file.Decls) == 0 {
		return said{}
	}
	space := ""
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.PackageNode:
			space = string(d.Name.AsIdentifier())
		case *ast.ImportNode:
			if d.Name != nil && d.Name.AsString() != "" && !wellKnown(d.Name.AsString()) {
				s.needs = append(s.needs, d.Name.AsString())
			}
		case *ast.MessageNode:
			if s.record == "" {
				s.record = fullName(d.Name.Val, space)
			}
		}
	}
	return s
}

// wellKnown reports whether the registry knows a file without a reference.
func wellKnown(path string) bool {
	for _, folder := range []string{"google/protobuf/", "google/type/", "confluent/"} {
		if strings.HasPrefix(path, folder) {
			return true
		}
	}
	return false
}

// faults are the mistakes of an error that have a place.
func faults(err error) (out []*fault.Fault) {
	for _, f := range fault.All(err) {
		if len(f.Path) == 3 {
			out = append(out, f)
		}
	}
	return out
}
