package server

import (
	"bytes"
	"errors"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/egress"
)

// whole is a complete set of settings, as variables.
func whole(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"kek", "signing", "checkpoint", "secret"} {
		write(t, filepath.Join(dir, name), "x", 0o600)
	}
	return map[string]string{
		"public_url":          "https://lethe.example.com",
		"database_url":        "postgres://lethe_app:hunter2@db/lethe",
		"keystore_url":        "postgres://lethe_app:hunter2@db/keys",
		"kek_file":            filepath.Join(dir, "kek"),
		"signing_key_file":    filepath.Join(dir, "signing"),
		"checkpoint_key_file": filepath.Join(dir, "checkpoint"),
		"anchor_dir":          dir,
		"storage_dir":         dir,
		"oidc_issuer":         "https://id.example.com",
		"oidc_client_id":      "portal",
		"oidc_audience":       "lethe",
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func environ(values map[string]string) (out []string) {
	for key, v := range values {
		out = append(out, "LETHE_"+strings.ToUpper(key)+"="+v)
	}
	return out
}

func TestLoadTakesFlagsThenVariablesThenFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "lethe.yaml")
	write(t, file, "listen: :1\nops_listen: 127.0.0.1:1\nlog_level: debug\nlineage_topics: [a, b]\nkafka:\n  - name: eu\n    brokers: [k:9092]\n", 0o644)
	env := whole(t)
	env["listen"], env["ops_listen"] = ":2", "127.0.0.1:2"
	c, err := Load(Sources{Flags: map[string]string{"listen": ":3"}, Environ: environ(env), File: file})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != ":3" || c.OpsListen != "127.0.0.1:2" || c.LogLevel != "debug" || !slices.Equal(c.LineageTopics, []string{"a", "b"}) {
		t.Errorf("Load = %+v", c)
	}
	if len(c.Kafka) != 1 || c.Kafka[0].Environment != "production" {
		t.Errorf("clusters = %+v", c.Kafka)
	}
	if !slices.Equal(c.Only, Parts) || c.DrainDelay != 5*time.Second || !c.OIDC.TypedTokens {
		t.Errorf("defaults = %+v", c)
	}
}

func TestLoadNamesEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "open"), "x", 0o644)
	file := filepath.Join(dir, "lethe.yaml")
	write(t, file, "lisen: :1\nkafka:\n  - name: eu\n    broker: [k:9092]\n  - name: us\n    brokers: [k]\n  - name: ap\n    brokers: [k:1]\n    sasl: {mechanism: SCRAM-SHA-265, user: u}\n", 0o644)
	env := map[string]string{
		"public_url": "lethe.example.com", "database_url": "postgres://u:hunter2@h:x/d", "datbase_url": "x",
		"kek_file": filepath.Join(dir, "open"), "signing_key_file": filepath.Join(dir, "none"), "only": "registry,wbe",
		"timezone": "Europe/Belrin", "country": "Germany", "oidc_machines": "orders", "drain_delay": "1h", "dev": "perhaps",
		"oidc_issuer": "http://id.example.com", "favourite_colour": "blue", "clock_interval": "1ns", "key_period": "never",
	}
	_, err := Load(Sources{Environ: environ(env), File: file})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"LETHE_PUBLIC_URL: write scheme and host alone",
		"LETHE_DATABASE_URL: this is no PostgreSQL URL",
		"LETHE_DATBASE_URL is not a setting; did you mean LETHE_DATABASE_URL?",
		"LETHE_FAVOURITE_COLOUR is not a setting; unset it",
		"LETHE_CLOCK_INTERVAL: 1ns is out of bounds; write a duration from 100ms to 10m",
		`LETHE_KEY_PERIOD: "never" is no duration; write one from 24h to 87600h`,
		"LETHE_KEYSTORE_URL is not set",
		"LETHE_KEK_FILE: " + filepath.Join(dir, "open") + " can be read or changed by others (mode 0644); run chmod 600",
		"LETHE_SIGNING_KEY_FILE: there is no file",
		"LETHE_CHECKPOINT_KEY_FILE is not set",
		"LETHE_OIDC_AUDIENCE is not set",
		"LETHE_OIDC_ISSUER: plain HTTP",
		`LETHE_ONLY: "wbe" is not one of registry, intake, requests, web; did you mean "web"?`,
		"LETHE_TIMEZONE:", "LETHE_COUNTRY:", "LETHE_OIDC_MACHINES:", "LETHE_DRAIN_DELAY:", "LETHE_DEV: write true or false",
		file + `:1: lisen is not a setting; did you mean "listen"?`,
		file + `:4: kafka.broker is not a setting; did you mean "brokers"?`,
		`the broker "k" of "us"`,
		`did you mean "SCRAM-SHA-256"?`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%s", want, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("the error holds a password")
	}
}

func TestLoadRefusesOneSettingWrong(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]map[string]string{
		"http in production":        {"public_url": "http://127.0.0.1:8080"},
		"http off loopback in dev":  {"public_url": "http://lethe.example.com", "dev": "true"},
		"path in the public URL":    {"public_url": "https://lethe.example.com/"},
		"one database for both":     {"keystore_url": "postgres://lethe_app:hunter2@db/lethe"},
		"listen without port":       {"listen": "localhost"},
		"unknown log level":         {"log_level": "loud"},
		"storage is no directory":   {"storage_dir": "/nonexistent/x"},
		"machine with unknown role": {"oidc_machines": "a=admin:orders"},
		"machine bound twice":       {"oidc_machines": "a=ci:orders,a=ci:payments"},
		"no parts":                  {"only": ","},
		"brokers without port":      {"kafka_brokers": "kafka"},
		"local time zone":           {"timezone": "Local"},
	} {
		env := whole(t)
		for k, v := range wrong {
			env[k] = v
		}
		if _, err := Load(Sources{Environ: environ(env)}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, dev := range []string{"false", "true"} { // anywhere but on loopback, in development too
		env := whole(t)
		env["public_url"], env["dev"] = "http://lethe.example.com", dev
		if _, err := Load(Sources{Environ: environ(env)}); err == nil || !strings.Contains(err.Error(), "LETHE_PUBLIC_URL: plain HTTP is for loopback in development (--dev) alone; use https") {
			t.Errorf("plain http, dev %s: %v", dev, err)
		}
	}
	env := whole(t)
	env["checkpoint_key_file"] = env["signing_key_file"]
	if _, err := Load(Sources{Environ: environ(env)}); err == nil || !strings.Contains(err.Error(), "use another key") {
		t.Errorf("one key for both: %v", err)
	}
}

// The registry that is written to is named as a whole, reached by https within
// networks that are named, and signed in to in one way.
func TestSettingsOfTheRegistryThatIsWrittenTo(t *testing.T) {
	t.Parallel()
	env := whole(t)
	secret := filepath.Join(filepath.Dir(env["kek_file"]), "secret")
	write(t, filepath.Join(filepath.Dir(env["kek_file"]), "open"), "x", 0o644)
	const url, network = "https://registry.example.com/apis/ccompat/v7", "10.20.0.0/16"
	for name, c := range map[string]struct {
		set  map[string]string
		says string // "" for nothing
	}{
		"none":                  {nil, ""},
		"without a sign-in":     {map[string]string{"forward_url": url, "forward_networks": network}, ""},
		"a user":                {map[string]string{"forward_url": url, "forward_networks": network, "forward_user": "lethe", "forward_password_file": secret}, ""},
		"a token":               {map[string]string{"forward_url": url, "forward_networks": network + ", fd12::/16", "forward_token_file": secret}, ""},
		"loopback in dev":       {map[string]string{"forward_url": "http://127.0.0.1:8081", "dev": "true"}, ""},
		"loopback":              {map[string]string{"forward_url": "http://127.0.0.1:8081", "forward_networks": network}, "plain HTTP"},
		"plain":                 {map[string]string{"forward_url": "http://registry.example.com", "forward_networks": network, "dev": "true"}, "plain HTTP"},
		"a slash":               {map[string]string{"forward_url": url + "/", "forward_networks": network}, "closing slash"},
		"a user in the URL":     {map[string]string{"forward_url": "https://a:hunter2@registry.example.com", "forward_networks": network}, "without user"},
		"no networks":           {map[string]string{"forward_url": url}, "LETHE_FORWARD_NETWORKS"},
		"everywhere":            {map[string]string{"forward_url": url, "forward_networks": "0.0.0.0/0"}, "is everywhere"},
		"no network":            {map[string]string{"forward_url": url, "forward_networks": "registry.example.com"}, "CIDR"},
		"no URL":                {map[string]string{"forward_token_file": secret}, "LETHE_FORWARD_URL"},
		"no password":           {map[string]string{"forward_url": url, "forward_networks": network, "forward_user": "lethe"}, "LETHE_FORWARD_PASSWORD_FILE"},
		"two sign-ins":          {map[string]string{"forward_url": url, "forward_networks": network, "forward_user": "lethe", "forward_password_file": secret, "forward_token_file": secret}, "LETHE_FORWARD_USER"},
		"a file that many read": {map[string]string{"forward_url": url, "forward_networks": network, "forward_token_file": filepath.Join(filepath.Dir(secret), "open")}, "chmod 600"},
	} {
		settings := maps.Clone(env)
		maps.Copy(settings, c.set)
		conf, err := Load(Sources{Environ: environ(settings)})
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && conf.Forward.URL != c.set["forward_url"] {
			t.Errorf("%s: %+v", name, conf.Forward)
		}
	}
	away := Forward{URL: "https://127.0.0.1:1", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	if err := away.look(false)(t.Context()); !errors.Is(err, egress.ErrRefused) {
		t.Errorf("this host was called: %v", err)
	}
}

func TestLoadForMigrateNeedsOnlyItsOwn(t *testing.T) {
	t.Parallel()
	need := []string{"migrate_url", "keystore_migrate_url"}
	_, err := Load(Sources{Environ: []string{"LETHE_MIGRATE_URL=postgres://o@db/lethe"}, Require: need})
	if err == nil || !strings.Contains(err.Error(), "LETHE_KEYSTORE_MIGRATE_URL is not set") || strings.Contains(err.Error(), "OIDC") {
		t.Errorf("err = %v", err)
	}
}

func TestPrintHidesSecretsAndCanBeReadBack(t *testing.T) {
	t.Parallel()
	env := whole(t)
	env["kafka_brokers"] = "k:9092"
	env["oidc_machines"] = "orders-client=service:orders"
	c, err := Load(Sources{Environ: environ(env)})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "hunter2") || !strings.Contains(out.String(), "lethe_app:xxxxx@db/lethe") {
		t.Errorf("printed:\n%s", out.String())
	}
	file := filepath.Join(t.TempDir(), "printed.yaml")
	write(t, file, out.String(), 0o600)
	back, err := Load(Sources{File: file})
	if err != nil {
		t.Fatalf("the printed configuration cannot be read back: %v\n%s", err, out.String())
	}
	if back.OIDC.Machines["orders-client"] != (Machine{"service", "orders"}) || len(back.Kafka) != 1 {
		t.Errorf("read back %+v", back)
	}
}

// Every duration has its bounds: at them it is taken, beyond them and in other
// forms refused.
func TestDurationsHaveBounds(t *testing.T) {
	t.Parallel()
	for key, c := range map[string]struct{ least, most, under, over string }{
		"probe_delay":      {"10ms", "720h", "9ms", "721h"},
		"probe_follow_ups": {"1s", "8760h", "24h,999ms", "24h,8761h"},
		"locate_patience":  {"1s", "2160h", "999ms", "2161h"},
		"wave_patience":    {"1s", "2160h", "999ms", "2161h"},
		"key_period":       {"24h", "87600h", "23h59m", "87601h"},
		"clock_interval":   {"100ms", "10m", "99ms", "10m1s"},
		"observe_interval": {"100ms", "1h", "99ms", "61m"},
		"drain_delay":      {"0s", "10s", "-1s", "11s"},
	} {
		env := whole(t)
		for _, good := range []string{c.least, c.most} {
			env[key] = good
			if _, err := Load(Sources{Environ: environ(env)}); err != nil {
				t.Errorf("%s=%s: %v", key, good, err)
			}
		}
		for _, wrong := range []string{c.under, c.over, "15", "-1h", "1d", "soon", "9999999999h"} {
			env[key] = wrong
			want := "LETHE_" + strings.ToUpper(key) + ": "
			if _, err := Load(Sources{Environ: environ(env)}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), c.most) {
				t.Errorf("%s=%s: %v", key, wrong, err)
			}
		}
	}
}

// What Kubernetes and the commands put into the environment is not ours to
// refuse.
func TestVariablesOfOthersArePassedOver(t *testing.T) {
	t.Parallel()
	others := []string{"LETHE_SERVICE_HOST=10.0.0.1", "LETHE_SERVICE_PORT=8080", "LETHE_SERVICE_PORT_HTTP=8080", "LETHE_PORT=tcp://10.0.0.1:8080",
		"LETHE_PORT_8080_TCP=tcp://10.0.0.1:8080", "LETHE_PORT_8080_TCP_ADDR=10.0.0.1", "LETHE_URL=x", "LETHE_TOKEN=x", "LETHE_ID_TOKEN=x", "LETHE_JOB_SERVICE=x", "LETHE_TEST_DATABASE_URL=x", "FLOWMART_LETHE_KEY=x"}
	if _, err := Load(Sources{Environ: append(environ(whole(t)), others...)}); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{"LETHE_PORTS=1", "LETHE_SERVICE=x", "LETHE_COLOUR=blue", "LETHE_=x"} {
		if _, err := Load(Sources{Environ: append(environ(whole(t)), wrong)}); err == nil || !strings.Contains(err.Error(), strings.Split(wrong, "=")[0]+" is not a setting") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// The document names every setting, its variable and its default.
func TestConfigurationIsDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range Settings() {
		row := "| `" + s.Env() + "` | `" + s.Flag() + "` | "
		if s.Default() != "" {
			row += "`" + s.Default() + "`"
		}
		if !strings.Contains(string(doc), "| "+s.Help+" |") {
			t.Errorf("docs/configuration.md says something else than %q", s.Help)
		}
		if !strings.Contains(string(doc), row) {
			t.Errorf("docs/configuration.md lacks the row\n%s | %s |", row, s.Help)
		}
	}
}
