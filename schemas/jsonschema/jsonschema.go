// Package jsonschema understands JSON Schema, draft-04 to 2020-12: it reads a
// schema's text, writes it in one canonical way, names the fields of the data,
// and tells whether every instance that one schema allows is allowed by
// another.
//
// The rules are those of the specifications at json-schema.org. All drafts are
// read into one form, that of 2020-12. Which changes are compatible follows
// Confluent's table for JSON Schema, and so do the names of differences; where
// that table lets pass what a validator would refuse, the validator is
// believed (docs/registry.md lists these). Nothing is ever fetched.
package jsonschema

import (
	"errors"
	"math/big"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// Read reads a schema text as the registry wants it. A reference is called by
// the URI that stands in $ref, without a fragment, as it is written or as it is
// after it was resolved.
func Read(text string, given []format.Reference) (format.Schema, error) {
	root, err := written.Read(text)
	if err != nil {
		return nil, err
	}
	doc := newDocument(root, given)
	p := &parser{nodes: map[*value]*node{}}
	top := p.schema(root, doc.scope(), "#")
	p.resolve()
	if len(p.faults) > 0 {
		return nil, errors.Join(p.faults...)
	}
	if at := looped(p.order); at != "" {
		return nil, fault.New(fault.Invalid, codeInvalid, "the schema at %s applies itself to the same value, so that nothing can be validated; put the $ref below properties or items", quote(at))
	}
	places, err := unfold(top, text)
	if err != nil {
		return nil, err
	}
	return &schema{doc: doc, root: top, nodes: p.nodes, places: places}, nil
}

// Bring is Read of a schema that was read before, for one that refers to it, which
// looks into what it takes of it and into nothing else.
func Bring(text string, given []format.Reference) (format.Schema, error) {
	root, err := written.Read(text)
	if err != nil {
		return nil, err
	}
	return &schema{doc: newDocument(root, given)}, nil
}

// schema is a schema text that was read.
type schema struct {
	doc    *document
	root   *node
	nodes  map[*value]*node
	places []format.Field
}

// Canonical implements format.Schema: the text without white space, members in
// their order. It is what Confluent's registry stores.
func (s *schema) Canonical() string { return compact(s.doc.root) }

// Normalized implements format.Normal: the canonical text with the members of
// every object sorted.
func (s *schema) Normalized() string {
	p := &printer{sorted: true}
	p.write(s.doc.root)
	return string(p.out)
}

// Places implements format.Schema.
func (s *schema) Places() []format.Field { return s.places }

// node is one schema: an object of keywords, or true or false. A schema that is
// referred to from several places is one node, so a document is a graph and may
// have cycles. What a keyword means is said once, in the words of 2020-12: the
// parser translates older drafts.
type node struct {
	raw     *value
	at      string // where it stands: a JSON pointer as a fragment, "#/properties/a"
	named   string // the last name on the way to it, where that is a definition's
	never   bool   // the schema false
	draft   draft
	ref     *node    // $ref
	refs    []string // how it is written; more than one with $dynamicRef beside it
	foreign string   // $ref to what is not looked into: a schema of the specification itself

	title, doc, format string
	encoded            bool   // contentEncoding or contentMediaType: bytes or another language within a string
	fallback           *value // default
	tags               []string

	types     kinds // allowed types; 0 for all
	hasEnum   bool  // enum or const stands there
	enum      []*value
	listed    kinds // the types of its values
	number    numbers
	text      texts
	array     arrays
	object    objects
	allOf     []*node
	anyOf     []*node
	oneOf     []*node
	not       *node
	when      *node // if
	then      *node
	otherwise *node // else
}

// kinds is a set of JSON types. Whole numbers and others are told apart.
type kinds uint8

const (
	isNull kinds = 1 << iota
	isBoolean
	isObject
	isArray
	isString
	isInteger
	isFraction

	isNumber = isInteger | isFraction
	isAny    = isNull | isBoolean | isObject | isArray | isString | isNumber
)

var kindNames = map[string]kinds{
	"null": isNull, "boolean": isBoolean, "object": isObject, "array": isArray, "string": isString, "number": isNumber, "integer": isInteger,
}

// numbers are the keywords on numbers; nil is not given.
type numbers struct {
	min, max     *big.Rat
	above, below *big.Rat // exclusiveMinimum, exclusiveMaximum
	multipleOf   *big.Rat
}

// texts are the keywords on strings.
type texts struct {
	min, max *int64
	pattern  *string
}

// arrays are the keywords on arrays. Items after those of prefix are rest.
type arrays struct {
	min, max    *int64
	unique      bool
	prefix      []*node
	rest        *node // nil: anything
	contains    *node
	minContains int64 // 1 unless it is said
	maxContains *int64
	unevaluated *node
}

// objects are the keywords on objects.
type objects struct {
	min, max     *int64
	required     []string
	properties   []property
	byName       map[string]*node // of properties
	patterns     []property       // patternProperties; name is the pattern
	additional   *node            // nil: anything
	unevaluated  *node
	names        *node        // propertyNames
	requiredWith []dependency // dependentRequired
	schemasWith  []property   // dependentSchemas
}

// property is a name with a schema.
type property struct {
	name   string
	schema *node
}

// dependency is what a property asks for beside it.
type dependency struct {
	name  string
	needs []string
}
