package oci

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{"bin/tool": "#!/bin/sh\n", "etc/conf": "a=b\n"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("tool", filepath.Join(root, "bin/link")); err != nil {
		t.Fatal(err)
	}
	return root
}

func add(t *testing.T, store Store, root string, references ...string) []string {
	t.Helper()
	digests, err := store.Add(Config{Cmd: []string{"tool"}}, Content{Tree: root}, references...)
	if err != nil {
		t.Fatal(err)
	}
	return digests
}

func TestSameContentSameDigest(t *testing.T) {
	root := tree(t)
	first := add(t, Store(t.TempDir()), root, "docker.io/library/a:1")
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(root, "bin/tool"), later, later); err != nil {
		t.Fatal(err)
	}
	second := add(t, Store(t.TempDir()), root, "docker.io/library/a:1")
	if first[0] != second[0] {
		t.Errorf("digest changed from %s to %s with only a file's time", first[0], second[0])
	}
}

func TestEachReferenceHasItsOwnManifest(t *testing.T) {
	digests := add(t, Store(t.TempDir()), tree(t), "docker.io/library/a:1", "docker.io/library/b:1")
	if digests[0] == digests[1] {
		t.Error("two repositories share a manifest")
	}
}

func TestReferencesMustBeFull(t *testing.T) {
	for reference, good := range map[string]bool{
		"docker.io/library/nginx:1.27": true,
		"localhost:5000/x:dev":         true,
		"ghcr.io/a/b/c:v1.2-rc.1":      true,
		"nginx:1.27":                   false,
		"library/nginx:1.27":           false,
		"docker.io/library/nginx":      false,
		"":                             false,
	} {
		if err := CheckReference(reference); (err == nil) != good {
			t.Errorf("CheckReference(%q) = %v", reference, err)
		}
	}
}

func get(t *testing.T, url string) (int, []byte) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

func TestRegistryServesByTagAndByDigest(t *testing.T) {
	first, second := Store(t.TempDir()), Store(t.TempDir())
	digest := add(t, second, tree(t), "docker.io/library/a:1")[0]
	server := httptest.NewServer(&Registry{[]Store{first, second}, log.New(io.Discard, "", 0)})
	defer server.Close()

	status, byTag := get(t, server.URL+"/v2/library/a/manifests/1?ns=docker.io")
	if status != 200 {
		t.Fatalf("by tag: %d", status)
	}
	if status, byDigest := get(t, server.URL+"/v2/library/a/manifests/"+digest+"?ns=docker.io"); status != 200 || string(byDigest) != string(byTag) {
		t.Errorf("by digest: %d", status)
	}
	var manifest struct{ Layers []descriptor }
	if err := json.Unmarshal(byTag, &manifest); err != nil || len(manifest.Layers) != 1 {
		t.Fatalf("manifest %s: %v", byTag, err)
	}
	if status, layer := get(t, server.URL+"/v2/library/a/blobs/"+manifest.Layers[0].Digest); status != 200 || int64(len(layer)) != manifest.Layers[0].Size {
		t.Errorf("layer: %d, %d bytes", status, len(layer))
	}
	for _, missing := range []string{"library/a/manifests/2?ns=docker.io", "library/a/manifests/1?ns=quay.io",
		"library/a/blobs/sha256:..", "library/a/manifests/sha256:../../refs/x"} {
		if status, _ := get(t, server.URL+"/v2/"+missing); status != 404 {
			t.Errorf("%s: %d, want 404", missing, status)
		}
	}

	// A newer image under the same name in an earlier store is served at once.
	newer := add(t, first, tree(t), "docker.io/library/a:1")[0]
	if _, body := get(t, server.URL+"/v2/library/a/manifests/1?ns=docker.io"); string(body) != read(t, first.blob(newer)) {
		t.Error("the later store hides the earlier")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestSingleFiles(t *testing.T) {
	store := Store(t.TempDir())
	source := filepath.Join(tree(t), "bin/tool")
	files := []File{{Source: source, Target: "/usr/bin/tool"}, {Link: "/usr/bin/tool", Target: "/tool"}}
	if _, err := store.Add(Config{}, Content{Files: files}, "ghcr.io/a/b:1"); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []File{{Source: source, Target: "/"}, {Source: filepath.Dir(source), Target: "/x"}} {
		if _, err := store.Add(Config{}, Content{Files: []File{bad}}, "ghcr.io/a/b:1"); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}
