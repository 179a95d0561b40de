package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"kulisse.dev/dev/cluster/internal/images"
	"kulisse.dev/dev/cluster/internal/oci"
)

// programs that a node needs from the machine, and the Debian packages they are in.
var programs = []struct{ path, inPackage string }{
	{"containerd", "containerd"},
	{"runc", "runc"},
	{cniPlugins + "/ptp", "containernetworking-plugins"},
	{"nft", "nftables"},
	{"iptables", "iptables"},
	{"ip", "iproute2"},
	{"mount", "mount"},
	{"nsenter", "util-linux"},
}

// prepareNode makes sure of what a node needs before it is started: programs from
// the distribution, and images. All of it is there from the second time on.
func prepareNode(bin string, step func(string)) error {
	if err := os.Setenv("PATH", systemPath()); err != nil {
		return err
	}
	if missing := missingPackages(); len(missing) > 0 {
		step("installing " + strings.Join(missing, ", "))
		if err := install(missing); err != nil {
			return err
		}
	}
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	if _, err := images.Public(filepath.Join(cache, "images"), step); err != nil {
		return err
	}
	_, err = images.Own(bin)
	return err
}

func missingPackages() (missing []string) {
	for _, p := range programs {
		if _, err := exec.LookPath(p.path); err != nil {
			missing = append(missing, p.inPackage)
		}
	}
	return missing
}

func install(packages []string) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("node mode needs the programs of the Debian packages %v; install what your distribution calls them", packages)
	}
	apt := func(args ...string) error {
		cmd := exec.Command("apt-get", append([]string{"-q", "-y"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w: %s", strings.Join(args, " "), err, out)
		}
		return nil
	}
	args := append([]string{"install", "--no-install-recommends"}, packages...)
	if apt(args...) == nil {
		return nil
	}
	// The lists are missing, or older than the archive.
	if err := apt("update"); err != nil {
		return err
	}
	return apt(args...)
}

// systemPath is the user's PATH with the places of system programs, which are not
// in everybody's.
func systemPath() string {
	parts := filepath.SplitList(os.Getenv("PATH"))
	for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if !slices.Contains(parts, dir) {
			parts = append(parts, dir)
		}
	}
	return strings.Join(parts, string(os.PathListSeparator))
}

// cacheDir is what build.sh calls it, too.
func cacheDir() (string, error) {
	if dir := os.Getenv("KULISSE_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "kulisse"), err
}

// imageStores lists where a node looks for images, first what hides the others.
func imageStores(dir Directory, bin string) ([]string, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	public, err := images.Public(filepath.Join(cache, "images"), func(string) {})
	if err != nil {
		return nil, err
	}
	own, err := images.Own(bin)
	if err != nil {
		return nil, err
	}
	local, err := ImageStore("")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(string(local), 0o755); err != nil {
		return nil, err
	}
	return []string{dir.images(), string(local), string(own), string(public)}, nil
}

// insideStores are the same, as the node sees them.
func insideStores() (stores []oci.Store) {
	entries, _ := os.ReadDir(insideImages) // sorted by name, which is the order
	for _, entry := range entries {
		stores = append(stores, oci.Store(filepath.Join(insideImages, entry.Name())))
	}
	return stores
}

// ImageStore is the store that the user's images go to: that of one cluster, or,
// where no state directory is given, the one that all clusters share.
func ImageStore(state string) (oci.Store, error) {
	if state == "" {
		cache, err := cacheDir()
		return oci.Store(filepath.Join(cache, "images", "local")), err
	}
	dir, err := Open(state)
	if err != nil {
		return "", err
	}
	if r, err := dir.load(); err != nil || r == nil {
		return "", fmt.Errorf("no cluster in %s; bring it up first, or leave --state out for an image that all clusters can pull", dir)
	}
	return oci.Store(dir.images()), nil
}
