//go:build race

package gate_test

// slack is how much slower than stated a test with the race detector may be.
const slack = 10
