package rest

import "runtime/debug"

// clusterID says which registry this is, for tools that keep several apart.
func (d *Door) clusterID(*call) (any, error) {
	return map[string]any{"id": "lethe", "scope": map[string]any{"path": []string{}, "clusters": map[string]string{"schema-registry-cluster": "lethe"}}}, nil
}

// release says which program answers.
func (d *Door) release(*call) (any, error) {
	version, commit := "unknown", ""
	if built, ok := debug.ReadBuildInfo(); ok {
		version = built.Main.Version
		for _, s := range built.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	return map[string]string{"version": version, "commitId": commit}, nil
}

// deployment has no attributes: those of Confluent's tell apart its own products.
func (d *Door) deployment(*call) (any, error) {
	return map[string][]string{"attributes": {}}, nil
}
