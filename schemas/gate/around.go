package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowmart/lethe/catalog/taxonomy"
)

// Around is what the catalog says of the data that a schema describes: who
// answers for it, what it may be used for, who reads it, and how long it stays.
type Around struct {
	Topic     string // that it is said of, where the schema is one of several; "" else
	Owned     bool   // an active team answers for it
	Uses      []Use
	Consumers []Consumer
	// RetentionDays is how long the policy keeps it; nil: there is no policy.
	RetentionDays *int
	// TopicDays is how long the topic keeps records, -1 for ever; nil: nobody
	// has looked.
	TopicDays *int
	Compacted bool // the topic keeps the last record of each key
	Shreds    bool // it is erased by destroying keys

	// New has the catalog not know the dataset yet: what it lacks then is told,
	// and asked for once it does.
	New bool
}

// Use is a purpose that data may be used for.
type Use struct {
	Path    string // of the field; "" for all of it
	Purpose string // its ref
	Basis   string // of Art. 6(1) GDPR
}

// Consumer is a service that declared to read the data.
type Consumer struct {
	Service  string // its ref
	Purposes []string
	Fields   []string // that it reads
	Told     bool     // it said which fields
}

// mostFound is how many findings there are before those of further topics are cut:
// a hundred may lack the same for each of very many fields.
const mostFound = 20_000

// find lists what the catalog lacks for a version, or says against it. Beyond the
// room that is left it tells the first of each kind alone.
func (a Around) find(c Change, now tags, personal []Tag, changes []Difference, room int) []Finding {
	out := few(a.atHand().amiss(c, now, personal, changes), room)
	if a.Topic == "" {
		return out
	}
	for i := range out {
		out[i].Message = fmt.Sprintf("in the topic %s: %s", a.Topic, out[i].Message)
	}
	return out
}

// few are findings of which those that find no room are left out, but for the first
// of each kind: no verdict is another without them.
func few(found []Finding, room int) []Finding {
	type kind struct {
		code     string
		severity Severity
	}
	told := map[kind]bool{}
	return slices.DeleteFunc(found, func(f Finding) bool {
		room--
		of := kind{f.Code, f.Severity}
		leave := room < 0 && told[of]
		told[of] = true
		return leave
	})
}

func (a atHand) amiss(c Change, now tags, personal []Tag, changes []Difference) []Finding {
	if a.New {
		return unsaid(personal)
	}
	var out []Finding
	if !a.Owned {
		out = append(out, Finding{Code: "CG003", Severity: Error, Message: "no active team answers for this data",
			Mend: "give its service an owner in the catalog"})
	}
	if len(personal) > 0 {
		out = append(out, a.used(personal)...)
		out = append(out, a.kept()...)
	}
	out = append(out, a.widened(changes)...)
	out = append(out, a.needless(personal)...)
	return append(out, a.dangling(c, now)...)
}

// unsaid tells of personal data in a dataset that is new what will be asked for.
func unsaid(personal []Tag) []Finding {
	if len(personal) == 0 {
		return nil
	}
	return []Finding{{Code: "CG020", Severity: Advice,
		Message: "it is new to the catalog and holds personal data; nobody can have said yet what they may be used for, or how long they are kept",
		Mend:    "once it is there, give its dataset a permitted use and a retention policy: where the gate is enforced, the next change is refused without"}}
}

// said are the personal categories that somebody said of a field, not those of
// what it lies in, nor those that say that anything may be there.
func (t tags) said() []Tag {
	return slices.DeleteFunc(t.list(), func(tag Tag) bool {
		return !taxonomy.Personal(tag.Category) || vague(tag.Category) || tag.Source == Inherited
	})
}

// used finds personal fields that may be used for nothing (Art. 5(1)(b) GDPR),
// and special categories without a ground: Art. 9(2) knows neither a contract
// nor legitimate interests.
func (a atHand) used(personal []Tag) []Finding {
	if len(a.Uses) == 0 {
		return []Finding{{Code: "CG020", Severity: Error, Message: "it holds personal data, and nobody said what it may be used for",
			Mend: "declare a permitted use of its dataset in the catalog"}}
	}
	var out []Finding
	for _, t := range personal {
		uses := a.of(t.Path)
		if len(uses) == 0 {
			out = append(roomy(out), Finding{Code: "CG020", Severity: Error, Path: t.Path, Category: t.Category,
				Message: "it holds " + t.Category + ", and nobody said what it may be used for", Mend: "declare a permitted use of the field in the catalog"})
			continue
		}
		term, err := taxonomy.Find("", t.Category, taxonomy.Category)
		weak := !slices.ContainsFunc(uses, func(u Use) bool { return u.Basis != "CONTRACT" && u.Basis != "LEGITIMATE_INTERESTS" })
		if err == nil && term.Special != nil && *term.Special == "ART9" && weak {
			out = append(out, Finding{Code: "CG022", Severity: Error, Path: t.Path, Category: t.Category,
				Message: t.Category + " is of a special category, for which neither a contract nor legitimate interests are a ground (Art. 9(2) GDPR)",
				Mend:    "permit it for a purpose with another legal basis, such as consent, or leave the field out"})
		}
	}
	return out
}

// kept finds personal data that stays without a bound (Art. 5(1)(e) GDPR).
func (a Around) kept() []Finding {
	var out []Finding
	forever := a.TopicDays != nil && *a.TopicDays < 0
	switch {
	case a.RetentionDays == nil:
		out = append(out, Finding{Code: "CG040", Severity: Error, Message: "it holds personal data and has no retention policy",
			Mend: "give its dataset a retention policy in the catalog"})
	case a.TopicDays != nil && !forever && *a.TopicDays > *a.RetentionDays:
		out = append(out, Finding{Code: "CG040", Severity: Advice,
			Message: fmt.Sprintf("the topic keeps records for %d days, and the policy for %d", *a.TopicDays, *a.RetentionDays),
			Mend:    "shorten the topic's retention, or take another policy"})
	}
	if (a.Compacted || forever) && !a.Shreds {
		out = append(out, Finding{Code: "CG041", Severity: Error, Message: "the topic is compacted or keeps records for ever, and nothing says how personal data in it is erased",
			Mend: "bound its retention, or encrypt with a key per person and declare CRYPTO_SHRED"})
	}
	return out
}

// widened finds consumers who would get personal data that may not be used for
// what they do.
func (a atHand) widened(changes []Difference) []Finding {
	var out []Finding
	for _, d := range changes {
		uses := a.of(d.Path)
		if d.Kind != Added || d.Guessed || len(uses) == 0 {
			continue
		}
		var who []string
		for _, c := range a.reaches {
			allowed := slices.ContainsFunc(uses, func(u Use) bool { return slices.Contains(c.Purposes, u.Purpose) })
			if len(c.Purposes) > 0 && c.reads(d.Path) && !allowed {
				who = append(who, c.Service)
			}
		}
		if len(who) > 0 {
			out = append(out, Finding{Code: "CG021", Severity: Error, Path: d.Path, Category: d.Category,
				Message: fmt.Sprintf("%s would read %s, which may not be used for what they declared", strings.Join(who, ", "), d.Category),
				Mend:    "have them declare the fields that they read, or permit their purpose"})
		}
	}
	return out
}

// needless finds personal fields that nobody needs (Art. 5(1)(c) GDPR), where
// everybody who reads said what.
func (a atHand) needless(personal []Tag) []Finding {
	if len(a.Consumers) == 0 || slices.ContainsFunc(a.Consumers, func(c Consumer) bool { return !c.Told }) {
		return nil
	}
	var out []Finding
	for _, t := range personal {
		if !slices.ContainsFunc(a.reaches, func(c reach) bool { return c.reads(t.Path) }) {
			out = append(out, Finding{Code: "CG023", Severity: Advice, Path: t.Path, Category: t.Category,
				Message: "no consumer that is declared reads it", Mend: "leave the field out, or have whoever needs it declare so"})
		}
	}
	return out
}

// dangling finds declared reads of what the schema does not have. What the
// version before had is the business of whoever is broken.
func (a Around) dangling(c Change, now tags) []Finding {
	was := map[string]bool{}
	for _, f := range c.Old {
		was[f.Path] = true
	}
	var out []Finding
	for _, consumer := range a.Consumers {
		for _, path := range consumer.Fields {
			if now.has[path] || was[path] {
				continue
			}
			out = append(out, Finding{Code: "CG051", Severity: Advice, Rule: consumer.Service,
				Message: fmt.Sprintf("%s declared that it reads %s, which the schema does not have", consumer.Service, path), Mend: "correct the declaration in the catalog"})
		}
	}
	return out
}
