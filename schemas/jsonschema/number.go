package jsonschema

import (
	"math/big"
	"strconv"
	"strings"
)

// mostDigits bounds the numbers that are worked with: 1e1000000000 is short to
// write.
const mostDigits = 400

// rational reads a number to work with it; ok is false where it is too long.
func rational(text string) (r *big.Rat, ok bool) {
	mantissa, power, ok := parts(text)
	if !ok || len(mantissa) > mostDigits || max(power, -power) > mostDigits {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// parts takes a number of JSON (RFC 8259 section 6) apart at its e; ok is false
// where the power is larger than anybody's numbers.
func parts(text string) (mantissa string, power int, ok bool) {
	at := strings.IndexAny(text, "eE")
	if at < 0 {
		return text, 0, true
	}
	const largest = 1e12
	power, err := strconv.Atoi(text[at+1:])
	return text[:at], power, err == nil && -largest < power && power < largest
}

// decimal is a number as digits × 10^power, with no zero at either end of the
// digits: numbers are equal if these are. Nothing is worked out, so that it costs
// no more than the number is long.
type decimal struct {
	digits string // with a - before them; 0 has none
	power  int
}

func decimalOf(text string) (d decimal, ok bool) {
	mantissa, power, ok := parts(text)
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" || !ok {
		return decimal{}, digits == "" // nothing has no power
	}
	d = decimal{strings.TrimRight(digits, "0"), power - len(fraction)}
	d.power += len(digits) - len(d.digits)
	if negative {
		d.digits = "-" + d.digits
	}
	return d, true
}

// isWhole reports whether it has no fraction.
func (d decimal) isWhole() bool { return d.power >= 0 }

// worthOf is one text for all that are the same number. One whose power is larger
// than anybody's stands for itself.
func worthOf(text string) string {
	d, ok := decimalOf(text)
	switch {
	case !ok:
		return text
	case d.digits == "":
		return "0"
	case d.power == 0:
		return d.digits
	}
	return d.digits + "e" + strconv.Itoa(d.power)
}

// divides reports whether b is a whole number of times a, without working out how
// often.
func divides(a, b *big.Rat) bool {
	var times, of big.Int
	times.Mul(b.Num(), a.Denom())
	of.Mul(b.Denom(), a.Num())
	return of.Sign() != 0 && times.Rem(&times, &of).Sign() == 0
}

// size is how long two numbers are, in bits.
func size(a, b *big.Rat) int {
	return a.Num().BitLen() + a.Denom().BitLen() + b.Num().BitLen() + b.Denom().BitLen()
}
