package images

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Packages that others depend on for installing or for a whole operating
// system, and that no container misses. An image may still ask for one by name.
var unwanted = []string{
	"adduser", "debconf", "dpkg", "gcc-12-base", "init-system-helpers", "libllvm*", "libperl5*", "libsystemd-shared",
	"libz3-*", "lsb-base", "media-types", "mount", "netbase", "passwd", "perl", "perl-base", "perl-modules-*", "procps",
	"sensible-utils", "ssl-cert", "sysvinit-utils", "ucf",
}

// debian unpacks Debian packages without installing anything on the machine.
type debian struct {
	packages string // where downloaded packages are kept
}

// unpack unpacks the packages with all they depend on.
func (d debian) unpack(names []string, into root) error {
	wanted, err := d.closure(names)
	if err == nil {
		err = d.download(wanted)
	}
	if err != nil {
		// The lists are missing, or older than the archive.
		if err := aptGet(d.packages, "update", "-q"); err != nil {
			return err
		}
		if wanted, err = d.closure(names); err != nil {
			return err
		}
		if err := d.download(wanted); err != nil {
			return err
		}
	}
	for _, p := range wanted {
		file, ok := d.file(p)
		if !ok {
			return fmt.Errorf("package %s %s was downloaded under a name that is not expected", p.name, p.version)
		}
		if out, err := exec.Command("dpkg", "-x", file, string(into)).CombinedOutput(); err != nil {
			return fmt.Errorf("dpkg -x %s: %w: %s", file, err, out)
		}
	}
	return nil
}

type debianPackage struct{ name, version string }

// closure finds what would be installed on a machine that has nothing.
func (d debian) closure(names []string) ([]debianPackage, error) {
	status := filepath.Join(d.packages, "nothing-installed")
	if err := os.WriteFile(status, nil, 0o644); err != nil {
		return nil, err
	}
	args := append([]string{"-s", "-o", "Dir::State::status=" + status, "-o", "APT::Install-Recommends=false", "install"}, names...)
	out, err := exec.Command("apt-get", args...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("apt-get -s install %v: %w: %s", names, err, out)
	}
	return parseInstalls(string(out), names), nil
}

// parseInstalls reads lines like `Inst bash (5.2.15-2+b13 Debian:12/stable [amd64])`.
func parseInstalls(out string, asked []string) []debianPackage {
	var packages []debianPackage
	for _, line := range strings.Split(out, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != "Inst" {
			continue
		}
		name, version := fields[1], strings.TrimPrefix(fields[2], "(")
		if slices.Contains(asked, name) || !isUnwanted(name) {
			packages = append(packages, debianPackage{name, version})
		}
	}
	return packages
}

func isUnwanted(name string) bool {
	return slices.ContainsFunc(unwanted, func(pattern string) bool {
		match, _ := filepath.Match(pattern, name)
		return match
	})
}

func (d debian) download(packages []debianPackage) error {
	args := []string{"download", "-q"}
	for _, p := range packages {
		if _, ok := d.file(p); !ok {
			args = append(args, p.name+"="+p.version)
		}
	}
	if len(args) == 2 {
		return nil
	}
	return aptGet(d.packages, args...)
}

func (d debian) file(p debianPackage) (string, bool) {
	version := strings.ReplaceAll(url.PathEscape(p.version), ":", "%3a")
	found, _ := filepath.Glob(filepath.Join(d.packages, p.name+"_"+version+"_*.deb"))
	if len(found) == 0 {
		return "", false
	}
	return found[0], true
}

func aptGet(dir string, args ...string) error {
	cmd := exec.Command("apt-get", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w: %s", args[0], err, out)
	}
	return nil
}
