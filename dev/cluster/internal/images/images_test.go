package images

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"kulisse.dev/dev/cluster/internal/oci"
)

func TestReferencesAreFullAndUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, i := range catalogue() {
		for _, reference := range i.references {
			if err := oci.CheckReference(reference); err != nil {
				t.Error(err)
			}
			if seen[reference] {
				t.Errorf("%s is there twice", reference)
			}
			seen[reference] = true
		}
	}
}

func TestParseInstalls(t *testing.T) {
	out := `NOTE: This is only a simulation!
Inst bash (5.2.15-2+b13 Debian:12.14/oldstable [amd64])
Inst perl-base (5.36.0-7 Debian:12.14/oldstable [amd64])
Inst redis-server (5:7.0.15-1~deb12u10 Debian:12 [amd64]) []
Inst libllvm14 (1:14.0.6-12 Debian:12 [amd64])
Conf bash (5.2.15-2+b13 Debian:12.14/oldstable [amd64])
`
	want := []debianPackage{{"bash", "5.2.15-2+b13"}, {"redis-server", "5:7.0.15-1~deb12u10"}}
	if got := parseInstalls(out, []string{"redis-server"}); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if got := parseInstalls(out, []string{"perl-base"}); !slices.Contains(got, debianPackage{"perl-base", "5.36.0-7"}) {
		t.Errorf("a package asked for by name is left out of %v", got)
	}
}

func TestPackageFileWithEpoch(t *testing.T) {
	d := debian{t.TempDir()}
	if err := os.WriteFile(filepath.Join(d.packages, "redis-server_5%3a7.0.15-1~deb12u10_amd64.deb"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, ok := d.file(debianPackage{"redis-server", "5:7.0.15-1~deb12u10"}); !ok {
		t.Error("not found")
	}
}

func TestOwnImagesAreMadeOnce(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"pause", "devcluster"} {
		if err := os.WriteFile(filepath.Join(bin, program), []byte(program), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		store, err := Own(bin)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Resolve("registry.k8s.io/coredns/coredns:v1.14.2"); err != nil {
			t.Error(err)
		}
		// The second time there is nothing to make it from.
		if err := os.RemoveAll(bin); err != nil {
			t.Fatal(err)
		}
	}
}
