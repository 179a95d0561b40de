// Package oci keeps container images in plain directories and serves them to
// containerd as a registry would.
package oci

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// Store is a directory of images: blobs/sha256/HEX holds content, refs/REFERENCE
// the digest of the manifest that the reference means.
type Store string

// Config is what an image says about how to run it.
type Config struct {
	Env          []string            `json:",omitempty"`
	Entrypoint   []string            `json:",omitempty"`
	Cmd          []string            `json:",omitempty"`
	User         string              `json:",omitempty"`
	WorkingDir   string              `json:",omitempty"`
	StopSignal   string              `json:",omitempty"`
	ExposedPorts map[string]struct{} `json:",omitempty"`
}

// Content is what an image's only layer holds: a directory tree and single files.
type Content struct {
	Tree  string
	Files []File
}

// File is one file of an image: a copy of Source, or a symbolic link to Link where
// that is set.
type File struct{ Source, Target, Link string }

// Add adds one image under each of the references and returns the manifests'
// digests. Each reference gets a manifest of its own, or the runtime could tell
// one image's repository for another's.
func (s Store) Add(config Config, content Content, references ...string) ([]string, error) {
	for _, reference := range references {
		if err := CheckReference(reference); err != nil {
			return nil, err
		}
	}
	for _, dir := range []string{"blobs/sha256", "refs"} {
		if err := os.MkdirAll(filepath.Join(string(s), dir), 0o755); err != nil {
			return nil, err
		}
	}
	layer, err := s.addLayer(content)
	if err != nil {
		return nil, err
	}
	var digests []string
	for _, reference := range references {
		digest, err := s.addManifest(config, layer, reference)
		if err != nil {
			return nil, err
		}
		digests = append(digests, digest)
	}
	return digests, nil
}

// Resolve returns the digest of the manifest that a reference means.
func (s Store) Resolve(reference string) (string, error) {
	raw, err := os.ReadFile(s.reference(reference))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s is not in the image store", reference)
	}
	return strings.TrimSpace(string(raw)), err
}

func (s Store) addLayer(content Content) (descriptor, error) {
	file, err := os.CreateTemp(string(s), ".layer-*")
	if err != nil {
		return descriptor{}, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	layer := newLayer(file)
	if content.Tree != "" {
		if err := layer.addTree(content.Tree); err != nil {
			return descriptor{}, err
		}
	}
	for _, f := range content.Files {
		if f.Link != "" {
			err = layer.addLink(f.Link, f.Target)
		} else {
			err = layer.addFile(f.Source, f.Target)
		}
		if err != nil {
			return descriptor{}, err
		}
	}
	d, err := layer.close()
	if err != nil {
		return descriptor{}, err
	}
	if err := file.Chmod(0o644); err != nil {
		return descriptor{}, err
	}
	return d, os.Rename(file.Name(), s.blob(d.Digest))
}

func (s Store) addManifest(config Config, layer descriptor, reference string) (string, error) {
	labelled := struct {
		Config
		Labels map[string]string
	}{config, map[string]string{"org.opencontainers.image.ref.name": reference}}
	configBlob, err := s.addJSON("application/vnd.oci.image.config.v1+json", map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       labelled,
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{layer.Digest}},
	})
	if err != nil {
		return "", err
	}
	manifest, err := s.addJSON(manifestType, map[string]any{
		"schemaVersion": 2,
		"mediaType":     manifestType,
		"config":        configBlob,
		"layers":        []descriptor{layer},
	})
	if err != nil {
		return "", err
	}
	return manifest.Digest, replace(s.reference(reference), []byte(manifest.Digest+"\n"))
}

func (s Store) addJSON(mediaType string, value any) (descriptor, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return descriptor{}, err
	}
	d := descriptor{mediaType, fmt.Sprintf("sha256:%x", sha256.Sum256(raw)), int64(len(raw))}
	return d, replace(s.blob(d.Digest), raw)
}

func (s Store) blob(digest string) string {
	return filepath.Join(string(s), "blobs/sha256", strings.TrimPrefix(digest, "sha256:"))
}

func (s Store) reference(reference string) string {
	return filepath.Join(string(s), "refs", url.QueryEscape(reference))
}

// replace writes a file so that a reader sees the old content or the new.
func replace(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err = file.Write(content); err == nil {
		err = file.Chmod(0o644)
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

var fullReference = regexp.MustCompile(`^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+:[A-Za-z0-9_][A-Za-z0-9._-]*$`)

// CheckReference refuses references that containerd would not ask for in these
// very words: it always adds the registry and the tag.
func CheckReference(reference string) error {
	host, _, _ := strings.Cut(reference, "/")
	if !fullReference.MatchString(reference) || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return fmt.Errorf("%q is not a full image reference; write it as REGISTRY/NAME:TAG, for example docker.io/library/nginx:1.27", reference)
	}
	return nil
}
