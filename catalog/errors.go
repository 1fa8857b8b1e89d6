package catalog

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowmart/lethe/internal/fault"
)

// mistakes gathers everything wrong with one input, so that it is told at once.
type mistakes []error

func (m *mistakes) add(err error) {
	if err != nil {
		*m = append(*m, err)
	}
}

func (m *mistakes) require(ok bool, path, code, message string, args ...any) {
	if !ok {
		m.add(fault.Bad(path, code, message, args...))
	}
}

func (m mistakes) err() error { return errors.Join(m...) }

func missing(noun string) error {
	return fault.Missing(noun, "there is no such %s; it may have another id", strings.ReplaceAll(noun, "_", " "))
}

func conflict(noun string, rev int) error {
	return fault.New(fault.Conflict, "CONFLICT", "the %s was changed by someone else and is at revision %d now; read it again and repeat your change",
		strings.ReplaceAll(noun, "_", " "), rev)
}

var (
	refForm        = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)
	identifierForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
)

// checkRef is the rule of every ref: the name people and files use.
func checkRef(m *mistakes, ref string) {
	m.require(refForm.MatchString(ref), "ref", "BAD_REF",
		"a ref is 1 to 100 of a-z, 0-9, dot, dash and underscore, and starts with a letter or digit")
}

// checkName is the rule of every name shown on a screen.
func checkName(m *mistakes, name string) {
	m.require(strings.TrimSpace(name) != "" && len(name) <= 200 && printable(name), "name", "BAD_NAME", "give a name of 1 to 200 printable characters")
}

func checkDoc(m *mistakes, doc string) {
	m.require(len(doc) <= 4000 && !strings.ContainsRune(doc, 0), "doc", "TOO_LONG", "a description has at most 4000 bytes and no NUL")
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd })
}

// oneOf refuses a word outside a closed list and names the nearest in it.
func oneOf(m *mistakes, path, word string, known []string) {
	if slices.Contains(known, word) {
		return
	}
	message := "choose one of " + strings.Join(known, ", ")
	if near := fault.Nearest(word, known); near != "" && word != "" {
		message += "; did you mean " + near + "?"
	}
	m.add(fault.Bad(path, "UNKNOWN_VALUE", "%s", message))
}

// breaches says in words what a constraint of the database means, where the
// room cannot know before it writes.
var breaches = map[string]*fault.Fault{
	"catalog_controller_ref_taken":                  taken("controller"),
	"catalog_owner_ref_taken":                       taken("owner"),
	"catalog_service_ref_taken":                     taken("service"),
	"catalog_store_ref_taken":                       taken("store"),
	"catalog_retention_policy_ref_taken":            taken("retention policy"),
	"catalog_purpose_ref_taken":                     taken("purpose"),
	"catalog_dataset_name_taken":                    datasetTaken,
	"catalog_dataset_alias_taken":                   datasetTaken,
	"catalog_topic_taken":                           fault.Bad("topic", "TAKEN", "another dataset is this topic already"),
	"catalog_service_key_taken":                     fault.Bad("keys", "KEY_TAKEN", "another service registered this public key; a service makes a key of its own"),
	"catalog_service_owner_known":                   unknown("ownerId", "owner"),
	"catalog_service_controller_known":              unknown("controllerId", "controller"),
	"catalog_store_service_known":                   unknown("serviceId", "service"),
	"catalog_store_reader_store_known":              unknown("storeId", "store"),
	"catalog_store_reader_service_known":            unknown("serviceId", "service"),
	"catalog_dataset_store_known":                   unknown("storeId", "store"),
	"catalog_dataset_service_known":                 unknown("serviceId", "service"),
	"catalog_dataset_owner_known":                   unknown("ownerId", "owner"),
	"catalog_dataset_retention_policy_known":        unknown("retentionPolicyId", "retention policy"),
	"catalog_dataset_source_known":                  unknown("derivedFrom", "dataset"),
	"catalog_tag_assertion_field_known":             unknown("fieldId", "field of this dataset"),
	"catalog_permitted_use_field_known":             unknown("fieldId", "field of this dataset"),
	"catalog_permitted_use_purpose_known":           unknown("purposeId", "purpose"),
	"catalog_tag_assertion_validity":                fault.Bad("validTo", "OUT_OF_RANGE", "validity ends in the future, and after it begins"),
	"catalog_consumption_service_known":             unknown("serviceId", "service"),
	"catalog_consumption_dataset_known":             unknown("datasetId", "dataset"),
	"catalog_consumption_purpose_known":             unknown("purposeIds", "purpose"),
	"catalog_actor_alias_service_known":             unknown("serviceId", "service"),
	"catalog_actor_alias_taken":                     fault.Bad("name", "TAKEN", "this name of the cluster belongs to a service already; change that entry"),
	"catalog_observed_read_dataset_known":           unknown("datasetId", "dataset"),
	"catalog_controller_pkey":                       idTaken,
	"catalog_owner_pkey":                            idTaken,
	"catalog_service_pkey":                          idTaken,
	"catalog_store_pkey":                            idTaken,
	"catalog_dataset_pkey":                          idTaken,
	"catalog_retention_policy_pkey":                 idTaken,
	"catalog_purpose_pkey":                          idTaken,
	"catalog_field_dataset_known":                   unknown("datasetId", "dataset"),
	"catalog_service_key_pk":                        fault.Bad("keys", "KEY_ID_TAKEN", "this service used the key id for another key before; choose a new id"),
	"catalog_service_active_has_endpoint":           fault.Bad("endpoint", "REQUIRED", "an active service keeps an endpoint; disable it first"),
	"catalog_dataset_source_other":                  fault.Bad("derivedFrom", "DERIVED_FROM_ITSELF", "a dataset cannot be made from itself"),
	"catalog_retention_policy_ground_has_law":       fault.Bad("legalReference", "REQUIRED", "a ground to keep data needs the law it rests on"),
	"catalog_store_evidence_has_horizon":            fault.Bad("backupHorizonDays", "REQUIRED", "evidence of a backup horizon needs the horizon in days"),
	"catalog_permitted_use_dataset_known":           unknown("datasetId", "dataset"),
	"catalog_tag_assertion_dataset_known":           unknown("datasetId", "dataset"),
	"catalog_consumption_purpose_consumption_known": unknown("id", "consumption"),
}

var (
	datasetTaken = fault.Bad("name", "TAKEN", "a dataset bears this name in this environment, or once did; names are never given to another")
	idTaken      = fault.Bad("id", "TAKEN", "this id is in use; to change what bears it, give its revision")
)

func taken(noun string) *fault.Fault {
	return fault.Bad("ref", "TAKEN", "another %s has this ref; choose another, or change that one", noun)
}

func unknown(path, noun string) *fault.Fault {
	return fault.Bad(path, "UNKNOWN_REFERENCE", "there is no such %s; declare it first", noun)
}

// named puts a breach of a constraint into words. Other errors pass.
func named(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	if f, ok := breaches[pg.ConstraintName]; ok {
		return f.With(err)
	}
	return err
}

var badTopic = fault.Bad("name", "BAD_TOPIC", "a topic has 1 to 249 letters, digits, dots, dashes and underscores, and a namespace of kafka:// and its cluster")
