//go:build !race

package jsonschema

// slack is how much slower than stated a test may be.
const slack = 1
