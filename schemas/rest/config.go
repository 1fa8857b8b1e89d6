package rest

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/schemas"
)

// levelBody is a configuration as it is read; written, the level has another
// name.
type levelBody struct {
	Level schemas.Level `json:"compatibilityLevel,omitempty"`
	schemas.Settings
}

func (d *Door) config(c *call) (any, error) {
	find := d.registry.ConfigSet
	if c.flag("defaultToGlobal") {
		find = d.registry.Config
	}
	config, err := find(c.Context(), access.From(c.Context()), c.subject())
	return levelBody{config.Level, config.Settings}, err
}

// setConfig answers with what is set now, the level under the name that it is
// written by.
func (d *Door) setConfig(c *call) (any, error) {
	var patch schemas.Patch
	if err := decode(c, &patch); err != nil {
		return nil, err
	}
	registry, err := d.changes(c)
	if err != nil {
		return nil, err
	}
	config, err := registry.SetConfig(c.Context(), access.From(c.Context()), c.subject(), patch)
	return struct {
		Level schemas.Level `json:"compatibility,omitempty"`
		schemas.Settings
	}{config.Level, config.Settings}, err
}

func (d *Door) deleteConfig(c *call) (any, error) {
	registry, err := d.changes(c)
	if err != nil {
		return nil, err
	}
	was, err := registry.DeleteConfig(c.Context(), access.From(c.Context()), c.subject())
	return levelBody{was.Level, was.Settings}, err
}

type modeBody struct {
	Mode schemas.Mode `json:"mode"`
}

func (d *Door) mode(c *call) (any, error) {
	find := d.registry.ModeSet
	if c.flag("defaultToGlobal") {
		find = d.registry.Mode
	}
	mode, err := find(c.Context(), access.From(c.Context()), c.subject())
	return modeBody{mode}, err
}

func (d *Door) setMode(c *call) (any, error) {
	var body map[string]json.RawMessage
	if err := decode(c, &body); err != nil {
		return nil, err
	}
	var name string
	if json.Unmarshal(body["mode"], &name) != nil {
		return nil, failure{http.StatusUnprocessableEntity, 42204, "the member mode is missing or no string; it names a mode, such as READONLY"}
	}
	mode := schemas.Mode(strings.ToUpper(name))
	err := d.registry.SetMode(c.Context(), access.From(c.Context()), c.subject(), mode, c.flag("force"))
	return modeBody{mode}, err
}

func (d *Door) deleteMode(c *call) (any, error) {
	was, err := d.registry.DeleteMode(c.Context(), access.From(c.Context()), c.subject(), c.flag("recursive"))
	return modeBody{was}, err
}
