//go:build !race

package avro

// slack is how much slower than stated a test may be.
const slack = 1
