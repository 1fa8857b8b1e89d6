//go:build race

package stores_test

// slack is how much slower than stated a test with the race detector may be.
const slack = 10
