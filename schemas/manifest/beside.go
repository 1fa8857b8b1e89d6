package manifest

import (
	"github.com/goccy/go-yaml/ast"

	"github.com/flowmart/lethe/catalog/yaml/strict"
	"github.com/flowmart/lethe/schemas"
)

// beside is what a manifest says beside the texts of schemas: in itself, or in
// files that it names, whose names are "" for none. YAML has JSON in it, so that
// a file may be of either.
type beside struct {
	metadata              *schemas.Metadata
	ruleSet               *schemas.RuleSet
	metadataIn, ruleSetIn string
}

func besideOf(o strict.Object) beside {
	var b beside
	b.metadataIn = named(o, "metadata", func(n ast.Node) { b.metadata = metadata(o.Reader, n) })
	b.ruleSetIn = named(o, "ruleSet", func(n ast.Node) { b.ruleSet = ruleSet(o.Reader, n) })
	return b
}

// named reads the name of a file, or has what stands in its place read.
func named(o strict.Object, key string, read func(ast.Node)) string {
	switch n := o.Value(key).(type) {
	case nil, *ast.NullNode:
		return ""
	case *ast.StringNode:
		if !validPattern(n.Value) {
			o.Bad(strict.MarkOf(n), "BAD_PATTERN", "%q is no path of a file; it goes down from the manifest's folder", n.Value)
		}
		return n.Value
	default:
		read(n)
		return ""
	}
}

// from reads the files that it names. Those of before need not be there.
func (b beside) from(r *strict.Reader, at strict.Mark, t Tree, before bool) (beside, error) {
	err := b.in(r, at, t, before, b.metadataIn, func(r *strict.Reader, n ast.Node) { b.metadata = metadata(r, n) })
	if err == nil {
		err = b.in(r, at, t, before, b.ruleSetIn, func(r *strict.Reader, n ast.Node) { b.ruleSet = ruleSet(r, n) })
	}
	return b, err
}

// in reads a file. What is wrong with it is told with its own lines.
func (b beside) in(r *strict.Reader, at strict.Mark, t Tree, before bool, name string, read func(*strict.Reader, ast.Node)) error {
	if name == "" {
		return nil
	}
	found := t.named(r, at, name, before)
	if len(found) > 1 {
		r.Bad(at, "BAD_PATTERN", "%q names %d files; name one", name, len(found))
	}
	if len(found) != 1 {
		return nil
	}
	texts, err := t.load(found)
	if err != nil {
		return err
	}
	of := newReader(found[0])
	if body := of.Tree([]byte(texts[0])); body != nil {
		read(of, body)
	} else if of.Err() == nil {
		of.Bad(strict.Mark{}, "EMPTY", "the file is empty; write {} for nothing")
	}
	r.Take(of)
	return nil
}

// metadata reads what schemas.Metadata holds.
func metadata(r *strict.Reader, n ast.Node) *schemas.Metadata {
	o, _ := r.Object(n, "metadata", "tags", "properties", "sensitive")
	return &schemas.Metadata{Tags: o.Lists("tags"), Properties: o.Pairs("properties"), Sensitive: o.Some("sensitive")}
}

// ruleSet reads what schemas.RuleSet holds.
func ruleSet(r *strict.Reader, n ast.Node) *schemas.RuleSet {
	o, _ := r.Object(n, "a rule set", "migrationRules", "domainRules", "encodingRules", "enableAt")
	return &schemas.RuleSet{MigrationRules: rules(o, "migrationRules"), DomainRules: rules(o, "domainRules"), EncodingRules: rules(o, "encodingRules"), EnableAt: o.Text("enableAt")}
}

// rules reads a list of rules, each under a name of its own.
func rules(o strict.Object, key string) []schemas.Rule {
	var out []schemas.Rule
	seen := map[string]bool{}
	for _, n := range o.Items(key) {
		r, name := rule(o.Reader, n)
		if name != "" && seen[name] {
			o.Bad(strict.MarkOf(n), "TWICE", "the rule %q stands here twice; give one of them another name", name)
		}
		seen[name] = true
		out = append(out, r)
	}
	return out
}

// The keys of a rule, by what they hold: those of Confluent's data contracts.
// https://docs.confluent.io/platform/current/schema-registry/fundamentals/data-contracts.html
var ruleKeys = []string{"name", "doc", "kind", "mode", "type", "expr", "onSuccess", "onFailure", "tags", "params", "disabled"}

func rule(r *strict.Reader, n ast.Node) (schemas.Rule, string) {
	o, _ := r.Object(n, "a rule", ruleKeys...)
	out := schemas.Rule{}
	name := o.Need("name", "what the rule is called")
	for _, key := range ruleKeys {
		_, null := o.Value(key).(*ast.NullNode)
		switch {
		case !o.Has(key):
		case null: // a client that writes what it does not say means what it wrote
			out[key] = nil
		case key == "tags":
			out[key] = o.Some(key)
		case key == "params":
			out[key] = o.Pairs(key)
		case key == "disabled":
			if yes := o.Yes(key); yes != nil {
				out[key] = *yes
			}
		default:
			out[key] = o.Text(key)
		}
	}
	return out, name
}
