//go:build !race

package export_test

// whole is what TestGigabyte hands over: 1 GiB.
const whole = 1 << 30
