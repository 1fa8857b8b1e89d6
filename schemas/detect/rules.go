package detect

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
)

//go:embed rules.txt
var rulesFile string

// Version is the version of the rules. A suggestion that somebody rejected may
// be made once more by a later version, and not by this one.
const Version = 3

// A rule says that names which end in a phrase hold a category.
type rule struct {
	id       string
	category string
	sure     int // in hundredths
	types    kind
	needs    string
	around   []string // of in=… and within=…
}

// phrase is an ending of names, with the rules that it fires.
type phrase struct {
	words []string
	rules []rule // in the order of the file
}

// ending is the last two words of a phrase, the first of them "" where there is
// one alone.
type ending [2]string

func endingOf(words []string) ending {
	if n := len(words); n > 1 {
		return ending(words[n-2:])
	}
	return ending{"", words[0]}
}

// byEnd finds phrases by their last words, the longest first.
var byEnd = readRules(rulesFile)

func readRules(file string) map[ending][]phrase {
	found := map[string]*phrase{}
	var order []string
	for line := range strings.Lines(file) {
		col := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") || len(col) != 6 {
			continue
		}
		sure, _ := strconv.Atoi(col[2])
		r := rule{id: col[0], category: col[1], sure: sure, types: kindsOf(col[3]), needs: col[4]}
		if needs, words, ok := strings.Cut(r.needs, "="); ok {
			r.needs, r.around = needs, strings.Split(words, "/")
		}
		for p := range strings.SplitSeq(col[5], ", ") {
			if found[p] == nil {
				found[p] = &phrase{words: strings.Fields(p)}
				order = append(order, p)
			}
			found[p].rules = append(found[p].rules, r)
		}
	}
	m := map[ending][]phrase{}
	for _, name := range order {
		end := endingOf(found[name].words)
		m[end] = append(m[end], *found[name])
	}
	for _, phrases := range m {
		slices.SortStableFunc(phrases, func(a, b phrase) int { return len(b.words) - len(a.words) })
	}
	return m
}

// A kind is what values of a type are like.
type kind uint16

const (
	text kind = 1 << iota
	number
	date
	flag
	enum
	list          // anything with parts
	raw           // bytes
	geo           // points and shapes
	anything kind = 1<<iota - 1
)

var kindNames = map[string]kind{
	"text": text, "number": number, "date": date, "flag": flag, "enum": enum, "list": list, "bytes": raw, "geo": geo, "any": anything,
}

func kindsOf(column string) (k kind) {
	for name := range strings.SplitSeq(column, ",") {
		k |= kindNames[name]
	}
	return k
}

var typeKinds = map[string]kind{
	"string": text, "text": text, "char": text, "character": text, "varchar": text, "varchar2": text, "nvarchar": text, "citext": text,
	"uuid": text, "email": text, "uri": text, "clob": text, "inet": text, "bpchar": text, "nchar": text, "ipv4": text, "ipv6": text,
	"int": number, "integer": number, "long": number, "bigint": number, "smallint": number, "tinyint": number, "number": number,
	"float": number, "double": number, "decimal": number, "numeric": number, "real": number, "int32": number, "int64": number,
	"uint32": number, "uint64": number, "sint32": number, "sint64": number, "fixed32": number, "fixed64": number, "serial": number,
	"bigserial": number, "money": number, "float4": number, "float8": number, "int4": number, "int8": number,
	"date": date, "timestamp": date, "datetime": date, "date-time": date, "timestamptz": date, "time": date, "timestamp-millis": date,
	"timestamp-micros": date, "timestamp-nanos": date, "local-timestamp-millis": date, "local-timestamp-micros": date, "time-millis": date,
	"time-micros": date, "duration": date, "boolean": flag, "bool": flag, "bit": flag, "enum": enum,
	"record": list, "object": list, "array": list, "map": list, "json": list, "jsonb": list, "xml": list, "message": list, "repeated": list, "struct": list,
	"geometry": geo, "geography": geo, "point": geo, "mediumtext": text, "longtext": text, "tinytext": text, "ntext": text, "mediumint": number,
	"year": number, "set": enum,
	"bytes": raw, "image": raw, "mediumblob": raw, "longblob": raw, "bytea": raw, "blob": raw, "binary": raw, "varbinary": raw, "fixed": raw,
}

// kindOf reads a type as its technology calls it, the logical type before the
// one beneath it. What is not known may be anything.
func kindOf(typeName, logical string) kind {
	for _, name := range []string{logical, typeName} {
		name, length, _ := strings.Cut(strings.ToLower(strings.TrimSpace(name)), "(")
		if length == "1)" && typeKinds[name] == text {
			return text | flag | enum // Y and N
		}
		if strings.HasPrefix(name, "union<") || strings.HasSuffix(name, "[]") {
			return list | text
		}
		name, _, _ = strings.Cut(name, "<")
		name, _, _ = strings.Cut(name, " ")
		if k, ok := typeKinds[name]; ok {
			return k
		}
	}
	return anything
}
