package rest_test

import "testing"

const inJSON = `,"schemaType":"JSON"`

// The answers are written from the API's rules; the verdicts from those of
// package jsonschema, which has a table of its own.
func TestConformanceOfJSONSchema(t *testing.T) {
	t.Parallel()
	const (
		money  = `{"type":"object","properties":{"amount":{"type":"integer"}},"additionalProperties":false}`
		order  = `{"type":"object","properties":{"id":{"type":"string"},"total":{"$ref":"money.json"}},"additionalProperties":false}`
		spaced = `{ "type" : "object", "properties" : {"id":{"type":"string"}, "total":{"$ref":"money.json"}}, "additionalProperties" : false }`
		sorted = `{"additionalProperties":false,"properties":{"id":{"type":"string"},"total":{"$ref":"money.json"}},"type":"object"}`
		noted  = `{"type":"object","properties":{"id":{"type":"string"},"total":{"$ref":"money.json"},"note":{"type":"string"}},"additionalProperties":false}`
		wrong  = `{"type":"object","properties":{"id":{"type":"integer"},"total":{"$ref":"money.json"}},"additionalProperties":false}`
		open   = `{"type":"object","properties":{"id":{"type":"string"}}}`
		opened = `{"type":"object","properties":{"id":{"type":"string"},"note":{"type":"string"}}}`
		refers = inJSON + `,"references":[{"name":"money.json","subject":"money","version":-1}]`
	)
	serve(t).walk(t, []step{
		{"GET /schemas/types", "", 200, 0, `["AVRO","JSON","PROTOBUF"]`},
		{"POST /subjects/order/versions", submission(order, inJSON), 422, 42201, `~money.json`},
		{"POST /subjects/money/versions", submission(money, inJSON), 200, 0, `~{"id":1,`},
		{"POST /subjects/order/versions", submission(order, refers), 200, 0, `~{"id":2,`},
		{"POST /subjects/order/versions", submission(spaced, refers), 200, 0, `~{"id":2,`},
		{"POST /subjects/order", submission(spaced, refers), 200, 0, `~"version":1,"id":2,"schemaType":"JSON","references":[{"name":"money.json","subject":"money","version":1}]`},
		{"GET /schemas/ids/2/schema", "", 200, 0, order},
		{"POST /compatibility/subjects/order/versions/latest", submission(noted, refers), 200, 0, `{"is_compatible":true}`},
		{"POST /compatibility/subjects/order/versions/latest?verbose=true", submission(wrong, refers), 200, 0, `~errorType:'TYPE_CHANGED', description:'id: the type was string and is integer`},
		{"POST /subjects/order/versions", submission(wrong, refers), 409, 409, `~#/properties/id/type`},
		{"POST /subjects/order/versions", submission(noted, refers), 200, 0, `~{"id":3,`},
		{"POST /subjects/order/versions", one, 409, 409, "~SCHEMA_TYPE_CHANGED"},
		{"GET /subjects/money/versions/1/referencedby", "", 200, 0, "[2,3]"},
		{"DELETE /subjects/money", "", 422, 42206, ""},
		// The order of members counts, unless they are normalized.
		{"POST /subjects/normal/versions?normalize=true", submission(order, refers), 200, 0, `~{"id":4,`},
		{"GET /schemas/ids/4/schema", "", 200, 0, sorted},
		{"POST /subjects/normal/versions?normalize=true", submission(spaced, refers), 200, 0, `~{"id":4,`},
		// An open model takes no new property, unless the policy says so.
		{"POST /subjects/open/versions", submission(open, inJSON), 200, 0, `~{"id":5,`},
		{"POST /subjects/open/versions", submission(opened, inJSON), 409, 409, `~PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL`},
		{"PUT /config/open", `{"compatibilityPolicy":"LENIENT"}`, 200, 0, ""},
		{"POST /subjects/open/versions", submission(opened, inJSON), 200, 0, `~{"id":6,`},
		{"POST /subjects/open/versions/latest/tags", `{"tagsToAdd":[{"schemaEntity":{"entityPath":"object.note","entityType":"sr_field"},"tags":["PII"]}]}`, 200, 0, `~{"id":7,"version":3,`},
		{"GET /schemas/ids/7/schema", "", 200, 0, `{"type":"object","properties":{"id":{"type":"string"},"note":{"type":"string","confluent:tags":["PII"]}}}`},
		{"GET /schemas/ids/7?findTags=true", "", 200, 0, `~"schemaTags":[{"schemaEntity":{"entityPath":"object.note","entityType":"sr_field"},"tags":["PII"]}]`},
		{"POST /subjects/broken/versions", submission(`{"type":"strin"}`, inJSON), 422, 42201, `~did you mean \"string\"`},
		{"POST /subjects/broken/versions", submission(`{"$ref":"http://127.0.0.1:1/x.json"}`, inJSON), 422, 42201, `~nothing is fetched`},
	})
}
