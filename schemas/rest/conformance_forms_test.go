package rest_test

import "testing"

// Written from the rules of the API, as in conformance_test.go.
func TestConformanceOfNormalizing(t *testing.T) {
	t.Parallel()
	text := func(props string) string {
		return submission(`{"type":"record","name":"O","namespace":"n","fields":[{"name":"a","type":"int",` + props + `}]}`)
	}
	const normal = `{"type":"record","name":"n.O","fields":[{"name":"a","type":"int","doc":"d","b":2,"z":{"x":1,"y":2}}]}`
	serve(t).walk(t, []step{
		{"POST /subjects/a/versions", text(`"z":{"y":2,"x":1},"b":2,"doc":"d"`), 200, 0, `~{"id":1,"version":1,"`},
		// Inside a subject the order of properties does not count; doc does.
		{"POST /subjects/a/versions", text(`"b":2,"z":{"x":1,"y":2},"doc":"d"`), 200, 0, `~{"id":1,"version":1,"`},
		{"POST /subjects/a", text(`"b":2,"z":{"x":1,"y":2},"doc":"d"`), 200, 0, `~"version":1,"id":1`},
		{"POST /subjects/a", text(`"b":2,"z":{"x":1,"y":2},"doc":"e"`), 404, 40403, ""},
		// Across subjects it does, unless both are normalized.
		{"POST /subjects/b/versions", text(`"b":2,"z":{"x":1,"y":2},"doc":"d"`), 200, 0, `~{"id":2,`},
		{"POST /subjects/c/versions?normalize=true", text(`"z":{"y":2,"x":1},"doc":"d","b":2`), 200, 0, `~{"id":3,`},
		{"POST /subjects/d/versions?normalize=true", text(`"b":2,"doc":"d","z":{"x":1,"y":2}`), 200, 0, `~{"id":3,`},
		{"GET /schemas/ids/3/schema", "", 200, 0, normal},
		{"POST /subjects/c?normalize=true", text(`"doc":"d","b":2,"z":{"x":1,"y":2}`), 200, 0, `~"id":3`},
		// A subject asks for it, too, and the registry.
		{"PUT /config/e", `{"normalize":true}`, 200, 0, ""},
		{"POST /subjects/e/versions", text(`"z":{"x":1,"y":2},"doc":"d","b":2`), 200, 0, `~{"id":3,`},
		{"PUT /config", `{"normalize":true}`, 200, 0, ""},
		{"POST /subjects/f/versions", text(`"z":{"x":1,"y":2},"doc":"d","b":2`), 200, 0, `~{"id":3,`},
		{"PUT /config/g", `{"normalize":false}`, 200, 0, ""},
		{"POST /subjects/g/versions", text(`"z":{"y":2,"x":1},"b":2,"doc":"d"`), 200, 0, `~{"id":1,`},
		{"POST /compatibility/subjects/a/versions/latest?normalize=true", text(`"doc":"x"`), 200, 0, `{"is_compatible":true}`},
	})
}

func TestConformanceOfForms(t *testing.T) {
	t.Parallel()
	const resolved = `{"type":"array","items":{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"}]}}`
	list := submission(`{"type":"array","items":"shop.Order"}`, `,"references":[{"name":"shop.Order","subject":"order","version":1}]`)
	serve(t).walk(t, []step{
		{"POST /subjects/order/versions", one, 200, 0, `~{"id":1,`},
		{"POST /subjects/list/versions", list, 200, 0, `~{"id":2,`},
		{"GET /schemas/ids/2/schema?format=resolved", "", 200, 0, resolved},
		{"GET /schemas/ids/2/schema?format=none-of-ours", "", 200, 0, `{"type":"array","items":"shop.Order"}`},
		{"GET /schemas/ids/2?format=resolved", "", 200, 0, `~"references":[{"name":"shop.Order","subject":"order","version":1}],"schema":"{\"type\":\"array\",\"items\":{\"type\":\"record\"`},
		{"GET /subjects/list/versions/latest/schema?format=resolved", "", 200, 0, resolved},
		{"GET /subjects/list/versions/1?format=resolved", "", 200, 0, `~"version":1,"id":2,`},
		{"POST /subjects/list?format=resolved", list, 200, 0, `~\"items\":{\"type\":\"record\"`},
		// Who brings the types finds the version that refers to them, not the other way round.
		{"POST /subjects/list", submission(resolved), 200, 0, `~"version":1,"id":2,`},
		{"POST /subjects/list/versions", submission(resolved), 200, 0, `~{"id":2,"version":1,`},
		{"POST /subjects/whole/versions", submission(resolved), 200, 0, `~{"id":3,`},
		{"POST /subjects/whole", list, 404, 40403, ""},
		{"POST /subjects/whole/versions", list, 200, 0, `~{"id":2,"version":2,`},
		// In another context, references say where they lead.
		{"POST /contexts/dev/subjects/order/versions", one, 200, 0, `~{"id":1,`},
		{"POST /contexts/dev/subjects/list/versions", list, 200, 0, `~{"id":2,`},
		{"GET /contexts/dev/subjects/list/versions/1", "", 200, 0, `~"subject":"order"`},
		{"GET /contexts/dev/subjects/list/versions/1?referenceFormat=qualified", "", 200, 0, `~"subject":":.dev:order"`},
		{"GET /schemas/ids/2?referenceFormat=qualified", "", 200, 0, `~"subject":"order"`},
		{"POST /", "", 200, 0, `{}`},
		{"GET /v1/metadata/id", "", 200, 0, `~"scope":{"clusters":{"schema-registry-cluster":"lethe"},"path":[]}`},
		{"GET /v1/metadata/version", "", 200, 0, `~"commitId":`},
		{"GET /v1/metadata/deployment", "", 200, 0, `{"attributes":[]}`},
		{"GET /contexts/dev/", "", 200, 0, `{}`},
		{"POST /contexts/dev", "", 200, 0, `{}`},
	})
}

func TestConformanceOfTags(t *testing.T) {
	t.Parallel()
	const plain = `{"type":"record","name":"R","namespace":"n","fields":[{"name":"f","type":"string"},{"name":"g","type":"string","confluent:tags":["OLD"]}]}`
	tag := func(member, path, kind, tag string) string {
		return `"` + member + `":[{"schemaEntity":{"entityPath":"` + path + `","entityType":"` + kind + `"},"tags":["` + tag + `"]}]`
	}
	serve(t).walk(t, []step{
		{"POST /subjects/a/versions", submission(plain), 200, 0, `~{"id":1,`},
		{"GET /subjects/a/versions/1", "", 200, 0, `~"id":1,"schema"`},
		{"GET /subjects/a/versions/1?findTags=true", "", 200, 0, `~"schemaTags":[{"schemaEntity":{"entityPath":"n.R.g","entityType":"sr_field"},"tags":["OLD"]}]`},
		{"GET /schemas/ids/1?findTags=true", "", 200, 0, `~"schemaTags":[{"schemaEntity":{"entityPath":"n.R.g","entityType":"sr_field"},"tags":["OLD"]}]`},
		{"POST /subjects/none/versions/1/tags", `{` + tag("tagsToAdd", "n.R", "sr_record", "PII") + `}`, 404, 40401, ""},
		{"POST /subjects/a/versions/2/tags", `{` + tag("tagsToAdd", "n.R", "sr_record", "PII") + `}`, 404, 40402, ""},
		{"POST /subjects/a/versions/1/tags", `{"newVersion":1,` + tag("tagsToAdd", "n.R", "sr_record", "PII") + `}`, 422, 42201, ""},
		{"POST /subjects/a/versions/1/tags", `{` + tag("tagsToAdd", "n.R.h", "sr_field", "PII") + `}`, 422, 42201, ""},
		{"POST /subjects/a/versions/1/tags", `{` + tag("tagsToAdd", "n.R", "sr_table", "PII") + `}`, 422, 42201, ""},
		{"POST /subjects/a/versions/latest/tags", `{` + tag("tagsToAdd", "n.R", "sr_record", "PII") + `,` + tag("tagsToRemove", "n.R.g", "sr_field", "OLD") + `,"rulesToMerge":{"domainRules":[{"name":"r"},{"name":"s"}]}}`, 200, 0, `~{"id":2,"version":2,`},
		{"GET /subjects/a/versions/2/schema", "", 200, 0, `{"type":"record","name":"R","namespace":"n","fields":[{"name":"f","type":"string"},{"name":"g","type":"string"}],"confluent:tags":["PII"]}`},
		// A version whose number was named says it among its metadata, and so do those after it.
		{"GET /subjects/a/versions/2", "", 200, 0, `~"metadata":{"properties":{"confluent:version":"2"}}`},
		{"POST /subjects/a/versions/latest/tags", `{"newVersion":3,"rulesToMerge":{"domainRules":[{"name":"r","kind":"x"}]},"rulesToRemove":["s"]}`, 200, 0, `~"ruleSet":{"domainRules":[{"kind":"x","name":"r"}]}`},
		{"GET /subjects/a/versions/3", "", 200, 0, `~"confluent:version":"3"`},
		// Tags can be given while registering, and kept from the version before.
		{"POST /subjects/a/versions", submission(plain, `,`+tag("schemaTagsToAdd", "n.R.f", "sr_field", "NEW"), `,"propagateSchemaTags":true`), 200, 0, `~{"id":4,"version":4,`},
		{"GET /subjects/a/versions/4/schema", "", 200, 0, `{"type":"record","name":"R","namespace":"n","fields":[{"name":"f","type":"string","confluent:tags":["NEW"]},{"name":"g","type":"string","confluent:tags":["OLD"]}],"confluent:tags":["PII"]}`},
		{"GET /subjects/a/versions/4", "", 200, 0, `~"confluent:version":"4"`},
		{"POST /subjects/b/versions", submission(plain, `,"version":1`), 200, 0, `~"metadata":{"properties":{"confluent:version":"1"}}`},
		{"POST /subjects/b/versions", submission(plain), 200, 0, `~"version":1,`},
	})
}
