package avro

import (
	"math"
	"slices"
	"strconv"
)

// logicalHosts says which types a logical type may annotate, after the Avro
// 1.12 specification. Decimal and duration have rules of their own besides.
var logicalHosts = map[string][]Kind{
	"decimal":                {aBytes, aFixed},
	"big-decimal":            {aBytes},
	"uuid":                   {aString, aFixed},
	"date":                   {anInt},
	"time-millis":            {anInt},
	"time-micros":            {aLong},
	"timestamp-millis":       {aLong},
	"timestamp-micros":       {aLong},
	"timestamp-nanos":        {aLong},
	"local-timestamp-millis": {aLong},
	"local-timestamp-micros": {aLong},
	"local-timestamp-nanos":  {aLong},
	"duration":               {aFixed},
}

// logicalType names a type's logical type. One that is unknown or unsound is
// ignored, as the specification asks: the type underneath is used.
func logicalType(t *Type, v *value) string {
	name := v.Get("logicalType")
	if name == nil || name.Kind != '"' || !slices.Contains(logicalHosts[name.Text], t.Kind) {
		return ""
	}
	sound := true
	switch name.Text {
	case "decimal":
		sound = soundDecimal(t, v)
	case "uuid":
		sound = t.Kind == aString || t.Size == 16
	case "duration":
		sound = t.Size == 12
	}
	if !sound {
		return ""
	}
	return name.Text
}

func soundDecimal(t *Type, v *value) bool {
	precision, ok := whole(v.Get("precision"))
	if !ok || precision < 1 {
		return false
	}
	scale := 0
	if s := v.Get("scale"); s != nil {
		if scale, ok = whole(s); !ok {
			return false
		}
	}
	if t.Kind == aFixed {
		// The digits that size bytes hold: floor(log10(2^(8·size−1) − 1)).
		most := math.Floor(math.Log10(2) * float64(8*t.Size-1))
		if float64(precision) > most {
			return false
		}
	}
	return scale >= 0 && scale <= precision
}

func whole(v *value) (int, bool) {
	if v == nil || v.Kind != '0' {
		return 0, false
	}
	n, err := strconv.Atoi(v.Text)
	return n, err == nil
}
