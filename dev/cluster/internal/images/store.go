// Package images makes the container images that a cluster can pull: programs
// from Debian under the names that public manifests use, and our own binary.
package images

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"kulisse.dev/dev/cluster/internal/oci"
)

// What the images are made from includes how: this package itself.
//
//go:embed catalogue.go debian.go root.go store.go files
var recipe embed.FS

// Public returns the store of the images made from Debian packages, making it
// first where the cache does not have it.
func Public(cache string, step func(string)) (oci.Store, error) {
	key, err := recipeKey()
	if err != nil {
		return "", err
	}
	return once(cache, "debian-"+key, func(store oci.Store, scratch string) error {
		source := debian{filepath.Join(cache, "packages")}
		if err := os.MkdirAll(source.packages, 0o755); err != nil {
			return err
		}
		for _, i := range catalogue() {
			r := root(filepath.Join(scratch, i.name))
			if err := os.MkdirAll(string(r), 0o755); err != nil {
				return err
			}
			if err := source.unpack(i.packages, r); err != nil {
				return fmt.Errorf("image %s: %w", i.name, err)
			}
			if err := r.furnish(i); err != nil {
				return fmt.Errorf("image %s: %w", i.name, err)
			}
			if _, err := store.Add(i.config, oci.Content{Tree: string(r)}, i.references...); err != nil {
				return fmt.Errorf("image %s: %w", i.name, err)
			}
			step(fmt.Sprintf("made image %s", i.references[0]))
		}
		return nil
	})
}

// Own returns the store of the images that hold the programs in bin, which is
// next to them.
func Own(bin string) (oci.Store, error) {
	return once(filepath.Dir(bin), "images", func(store oci.Store, _ string) error {
		pause := oci.Content{Files: []oci.File{{Source: filepath.Join(bin, "pause"), Target: "/pause"}}}
		if _, err := store.Add(oci.Config{Entrypoint: []string{"/pause"}}, pause, "registry.k8s.io/pause:3.10"); err != nil {
			return err
		}
		// The same content for both, so that a node unpacks it once.
		programs := oci.Content{Files: []oci.File{
			{Source: filepath.Join(bin, "devcluster"), Target: "/devcluster"},
			{Link: "devcluster", Target: "/coredns"},
		}}
		for reference, entrypoint := range map[string][]string{
			"registry.k8s.io/coredns/coredns:v1.14.2": {"/coredns"},
			"kulisse.dev/dev/ingress:dev":             {"/devcluster", "ingress"},
		} {
			if _, err := store.Add(oci.Config{Entrypoint: entrypoint}, programs, reference); err != nil {
				return err
			}
		}
		return nil
	})
}

// once makes dir/name unless it is there. It appears complete or not at all, and
// of several commands that want it at the same time one makes it.
func once(dir, name string, fill func(store oci.Store, scratch string) error) (oci.Store, error) {
	done := filepath.Join(dir, name)
	if _, err := os.Stat(done); err == nil {
		return oci.Store(done), nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.Create(filepath.Join(dir, ".images.lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if _, err := os.Stat(done); err == nil {
		return oci.Store(done), nil
	}
	scratch := filepath.Join(dir, ".making-"+name)
	if err := os.RemoveAll(scratch); err != nil { // of one that was interrupted
		return "", err
	}
	defer os.RemoveAll(scratch)
	store := oci.Store(filepath.Join(scratch, "store"))
	if err := os.MkdirAll(string(store), 0o755); err != nil {
		return "", err
	}
	if err := fill(store, scratch); err != nil {
		return "", err
	}
	return oci.Store(done), os.Rename(string(store), done)
}

func recipeKey() (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(recipe, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := recipe.ReadFile(path)
		fmt.Fprintf(hash, "%s %d\n", path, len(content))
		hash.Write(content)
		return err
	})
	return fmt.Sprintf("%x", hash.Sum(nil))[:16], err
}
