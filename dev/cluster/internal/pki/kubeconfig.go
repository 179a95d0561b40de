package pki

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
)

// Self-contained, because it is copied about and read on both sides of the
// cluster's mount namespace, where paths differ.
const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: dev, cluster: {server: %q, certificate-authority-data: %s}}]
users: [{name: dev, user: {client-certificate-data: %s, client-key-data: %s}}]
contexts: [{name: dev, context: {cluster: dev, user: dev}}]
current-context: dev
`

// WriteKubeconfig writes a kubeconfig that calls the server with the named
// certificate of the given directory.
func WriteKubeconfig(dir, name, server, path string) error {
	var data []any
	for _, file := range []string{"ca.crt", name + ".crt", name + ".key"} {
		raw, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return err
		}
		data = append(data, base64.StdEncoding.EncodeToString(raw))
	}
	return os.WriteFile(path, fmt.Appendf(nil, kubeconfig, append([]any{server}, data...)...), 0o600)
}
