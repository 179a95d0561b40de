package images

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

//go:embed files
var files embed.FS

// root is the root directory of an image being made.
type root string

func (r root) join(parts ...string) string {
	return filepath.Join(append([]string{string(r)}, parts...)...)
}

// Nothing in a container reads these.
var superfluous = []string{
	"etc/cron*", "etc/init.d", "etc/logrotate.d", "etc/systemd", "lib/systemd", "usr/lib/systemd",
	"usr/lib/*/gconv", "usr/lib/python3*", "usr/share/applications", "usr/share/apport", "usr/share/bash-completion",
	"usr/share/bug", "usr/share/debconf", "usr/share/doc", "usr/share/fonts", "usr/share/info", "usr/share/lintian",
	"usr/share/locale", "usr/share/man", "usr/share/menu", "usr/share/perl", "usr/share/perl5", "usr/share/pixmaps",
	"usr/share/postgresql-common", "usr/share/zsh",
}

// Names that a package gets when it is installed, not when it is unpacked.
var alternatives = map[string]string{
	"bin/nc":        "nc.openbsd",
	"bin/sh":        "dash",
	"usr/bin/awk":   "mawk",
	"usr/bin/which": "which.debianutils",
}

// furnish turns the unpacked packages into the image's root directory.
func (r root) furnish(i image) error {
	for _, pattern := range superfluous {
		if err := r.remove(pattern); err != nil {
			return err
		}
	}
	for _, dir := range []string{"dev", "etc", "proc", "root", "run", "sys"} {
		if err := r.directory(dir, 0o755, 0); err != nil {
			return err
		}
	}
	for _, dir := range []string{"tmp", "var/tmp"} {
		if err := r.directory(dir, 0o1777, 0); err != nil {
			return err
		}
	}
	if err := r.link("../run", "var/run"); err != nil {
		return err
	}
	for _, tree := range []string{"base", i.name} {
		if err := r.copyFiles("files/" + tree); err != nil {
			return err
		}
	}
	for name, program := range alternatives {
		if _, err := os.Lstat(filepath.Join(filepath.Dir(r.join(name)), program)); err != nil {
			continue // not in this image
		}
		if err := r.link(program, name); err != nil {
			return err
		}
	}
	if i.user != nil {
		if err := r.addUser(*i.user); err != nil {
			return err
		}
	}
	return i.finish(r)
}

// copyFiles copies an embedded tree. Embedded files have no modes: what is in a
// directory bin is a program.
func (r root) copyFiles(tree string) error {
	if _, err := fs.Stat(files, tree); err != nil {
		return nil // not every image adds files
	}
	return fs.WalkDir(files, tree, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		target := r.join(strings.TrimPrefix(path, tree))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if filepath.Base(filepath.Dir(target)) == "bin" {
			mode = 0o755
		}
		return os.WriteFile(target, content, mode)
	})
}

func (r root) addUser(u user) error {
	for file, line := range map[string]string{
		"etc/passwd": fmt.Sprintf("%s:x:%d:%d::%s:/bin/sh\n", u.name, u.id, u.id, u.home),
		"etc/group":  fmt.Sprintf("%s:x:%d:\n", u.name, u.id),
	} {
		f, err := os.OpenFile(r.join(file), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.WriteString(line); err != nil {
			return err
		}
	}
	return nil
}

func (r root) directory(path string, mode uint32, owner int) error {
	full := r.join(path)
	if err := os.MkdirAll(full, 0o755); err != nil {
		return err
	}
	if err := os.Chown(full, owner, owner); err != nil {
		return err
	}
	// The permissions as numbers: Go's own do not have the sticky bit there.
	return syscall.Chmod(full, mode)
}

func (r root) link(target, path string) error {
	if err := os.MkdirAll(filepath.Dir(r.join(path)), 0o755); err != nil {
		return err
	}
	if err := os.RemoveAll(r.join(path)); err != nil {
		return err
	}
	return os.Symlink(target, r.join(path))
}

func (r root) remove(pattern string) error {
	found, err := filepath.Glob(r.join(pattern))
	if err != nil {
		return err
	}
	for _, path := range found {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

func (r root) hasProgram(name string) bool {
	for _, dir := range []string{"bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin"} {
		if _, err := os.Lstat(r.join(dir, name)); err == nil {
			return true
		}
	}
	return false
}
