//go:build !race

package detect_test

// slack is how much slower than stated a test may be.
const slack = 1
