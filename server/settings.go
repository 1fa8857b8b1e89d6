package server

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/internal/fault"
)

// Setting is one thing the server can be told. One table of them makes the
// flags, the variables, the keys of the file and the printed configuration.
type Setting struct {
	Help   string // what it is, in a few words
	Secret bool   // never printed
	Switch bool   // off unless it is named; its flag needs no value

	key      string
	fallback string
	example  string
	needed   bool // serve cannot do without
	set      func(c *Config, text string) error
	get      func(c *Config) string
}

// Key is the setting's name in the file.
func (s Setting) Key() string { return s.key }

// Env is the setting's variable.
func (s Setting) Env() string { return "LETHE_" + strings.ToUpper(s.key) }

// Flag is the setting's flag.
func (s Setting) Flag() string { return "--" + strings.ReplaceAll(s.key, "_", "-") }

// Default is the setting's value when nobody says one.
func (s Setting) Default() string { return s.fallback }

// Settings lists every setting, in the order of the documentation.
func Settings() []Setting { return slices.Clone(settings) }

// value is a setting as it was given.
type value struct{ text, from, name string }

var settings = []Setting{
	text("listen", "address of the public listener", ":8080", ":8080", address, func(c *Config) *string { return &c.Listen }),
	text("ops_listen", "address of metrics, profiles and health", "127.0.0.1:8081", "127.0.0.1:8081", address, func(c *Config) *string { return &c.OpsListen }),
	need(text("public_url", "where browsers and services reach Lethe", "", "https://lethe.example.com", bareURL, func(c *Config) *string { return &c.PublicURL })),
	need(secret(text("database_url", "the main database, as lethe_app", "", "postgres://lethe_app@db/lethe", postgresURL, func(c *Config) *string { return &c.DatabaseURL }))),
	secret(text("migrate_url", "the main database, as its owner; for lethe migrate", "", "postgres://lethe_owner@db/lethe", postgresURL, func(c *Config) *string { return &c.MigrateURL })),
	need(secret(text("keystore_url", "the key store, another database, as lethe_app", "", "postgres://lethe_app@db/lethe_keys", postgresURL, func(c *Config) *string { return &c.KeystoreURL }))),
	secret(text("keystore_migrate_url", "the key store, as its owner; for lethe migrate", "", "postgres://lethe_owner@db/lethe_keys", postgresURL, func(c *Config) *string { return &c.KeystoreMigrateURL })),
	need(text("kek_file", "key-encryption keys of the key store, mode 0600", "", "/etc/lethe/kek", privateFile, func(c *Config) *string { return &c.KEKFile })),
	need(text("signing_key_file", "key that signs task requests, mode 0600", "", "/etc/lethe/signing.key", privateFile, func(c *Config) *string { return &c.SigningKeyFile })),
	need(text("checkpoint_key_file", "key that signs the audit log's checkpoints, mode 0600", "", "/etc/lethe/checkpoint.key", privateFile, func(c *Config) *string { return &c.CheckpointKeyFile })),
	need(text("anchor_dir", "directory that keeps a copy of every checkpoint", "", "/var/lib/lethe/anchors", directory, func(c *Config) *string { return &c.AnchorDir })),
	need(text("storage_dir", "directory of export parts and packages", "", "/var/lib/lethe/storage", directory, func(c *Config) *string { return &c.StorageDir })),
	need(text("oidc_issuer", "the OpenID issuer that people and machines sign in with", "", "https://id.example.com", issuerURL, func(c *Config) *string { return &c.OIDC.Issuer })),
	need(text("oidc_client_id", "the portal's client id at the issuer", "", "lethe-portal", nil, func(c *Config) *string { return &c.OIDC.ClientID })),
	text("oidc_client_secret_file", "the portal's client secret, mode 0600; none for a public client", "", "/etc/lethe/oidc-secret", privateFile, func(c *Config) *string { return &c.OIDC.ClientSecretFile }),
	need(text("oidc_audience", "what bearer tokens must be meant for", "", "https://lethe.example.com", nil, func(c *Config) *string { return &c.OIDC.Audience })),
	list("oidc_scopes", "scopes asked for at sign-in", "openid,profile,groups", "openid,profile,groups", func(c *Config) *[]string { return &c.OIDC.Scopes }),
	text("oidc_groups_claim", "claim that lists the groups", "groups", "groups", nil, func(c *Config) *string { return &c.OIDC.GroupsClaim }),
	text("oidc_role_prefix", "prefix of groups that are roles", "lethe:", "lethe:", nil, func(c *Config) *string { return &c.OIDC.RolePrefix }),
	text("oidc_team_prefix", "prefix of groups that are teams", "team:", "team:", nil, func(c *Config) *string { return &c.OIDC.TeamPrefix }),
	flag("oidc_typed_tokens", "bearer tokens must say typ: at+jwt (RFC 9068)", "true", func(c *Config) *bool { return &c.OIDC.TypedTokens }),
	{key: "oidc_machines", Help: "clients that are no people, as client=role:service", example: "orders-client=service:orders,orders-ci=ci:orders", set: setMachines, get: getMachines},
	{key: "ci_issuers", Help: "pipelines whose identity tokens are taken, as github=issuer or gitlab=issuer; none by default", example: "github=https://token.actions.githubusercontent.com,gitlab=https://gitlab.com", set: setIssuers, get: getIssuers},
	text("country", "country of controllers that name none, ISO 3166-1 alpha-2", "", "DE", country, func(c *Config) *string { return &c.Country }),
	text("timezone", "time zone of controllers that name none, IANA name", "", "Europe/Berlin", timeZone, func(c *Config) *string { return &c.TimeZone }),
	text("environment", "environment of datasets on the cluster named default", "production", "production", nil, func(c *Config) *string { return &c.Environment }),
	{key: "kafka_brokers", Help: "brokers of the Kafka cluster named default; several clusters go into the file", example: "kafka-1:9092,kafka-2:9092", set: setBrokers, get: func(*Config) string { return "" }},
	text("forward_url", "the registry that is written to in the mode FORWARD, up to the paths of its API; none by default", "", "https://registry.example.com", registryURL, func(c *Config) *string { return &c.Forward.URL }),
	{key: "forward_networks", Help: "the networks that registry lies in; no other is called", example: "10.20.0.0/16", set: setForwardNetworks, get: getForwardNetworks},
	text("forward_user", "user there, for HTTP Basic", "", "lethe", nil, func(c *Config) *string { return &c.Forward.User }),
	text("forward_password_file", "the user's password, mode 0600; read anew for each write", "", "/etc/lethe/registry-password", privateFile, func(c *Config) *string { return &c.Forward.PasswordFile }),
	text("forward_token_file", "instead of a user, a bearer token for it, mode 0600; read anew for each write", "", "/run/secrets/registry-token", privateFile, func(c *Config) *string { return &c.Forward.TokenFile }),
	list("lineage_topics", "topics of OpenLineage events; without effect until their intake is there", "openlineage", "openlineage", func(c *Config) *[]string { return &c.LineageTopics }),
	{key: "only", Help: "what this process does: registry, intake, requests, web", fallback: "registry,intake,requests,web", example: "registry,web", set: setParts, get: func(c *Config) string { return joinParts(c.Only) }},
	flag("dev", "development: HTTP on loopback, GraphiQL, introspection", "false", func(c *Config) *bool { return &c.Dev }),
	text("log_level", "debug, info, warn or error", "info", "info", oneOf("debug", "info", "warn", "error"), func(c *Config) *string { return &c.LogLevel }),
	span("probe_delay", "from the last erasure to the first probe", "1h", "10ms", "720h", func(c *Config) *time.Duration { return &c.Requests.ProbeDelay }),
	spans("probe_follow_ups", "later probes, counted from the closing", "24h,168h,840h", "1s", "8760h", func(c *Config) *[]time.Duration { return &c.Requests.FollowUps }),
	span("locate_patience", "how long a plan waits for services to count", "15m", "1s", "2160h", func(c *Config) *time.Duration { return &c.Requests.LocatePatience }),
	span("wave_patience", "how long a silent service holds up the next wave", "1h", "1s", "2160h", func(c *Config) *time.Duration { return &c.Requests.WavePatience }),
	span("key_period", "how long the key of a closed request is kept", "2160h", "24h", "87600h", func(c *Config) *time.Duration { return &c.Requests.KeyPeriod }),
	span("clock_interval", "how often what time alone makes due is looked for", "15s", "100ms", "10m", func(c *Config) *time.Duration { return &c.ClockInterval }),
	span("answer_within", "how long a call may take at most, then 503; catalogs, uploads, downloads and streams aside", "2800ms", "100ms", "1m", func(c *Config) *time.Duration { return &c.AnswerWithin }),
	flag("no_probes", "close without asking whether anything is left; for benchmarks, with dev alone", "false", func(c *Config) *bool { return &c.Requests.NoProbes }),
	span("observe_interval", "how often the Kafka clusters are asked who reads", "60s", "100ms", "1h", func(c *Config) *time.Duration { return &c.ObserveInterval }),
	{key: "max_part_bytes", Help: "largest part of an export, in bytes; services are told", fallback: "5368709120", example: "5368709120", set: setMaxPart, get: func(c *Config) string { return strconv.FormatInt(c.MaxPartBytes, 10) }},
	{key: "drain_delay", Help: "from readiness failing to the listener closing", fallback: "5s", example: "5s", set: setDrainDelay, get: func(c *Config) string { return c.DrainDelay.String() }},
}

func text(key, help, fallback, example string, check func(string) error, at func(*Config) *string) Setting {
	return Setting{key: key, Help: help, fallback: fallback, example: example,
		set: func(c *Config, s string) error {
			*at(c) = s
			if check == nil {
				return nil
			}
			return check(s)
		},
		get: func(c *Config) string { return *at(c) }}
}

func list(key, help, fallback, example string, at func(*Config) *[]string) Setting {
	return Setting{key: key, Help: help, fallback: fallback, example: example,
		set: func(c *Config, s string) error { *at(c) = splitList(s); return nil },
		get: func(c *Config) string { return strings.Join(*at(c), ",") }}
}

// span is a duration within bounds. They are there because a slip of the
// keyboard, such as 15 ns, would keep the databases busy with nothing else.
func span(key, help, fallback, least, most string, at func(*Config) *time.Duration) Setting {
	parse := within(least, most)
	return Setting{key: key, Help: help + "; " + least + " to " + most, fallback: fallback, example: fallback,
		set: func(c *Config, s string) (err error) { *at(c), err = parse(s); return err },
		get: func(c *Config) string { return at(c).String() }}
}

func spans(key, help, fallback, least, most string, at func(*Config) *[]time.Duration) Setting {
	parse := within(least, most)
	return Setting{key: key, Help: help + "; each " + least + " to " + most, fallback: fallback, example: fallback,
		set: func(c *Config, s string) error {
			*at(c) = []time.Duration{}
			for _, one := range splitList(s) {
				d, err := parse(one)
				if err != nil {
					return err
				}
				*at(c) = append(*at(c), d)
			}
			return nil
		},
		get: func(c *Config) string {
			words := make([]string, len(*at(c)))
			for i, d := range *at(c) {
				words[i] = d.String()
			}
			return strings.Join(words, ",")
		}}
}

// within reads durations of at least least and at most most.
func within(least, most string) func(string) (time.Duration, error) {
	low, err := time.ParseDuration(least)
	high, err2 := time.ParseDuration(most)
	if err := errors.Join(err, err2); err != nil {
		panic(err) // the table above is wrong
	}
	return func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, fmt.Errorf("%q is no duration; write one from %s to %s, such as 15s or 1h30m", s, least, most)
		}
		if d < low || d > high {
			return 0, fmt.Errorf("%s is out of bounds; write a duration from %s to %s", s, least, most)
		}
		return d, nil
	}
}

func flag(key, help, fallback string, at func(*Config) *bool) Setting {
	return Setting{key: key, Help: help, Switch: fallback == "false", fallback: fallback, example: "true",
		set: func(c *Config, s string) (err error) {
			if *at(c), err = strconv.ParseBool(s); err != nil {
				return errors.New("write true or false")
			}
			return nil
		},
		get: func(c *Config) string { return strconv.FormatBool(*at(c)) }}
}

func need(s Setting) Setting   { s.needed = true; return s }
func secret(s Setting) Setting { s.Secret = true; return s }

func keys() []string {
	out := make([]string, len(settings))
	for i, s := range settings {
		out[i] = s.key
	}
	return out
}

func required() (out []string) {
	for _, s := range settings {
		if s.needed {
			out = append(out, s.key)
		}
	}
	return out
}

func settingOf(key string) Setting {
	for _, s := range settings {
		if s.key == key {
			return s
		}
	}
	return Setting{key: key}
}

func splitList(s string) (out []string) {
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func address(s string) error {
	if _, port, err := net.SplitHostPort(s); err != nil || port == "" {
		return errors.New("write host:port, or :port for every interface")
	}
	return nil
}

func bareURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" {
		return errors.New("write scheme and host alone, without a slash at the end, like https://lethe.example.com")
	}
	return nil
}

func issuerURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("write the issuer exactly as its tokens do, like https://id.example.com/realms/staff")
	}
	return nil
}

func loopbackURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && loopback(u.Hostname())
}

// postgresURL never echoes the text: it may hold a password.
func postgresURL(s string) error {
	if _, err := pgx.ParseConfig(s); err != nil {
		return errors.New("this is no PostgreSQL URL; write postgres://user:password@host:port/database")
	}
	return nil
}

func country(s string) error {
	if !regexp.MustCompile(`^[A-Z]{2}$`).MatchString(s) {
		return errors.New("write two capital letters of ISO 3166-1, like DE")
	}
	return nil
}

func timeZone(s string) error {
	if _, err := time.LoadLocation(s); err != nil || s == "Local" {
		return fmt.Errorf("%q is no time zone of the IANA database; write a name like Europe/Berlin", s)
	}
	return nil
}

func oneOf(known ...string) func(string) error {
	return func(s string) error {
		if slices.Contains(known, s) {
			return nil
		}
		return errors.New(fault.Suggest(fmt.Sprintf("%q is not one of %s", s, strings.Join(known, ", ")), s, known))
	}
}

func setParts(c *Config, s string) error {
	known := make([]string, len(Parts))
	for i, p := range Parts {
		known[i] = string(p)
	}
	c.Only = nil
	for _, name := range splitList(s) {
		if err := oneOf(known...)(name); err != nil {
			return err
		}
		c.Only = append(c.Only, Part(name))
	}
	if len(c.Only) == 0 {
		return fmt.Errorf("name at least one of %s", strings.Join(known, ", "))
	}
	return nil
}

func joinParts(parts []Part) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = string(p)
	}
	return strings.Join(out, ",")
}

func setDrainDelay(c *Config, s string) (err error) {
	c.DrainDelay, err = time.ParseDuration(s)
	if err != nil || c.DrainDelay < 0 || c.DrainDelay > 10*time.Second {
		return errors.New("write a duration from 0s to 10s")
	}
	return nil
}

// setMaxPart keeps to what the protocol allows.
func setMaxPart(c *Config, s string) (err error) {
	if c.MaxPartBytes, err = strconv.ParseInt(s, 10, 64); err != nil || c.MaxPartBytes < 1<<20 || c.MaxPartBytes > protocol.MaxPartBytes {
		return fmt.Errorf("write a number of bytes from %d to %d", 1<<20, int64(protocol.MaxPartBytes))
	}
	return nil
}

func setBrokers(c *Config, s string) error {
	brokers := splitList(s)
	for _, b := range brokers {
		if err := address(b); err != nil {
			return fmt.Errorf("%q: %w", b, err)
		}
	}
	for _, k := range c.Kafka {
		if k.Name == "default" {
			return errors.New("the file already describes a cluster named default; keep one of the two")
		}
	}
	c.Kafka = append(c.Kafka, Cluster{Name: "default", Environment: c.Environment, Brokers: brokers})
	return nil
}

// hide keeps what helps to see which database is meant, and no password.
func hide(s string) string {
	if u, err := url.Parse(s); err == nil && u.Host != "" {
		u.RawQuery = ""
		return u.Redacted()
	}
	return "(hidden)"
}

// readFile reads the YAML file: the settings by key, and the clusters, which
// only a file can describe. Mistakes carry their line.
func readFile(path string, c *Config) (map[string]value, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Bad("", "BAD_CONFIG_FILE", "the configuration file %s cannot be read; correct --config or LETHE_CONFIG", path)
	}
	tree, err := parser.ParseBytes(raw, 0)
	if err != nil {
		return nil, fault.Bad("", "BAD_CONFIG_FILE", "%s is not YAML: %s", path, yaml.FormatError(err, false, false))
	}
	var faults []error
	out := map[string]value{}
	for _, doc := range tree.Docs {
		root, ok := mapping(doc.Body)
		if !ok {
			faults = append(faults, fault.Bad("", "BAD_CONFIG_FILE", "%s: write one setting a line, like listen: \":8080\"", path))
			continue
		}
		for _, entry := range root {
			key, at := entry.Key.String(), fmt.Sprintf("%s:%d", path, entry.Key.GetToken().Position.Line)
			switch {
			case key == "kafka":
				faults = append(faults, readClusters(entry.Value, path, c))
			case slices.Contains(keys(), key):
				text, err := scalar(entry.Value)
				if err != nil {
					faults = append(faults, fault.Bad("", "BAD_SETTING", "%s: %s: %s", at, key, err))
				}
				out[key] = value{text, path, at + ": " + key}
			default:
				faults = append(faults, fault.Bad("", "UNKNOWN_SETTING", "%s: %s", at, fault.Suggest(key+" is not a setting", key, append(keys(), "kafka"))))
			}
		}
	}
	return out, errors.Join(faults...)
}

func mapping(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case nil:
		return nil, true // an empty file says nothing
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

func scalar(n ast.Node) (string, error) {
	var v any
	if err := yaml.NodeToValue(n, &v); err != nil {
		return "", errors.New("this value cannot be read")
	}
	switch v := v.(type) {
	case nil:
		return "", nil
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = fmt.Sprint(v[i])
		}
		return strings.Join(parts, ","), nil
	case map[string]any:
		return "", errors.New("write a text, a number or a list")
	}
	return fmt.Sprint(v), nil
}
