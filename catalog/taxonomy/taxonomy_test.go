package taxonomy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

// Replicas that start together, and a file that is imported meanwhile, write
// the same new terms at once.
func TestEnsureTogether(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for round := range 60 {
		fresh := make([]taxonomy.Term, 40)
		for i := range fresh {
			fresh[i] = taxonomy.Term{ID: uuid.New(), Kind: taxonomy.Category, Key: fmt.Sprintf("user.made_%d_%d", round, i), Name: "Made", Attribution: "nobody"}
		}
		var all errgroup.Group
		for range 6 {
			all.Go(func() error { return taxonomy.Ensure(t.Context(), db, fresh) })
		}
		if err := all.Wait(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}

// The counts of Fideslang 3.x are 85 categories, 54 uses and 15 subjects;
// three categories and four levels of sensitivity are our own.
func TestShippedTerms(t *testing.T) {
	t.Parallel()
	for kind, want := range map[taxonomy.Kind][2]int{taxonomy.Category: {85, 3}, taxonomy.Use: {54, 0}, taxonomy.Subject: {15, 0}, taxonomy.Sensitivity: {0, 4}} {
		var theirs, ours int
		for _, term := range taxonomy.All(kind) {
			if term.Attribution == "Fideslang by Ethyca" {
				theirs++
			} else {
				ours++
			}
			if dot := strings.LastIndexByte(term.Key, '.'); dot > 0 {
				if _, err := taxonomy.Find("", term.Key[:dot], kind); err != nil {
					t.Errorf("%s has no parent", term.Key)
				}
			}
			if byID, ok := taxonomy.ByID(term.ID); !ok || byID.Key != term.Key {
				t.Errorf("%s is not found by its id", term.Key)
			}
		}
		if theirs != want[0] || ours != want[1] {
			t.Errorf("%s: %d and %d, want %v", kind, theirs, ours, want)
		}
	}
	seen := map[string]bool{}
	for _, term := range taxonomy.All("") {
		if seen[term.Key] {
			t.Errorf("%s is two terms", term.Key)
		}
		seen[term.Key] = true
	}
}

// Art. 9 and 10 GDPR, by hand.
func TestSpecialCategories(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"user.health_and_medical.genetic": "ART9", "user.demographic.religious_belief": "ART9", "user.biometric.voice": "ART9",
		"user.trade_union_membership": "ART9", "user.criminal_history": "ART10", "user.childrens": "CHILD", "user.name": "", "user.demographic.gender": "",
	} {
		term, err := taxonomy.Find("", key, taxonomy.Category)
		got := ""
		if err == nil && term.Special != nil {
			got = *term.Special
		}
		if got != want || err != nil {
			t.Errorf("%s: %q %v, want %q", key, got, err, want)
		}
	}
}

func TestFindNamesTheNearest(t *testing.T) {
	t.Parallel()
	_, err := taxonomy.Find("term", "user.contact.emial", taxonomy.Category)
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), `"user.contact.email"`) {
		t.Errorf("%v", err)
	}
	if !taxonomy.Personal("user") || !taxonomy.Personal("user.name") || taxonomy.Personal("username") || taxonomy.Personal("system") {
		t.Error("personal is user and what is below it")
	}
}

func TestSyncIsIdempotent(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for range 2 {
		if err := taxonomy.Sync(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	var n int
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM catalog_term`).Scan(&n); err != nil || n != 161 {
		t.Errorf("%d terms, want 161 (%v)", n, err)
	}
}
