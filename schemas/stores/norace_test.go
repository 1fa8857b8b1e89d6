//go:build !race

package stores_test

// slack is how much slower than stated a test may be.
const slack = 1
