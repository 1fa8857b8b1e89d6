//go:build !race

package graph_test

// slack is how much slower than stated a test may be, on a machine that is
// busy with other tests.
const slack = 2
