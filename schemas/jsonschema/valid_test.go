package jsonschema

import (
	"strings"
	"testing"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
)

// accepts reports whether the other library takes a schema: whether it is valid
// by the metaschema of its draft, and its references lead somewhere.
func accepts(text string) bool {
	doc, err := validator.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return false
	}
	c := validator.NewCompiler()
	if err := c.AddResource("mem:///schema", doc); err != nil {
		return false
	}
	_, err = c.Compile("mem:///schema")
	return err == nil
}

// A schema with a keyword that has an odd value is taken where another library
// finds it valid by its draft's metaschema, and refused where that refuses it.
func TestValidityAgrees(t *testing.T) {
	t.Parallel()
	keywords := []string{
		"type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern",
		"items", "prefixItems", "additionalItems", "maxItems", "minItems", "uniqueItems", "contains", "minContains", "maxContains",
		"maxProperties", "minProperties", "required", "properties", "patternProperties", "additionalProperties", "propertyNames",
		"dependentRequired", "dependentSchemas", "dependencies", "anyOf", "oneOf", "allOf", "not", "if", "then", "else",
		"unevaluatedItems", "unevaluatedProperties", "$defs", "definitions", "$ref",
	}
	odd := []string{
		`-1`, `0`, `1`, `1.0`, `1.5`, `1e2`, `"x"`, `""`, `[]`, `{}`, `true`, `false`, `null`, `["a"]`, `["string"]`, `[1]`, `[{}]`, `[true]`,
		`{"a":{}}`, `{"a":true}`, `{"a":["b"]}`, `{"a":1}`, `{"a":[1]}`, `"string"`, `"#"`, `"#/$defs/d"`, `"#/nothing"`, `{"type":"x"}`, `{"properties":{"a":{"maxLength":"1"}}}`,
	}
	drafts := []string{"http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-06/schema#", "http://json-schema.org/draft-07/schema#",
		"https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema"}
	taken := 0
	for _, draft := range drafts {
		for _, keyword := range keywords {
			for _, v := range odd {
				text := `{"$schema":"` + draft + `","$defs":{"d":{"type":"string"}},"properties":{"p":{"` + keyword + `":` + v + `}}}`
				_, err := Read(text, nil)
				if (err == nil) != accepts(text) {
					t.Errorf("%s: %v, the other library: %t", text, err, accepts(text))
				}
				if err == nil {
					taken++
				}
			}
		}
	}
	t.Logf("of %d schemas %d are taken", len(drafts)*len(keywords)*len(odd), taken)
}
