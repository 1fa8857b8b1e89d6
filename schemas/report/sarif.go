package report

import (
	"encoding/json"
	"io"
	"maps"
	"net/url"
	"slices"
)

// rules name what each code is about, for screens that show rules.
var rules = map[string]string{
	"CG001": "the schema can be read", "CG002": "the schema may follow the versions before it", "CG003": "an active team answers for the data", "CG004": "every consumer can read what is written with the schema",
	"CG005": "the subject takes schemas now", "CG006": "every part of a migration is read", "CG007": "the subject is of the service that the manifest names", "CG008": "tables and their namespace are the store's own", "CG010": "what is surely personal is classified", "CG011": "what is probably personal is classified",
	"CG012": "tags are of the vocabulary", "CG013": "tags say what the catalog says", "CG014": "payloads beside personal data are described",
	"CG015": "free text beside personal data is tagged", "CG016": "a classification is not taken away", "CG017": "tags by name are of fields that are there", "CG030": "keys and headers hold no personal data",
	"CG020": "personal data has a permitted use", "CG021": "consumers get personal data for permitted purposes alone", "CG022": "special categories have a ground",
	"CG023": "somebody needs the personal data", "CG040": "personal data has a retention, and the topic keeps to it", "CG041": "personal data can be erased from the topic",
	"CG031": "personal data can be found by the person", "CG050": "what a schema refers to is there", "CG051": "consumers read fields that are there",
}

// writeSARIF writes the form of static analysis, version 2.1.0:
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/
func writeSARIF(w io.Writer, a Answer) error {
	type text struct {
		Text string `json:"text"`
	}
	type rule struct {
		ID    string `json:"id"`
		Short text   `json:"shortDescription"`
	}
	type artifact struct {
		URI string `json:"uri"`
	}
	type region struct {
		Line   int `json:"startLine"`
		Column int `json:"startColumn"`
	}
	type physical struct {
		Artifact artifact `json:"artifactLocation"`
		Region   region   `json:"region"`
	}
	type location struct {
		Physical physical `json:"physicalLocation"`
	}
	type result struct {
		RuleID       string            `json:"ruleId"`
		Level        string            `json:"level"`
		Message      text              `json:"message"`
		Locations    []location        `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	type driver struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	}
	type tool struct {
		Driver driver `json:"driver"`
	}
	type run struct {
		Tool    tool     `json:"tool"`
		Results []result `json:"results"`
	}
	type log struct {
		Schema  string `json:"$schema"`
		Version string `json:"version"`
		Runs    []run  `json:"runs"`
	}
	r := run{Tool: tool{driver{Name: "Lethe"}}, Results: []result{}}
	for _, id := range slices.Sorted(maps.Keys(rules)) {
		r.Tool.Driver.Rules = append(r.Tool.Driver.Rules, rule{id, text{rules[id]}})
	}
	each(a, func(c Checked, f Finding) {
		uri := (&url.URL{Path: c.name(f)}).EscapedPath()
		r.Results = append(r.Results, result{
			f.Code, []string{"note", "warning", "error"}[weigh(c, f)], text{sentence(f)},
			[]location{{physical{artifact{uri}, region{max(f.Line, 1), max(f.Column, 1)}}}},
			map[string]string{"lethe/v1": fingerprint(c, f)},
		})
	})
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(log{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []run{r}})
}
