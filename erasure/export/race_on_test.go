//go:build race

package export_test

// whole is what TestGigabyte hands over. The race detector makes every byte
// twenty times as dear and says nothing about memory, so it sees a sixteenth.
const whole = 1 << 26
