package cluster

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
)

// Debian's place for the standard network plugins.
const cniPlugins = "/usr/lib/cni"

// writeConfig puts the node's configuration files where the programs look.
func (n *node) writeConfig() error {
	for name, target := range map[string]string{
		"containerd.toml": "conf/containerd.toml",
		"hosts.toml":      "conf/certs.d/_default/hosts.toml",
		"kubelet.yaml":    "conf/kubelet.yaml",
		"proxy.yaml":      "conf/proxy.yaml",
	} {
		content, err := config.ReadFile("config/" + name)
		if err != nil {
			return err
		}
		if err := writeFile(insideState.join(target), content); err != nil {
			return err
		}
	}
	if err := writeFile(insideState.join("conf/resolv.conf"), nil); err != nil {
		return err
	}
	return n.writeCNI()
}

// writeCNI configures pod networking: routed links, not a bridge, so that every
// packet from pod to pod passes the rules for forwarding.
func (n *node) writeCNI() error {
	content, err := config.ReadFile("config/cni.json")
	if err != nil {
		return err
	}
	if !n.record.Settings.NetworkPolicy {
		if content, err = withoutPlugin(content, "policy-gate"); err != nil {
			return err
		}
	}
	if err := writeFile(insideState.join("conf/cni/10-pods.conflist"), content); err != nil {
		return err
	}
	plugins, err := filepath.Glob(cniPlugins + "/*")
	if err != nil {
		return err
	}
	// containerd 1.6 knows one directory of plugins only.
	bin := insideState.join("conf/cni-bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	for _, plugin := range append(plugins, filepath.Join(insideBin, "policy-gate")) {
		if err := os.Symlink(plugin, filepath.Join(bin, filepath.Base(plugin))); err != nil {
			return err
		}
	}
	return nil
}

func withoutPlugin(conflist []byte, kind string) ([]byte, error) {
	var list map[string]any
	if err := json.Unmarshal(conflist, &list); err != nil {
		return nil, err
	}
	list["plugins"] = slices.DeleteFunc(list["plugins"].([]any), func(plugin any) bool {
		return plugin.(map[string]any)["type"] == kind
	})
	return json.Marshal(list)
}

func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}
