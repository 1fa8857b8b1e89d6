package stores_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/cputest"
	"github.com/flowmart/lethe/schemas/migration"
	"github.com/flowmart/lethe/schemas/stores"
)

// What is said of a store takes no longer than it is large: of a collection in
// which every field is amiss, and of tables of which each leads to the next, and
// the last to a person, beside many that lead nowhere.
func TestLargeStoresAreJudgedSoon(t *testing.T) {
	t.Parallel()
	fields := strings.TrimSuffix(each(15_000, `"customer_email_%d":{"bsonType":"string"},`), ",")
	var chain strings.Builder
	for i := range 1_500 {
		fmt.Fprintf(&chain, "CREATE TABLE t%04d (id int", i)
		for k := range 75 {
			fmt.Fprintf(&chain, ", CONSTRAINT k%d FOREIGN KEY (id) REFERENCES t%04d", k, i)
		}
		chain.WriteString(");\n")
	}
	chain.WriteString("ALTER TABLE t1499 ADD customer_id int, ADD customer_email text;\n")
	chain.WriteString(each(1_499, "ALTER TABLE t%04d ADD next int;\n"))
	for i := range 1_499 {
		fmt.Fprintf(&chain, "ALTER TABLE t%04d ADD FOREIGN KEY (next) REFERENCES t%04d;\n", i, i+1)
	}
	for file, text := range map[string]string{"fields.json": `{"c":{"$jsonSchema":{"properties":{` + fields + "}}}}", "chain.sql": chain.String()} {
		source := migration.Source{Format: "sql", Files: []migration.File{{Path: file, Text: text}}}
		if strings.HasSuffix(file, ".json") {
			source.Format = "mongodb"
		}
		var err error
		if took := cputest.Thread(func() { _, err = stores.Lint("orders-db", stores.Submission{Source: source}) }); took > slack*time.Second || err != nil {
			t.Errorf("%s, %d KB: %v of a processor, %v", file, len(text)>>10, took, err)
		}
	}
}
