package format

// What follows is offered by the formats that can.

// Normal is a schema that has a text which depends still less on how it was put
// into words than the canonical one: what clients ask for by normalize=true.
type Normal interface {
	Normalized() string
}

// Shaped is a schema that has a text which is the same for every schema of a
// subject that should be found as this one. It reports false for a schema that
// is too large to have one.
type Shaped interface {
	Shape() (text string, ok bool)
}

// Particular is a schema that is found by its shape only as some of the schemas
// that have it.
type Particular interface {
	// IsFoundAs reports whether the registered schema with a text, which has the
	// same shape, may be found as this one.
	IsFoundAs(text string) bool
}

// Printed is a schema that can be written in other forms, by the names that
// clients ask for them with format=…. It reports false for a form that it does
// not have.
type Printed interface {
	Print(form string) (text string, ok bool)
}

// Taggable is a schema whose text holds tags.
type Taggable interface {
	// Entities lists what can be tagged, in the order of the text, with the tags
	// that stand there.
	Entities() []Tagged
	// Retag writes the schema without some tags and with others added. What they
	// name must be there, else it is a fault with the code INVALID_SCHEMA.
	Retag(add, remove []Tagged) (string, error)
}

// Entity is a record, by its full name, or one of its fields, by that and its own
// name after a dot.
type Entity struct {
	Path  string
	Field bool
}

// Tagged is an entity with tags that stand at it.
type Tagged struct {
	Entity
	Tags []string
}
