package schemas

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/gate"
)

// Level is what a new version of a subject must be able to read, or be read
// by.
type Level string

// The levels. Backward: the new version reads data of the latest one. Forward:
// the latest one reads data of the new. The transitive ones ask it of every
// version.
const (
	None               Level = "NONE"
	Backward           Level = "BACKWARD"
	BackwardTransitive Level = "BACKWARD_TRANSITIVE"
	Forward            Level = "FORWARD"
	ForwardTransitive  Level = "FORWARD_TRANSITIVE"
	Full               Level = "FULL"
	FullTransitive     Level = "FULL_TRANSITIVE"
)

// levels lists every level; Backward holds where nobody set one.
var levels = []Level{None, Backward, BackwardTransitive, Forward, ForwardTransitive, Full, FullTransitive}

// ParseLevel reads the name of a level, in any case.
func ParseLevel(name string) (Level, error) {
	var known []string
	for _, l := range levels {
		if strings.EqualFold(name, string(l)) {
			return l, nil
		}
		known = append(known, string(l))
	}
	return "", fault.Bad("compatibility", "INVALID_LEVEL", "%s", fault.Suggest("this is no compatibility level; there are "+strings.Join(known, ", "), name, known))
}

func (l Level) transitive() bool { return strings.HasSuffix(string(l), "_TRANSITIVE") }
func (l Level) backward() bool   { return strings.HasPrefix(string(l), "BACKWARD") || l.full() }
func (l Level) forward() bool    { return strings.HasPrefix(string(l), "FORWARD") || l.full() }
func (l Level) full() bool       { return strings.HasPrefix(string(l), "FULL") }

// Settings are what a level sets beside its compatibility, by the names they
// have in the API. What is nil inherits; an alias, metadata and rule sets are
// a subject's own and are not inherited. Every schema is validated, and nothing
// here runs rules or encrypts, so validateNewSchemas, validateRules and
// aliasForDeks are only kept.
type Settings struct {
	Alias              *string   `json:"alias,omitempty"`
	AliasForDeks       *string   `json:"aliasForDeks,omitempty"`
	Normalize          *bool     `json:"normalize,omitempty"`
	ValidateFields     *bool     `json:"validateFields,omitempty"`
	ValidateNewSchemas *bool     `json:"validateNewSchemas,omitempty"`
	ValidateRules      *bool     `json:"validateRules,omitempty"`
	Policy             *string   `json:"compatibilityPolicy,omitempty"`
	Group              *string   `json:"compatibilityGroup,omitempty"`
	DefaultMetadata    *Metadata `json:"defaultMetadata,omitempty"`
	OverrideMetadata   *Metadata `json:"overrideMetadata,omitempty"`
	DefaultRuleSet     *RuleSet  `json:"defaultRuleSet,omitempty"`
	OverrideRuleSet    *RuleSet  `json:"overrideRuleSet,omitempty"`

	// Gate is what is made of what the gate finds, and Topics those that the
	// subject describes beside the one it is called after, in the form of
	// topic.Spell; they are a subject's own. Both are ours, and no other
	// registry's.
	Gate   *gate.Policy `json:"gate,omitempty"`
	Topics *[]string    `json:"topics,omitempty"`
}

// Config is a level's compatibility and settings.
type Config struct {
	Level Level // "" where it is inherited
	Settings
}

// Patch changes a level: the members that it has, by the names of the API. A
// null clears one; a member that it does not have stays.
type Patch map[string]json.RawMessage

// layer is one level of what holds for a subject.
type layer struct {
	Own           bool
	Context       string
	Compatibility *Level
	Mode          *Mode
	Settings      Settings
}

// layersOf reads the levels that hold for a subject or, where it has no name,
// for a context: its own, and those above.
func layersOf(ctx context.Context, db postgres.DB, p place) ([]layer, error) {
	var b postgres.Batch
	var layers []layer
	askLayers(&b, &layers, p)
	err := b.Send(ctx, db)
	return layers, err
}

// askLayers is layersOf with what else a batch asks.
func askLayers(b *postgres.Batch, into *[]layer, p place) {
	const q = `
		SELECT own, context, compatibility, mode, settings
		  FROM (SELECT true AS own, g.context, g.compatibility, g.mode, g.settings
		          FROM schemas_subject s
		          JOIN schemas_config g ON g.subject_id = s.id
		         WHERE s.context = $1 AND s.name = $2
		         UNION ALL
		        SELECT false, g.context, g.compatibility, g.mode, g.settings
		          FROM schemas_config g
		         WHERE g.subject_id IS NULL AND g.context = ANY ($3)) AS layer
		 ORDER BY own DESC, array_position($3, context)`
	postgres.Ask(b, into, q, p.context, p.name, above(p.context))
}

// above lists the contexts whose levels hold in a context, the nearest first:
// nothing is above the one of all.
func above(context string) []string {
	switch context {
	case global:
		return []string{global}
	case home:
		return []string{home, global}
	}
	return []string{context, home, global}
}

// holding is the configuration that holds where layers are read for.
func holding(layers []layer) Config {
	var c Config
	for _, l := range layers {
		if c.Level == "" && l.Compatibility != nil {
			c.Level = *l.Compatibility
		}
		if l.Own {
			c.Settings = l.Settings
			continue
		}
		inherit(&c.Normalize, l.Settings.Normalize)
		inherit(&c.ValidateFields, l.Settings.ValidateFields)
		inherit(&c.ValidateNewSchemas, l.Settings.ValidateNewSchemas)
		inherit(&c.ValidateRules, l.Settings.ValidateRules)
		inherit(&c.Policy, l.Settings.Policy)
		inherit(&c.Group, l.Settings.Group)
		inherit(&c.Gate, l.Settings.Gate)
	}
	if c.Level == "" {
		c.Level = Backward
	}
	return c
}

// normalizes reports whether texts are kept normalized.
func (c Config) normalizes() bool { return c.Normalize != nil && *c.Normalize }

func inherit[T any](into **T, from *T) {
	if *into == nil {
		*into = from
	}
}

// at finds the layer set at a place itself.
func at(layers []layer, p place) (layer, bool) {
	for _, l := range layers {
		if l.Own == (p.name != "") && l.Context == p.context {
			return l, true
		}
	}
	return layer{}, false
}

// ConfigSet is what is set at a place itself: on a subject, on a context (a
// name that ends after the context's colon), or on the registry where subject
// is "". A subject without anything has the fault LEVEL_NOT_FOUND; the registry
// and a context always have a level.
func (r *Registry) ConfigSet(ctx context.Context, by access.Principal, subject string) (Config, error) {
	if err := signedIn(by); err != nil {
		return Config{}, err
	}
	p := split(subject)
	if p.name == "" {
		return r.Config(ctx, by, subject)
	}
	layers, err := r.layersToRead(ctx, p)
	if err != nil {
		return Config{}, err
	}
	own, found := at(layers, p)
	if !found || own.bare() {
		return Config{}, fault.Missing("level", "Subject '%s' has no configuration of its own. It inherits one: ask with defaultToGlobal=true, or set one", split(subject))
	}
	return own.config(), nil
}

// Config is what holds for a subject, its own or what it inherits.
func (r *Registry) Config(ctx context.Context, by access.Principal, subject string) (Config, error) {
	if err := signedIn(by); err != nil {
		return Config{}, err
	}
	layers, err := r.layersToRead(ctx, split(subject))
	return holding(layers), err
}

// layersToRead is layersOf for a name that may be no subject's.
func (r *Registry) layersToRead(ctx context.Context, p place) ([]layer, error) {
	if p.name != "" {
		if _, err := placeToRead(p.String()); err != nil {
			p = place{home, ""}
		}
	}
	if p.context != global && checkContext(p.context) != nil {
		p = place{home, ""}
	}
	return r.layers(ctx, p)
}

// layers is layersOf in memory.
func (r *Registry) layers(ctx context.Context, p place) ([]layer, error) {
	if err := r.subjects.exact(ctx); err != nil {
		return nil, err
	}
	return r.subjects.layers(ctx, p)
}

func (l layer) config() Config {
	c := Config{Settings: l.Settings}
	if l.Compatibility != nil {
		c.Level = *l.Compatibility
	}
	return c
}

// bare reports whether nothing but a mode is set.
func (l layer) bare() bool { return l.config() == Config{} }

// LevelSet is the level set on a subject itself, or on the registry where
// subject is "". A subject without one has the fault LEVEL_NOT_FOUND.
func (r *Registry) LevelSet(ctx context.Context, by access.Principal, subject string) (Level, error) {
	c, err := r.ConfigSet(ctx, by, subject)
	if err == nil && c.Level == "" {
		err = fault.Missing("level", "Subject '%s' has no configuration of its own. It inherits one: ask with defaultToGlobal=true, or set one", split(subject))
	}
	return c.Level, err
}

// Level is the level that holds for a subject, its own or the one it inherits.
func (r *Registry) Level(ctx context.Context, by access.Principal, subject string) (Level, error) {
	c, err := r.Config(ctx, by, subject)
	return c.Level, err
}

// SetLevel is SetConfig of the level alone.
func (r *Registry) SetLevel(ctx context.Context, by access.Principal, subject string, level Level) error {
	name, err := json.Marshal(level)
	if err != nil {
		return err
	}
	_, err = r.SetConfig(ctx, by, subject, Patch{"compatibility": name})
	return err
}

// SetConfig changes what is set on a subject, a context, or the registry where
// subject is "", and returns what is set there now. A subject may be given it
// before its first version. It needs a steward of the subject's owner, or an
// admin; above a subject, an admin.
func (r *Registry) SetConfig(ctx context.Context, by access.Principal, subject string, patch Patch) (c Config, err error) {
	if err := by.Require(access.Steward, access.Admin); err != nil {
		return c, err
	}
	if patch, err = patch.spelled(subject); err != nil {
		return c, err
	}
	if _, err := patch.apply(Config{}); err != nil {
		return c, err
	}
	err = r.atLevel(ctx, by, subject, true, func(tx pgx.Tx, l level) error {
		if l.mode.closed() {
			return notWritable(l.place, l.mode)
		}
		if c, err = patch.apply(l.set.config()); err != nil {
			return err
		}
		if err := r.keepConfig(ctx, tx, by, l, c); err != nil {
			return err
		}
		return r.turnSettings(l.mode, patch)
	})
	if errors.Is(err, errTurned) {
		return r.setConfigElsewhere(ctx, by, subject, patch)
	}
	return c, err
}

// apply returns a configuration with the patch made to it.
func (p Patch) apply(c Config) (Config, error) {
	now, err := json.Marshal(c.Settings)
	if err != nil {
		return c, err
	}
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(now, &members); err != nil {
		return c, err
	}
	maps.Copy(members, p)
	if text, given := p["compatibility"]; given {
		if c.Level, err = levelIn(text); err != nil {
			return c, err
		}
	}
	merged, err := json.Marshal(members)
	if err != nil {
		return c, err
	}
	c.Settings = Settings{}
	if err := json.Unmarshal(merged, &c.Settings); err != nil {
		member, takes, _ := fault.Misfit(err)
		return c, fault.Bad(member, "INVALID_CONFIG", "this setting takes %s", takes)
	}
	return c, c.check()
}

func levelIn(text json.RawMessage) (Level, error) {
	var name string
	if bytes.Equal(text, []byte("null")) {
		return "", nil
	}
	if err := json.Unmarshal(text, &name); err != nil {
		return "", fault.Bad("compatibility", "INVALID_LEVEL", "the level is a text, such as BACKWARD")
	}
	return ParseLevel(name)
}

// DeleteConfig takes back what is set on a subject, a context or the registry,
// and returns what it was. It needs who may set it.
func (r *Registry) DeleteConfig(ctx context.Context, by access.Principal, subject string) (was Config, err error) {
	if err := by.Require(access.Steward, access.Admin); err != nil {
		return was, err
	}
	err = r.atLevel(ctx, by, subject, false, func(tx pgx.Tx, l level) error {
		was = l.set.config()
		if l.subject != nil && l.set.bare() {
			return fault.Missing("subject", "Subject '%s' has no configuration of its own. What it inherits is taken back where it is set", l.place)
		}
		if l.mode.closed() {
			return notWritable(l.place, l.mode)
		}
		if was.Level == "" && l.subject == nil {
			was.Level = Backward
		}
		if err := r.keepConfig(ctx, tx, by, l, Config{}); err != nil {
			return err
		}
		return r.turn(l.mode)
	})
	if errors.Is(err, errTurned) {
		return was, r.deleteConfigElsewhere(ctx, by, subject)
	}
	return was, err
}

func (r *Registry) keepConfig(ctx context.Context, tx pgx.Tx, by access.Principal, l level, c Config) error {
	const q = `
		INSERT INTO schemas_config AS g (context, subject_id, compatibility, settings, changed_by, changed_at)
		VALUES ($1, $2, nullif($3, ''), $4, $5, $6)
		    ON CONFLICT ON CONSTRAINT schemas_config_one_a_level DO UPDATE
		   SET compatibility = excluded.compatibility, settings = excluded.settings, rev = g.rev + 1, changed_by = excluded.changed_by, changed_at = excluded.changed_at`
	if _, err := tx.Exec(ctx, q, l.place.context, l.subject, string(c.Level), c.Settings, by.ID, r.now()); err != nil {
		return err
	}
	if l.subject != nil {
		if err := keepAlias(ctx, tx, *l.subject, l.place, c.Alias); err != nil {
			return err
		}
		if err := r.rebind(ctx, tx, by, l, c); err != nil {
			return err
		}
	}
	return r.recordLevel(ctx, tx, by, l, "schema.level_set", string(c.Level))
}

func keepAlias(ctx context.Context, tx pgx.Tx, subject uuid.UUID, p place, alias *string) error {
	var context, name *string
	if alias != nil {
		to := from(p.context, *alias)
		context, name = &to.context, &to.name
	}
	const q = `UPDATE schemas_subject SET alias_context = $2, alias_name = $3 WHERE id = $1`
	_, err := tx.Exec(ctx, q, subject, context, name)
	return err
}

func (r *Registry) recordLevel(ctx context.Context, tx pgx.Tx, by access.Principal, l level, act, code string) error {
	if _, err := r.changed(ctx, tx, change{kind: "CONFIGURED", context: l.place.context, subject: l.subject}); err != nil {
		return err
	}
	entity := uuid.Nil
	if l.subject != nil {
		entity = *l.subject
	}
	return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: act, Entity: entity, Code: code})
}
