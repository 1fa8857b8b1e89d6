//go:build !race

package migration_test

// slack is how much slower than stated a test may be.
const slack = 1
