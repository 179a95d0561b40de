// Package cluster brings development clusters up, watches over them and takes
// them down again.
package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Directory is where one cluster keeps everything it writes. Nothing else may be
// in there: taking the cluster down removes the directory.
type Directory string

// Open returns the absolute directory for a path given by the user.
func Open(path string) (Directory, error) {
	if path == "" {
		return "", errors.New("--state DIR is missing: the directory the cluster keeps its state in")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	// The same directory must always be known by the same name. It need not exist
	// yet; the one it is in must once there is anything to resolve.
	if parent, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
		abs = filepath.Join(parent, filepath.Base(abs))
	}
	if resolved, err := filepath.EvalSymlinks(abs); err == nil {
		abs = resolved
	}
	return Directory(abs), nil
}

func (d Directory) join(parts ...string) string {
	return filepath.Join(append([]string{string(d)}, parts...)...)
}

func (d Directory) logs() string       { return d.join("logs") }
func (d Directory) pki() string        { return d.join("pki") }
func (d Directory) audit() string      { return d.join("audit.log") }
func (d Directory) kubeconfig() string { return d.join("kubeconfig") }
func (d Directory) images() string     { return d.join("images") }

// lock makes the directory and keeps every other command off it until unlocked.
func (d Directory) lock() (unlock func(), err error) {
	for {
		if err := os.MkdirAll(string(d), 0o755); err != nil {
			return nil, err
		}
		handle, err := os.Open(string(d))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed by a `down` in between
		}
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(handle.Fd()), syscall.LOCK_EX); err != nil {
			handle.Close()
			return nil, err
		}
		// Whoever held the lock before may have removed the directory, and the
		// lock on a removed directory is worth nothing.
		locked, err := handle.Stat()
		if err == nil {
			if named, err := os.Stat(string(d)); err == nil && os.SameFile(locked, named) {
				return func() { handle.Close() }, nil
			}
		}
		handle.Close()
	}
}

// checkOwn refuses a directory that holds something other than a cluster's state.
func (d Directory) checkOwn() error {
	entries, err := os.ReadDir(string(d))
	if err != nil || len(entries) == 0 {
		return err
	}
	if _, err := os.Stat(d.join(recordFile)); err != nil {
		return fmt.Errorf("%s holds something that is not a cluster's state; give --state a directory of its own", d)
	}
	return nil
}

// empty removes what the directory holds, the record last, so that an
// interrupted removal is still known for what it is.
func (d Directory) empty() error {
	if err := d.checkNoMounts(); err != nil {
		return err
	}
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == recordFile {
			continue
		}
		if err := removeAll(d.join(entry.Name())); err != nil {
			return err
		}
	}
	return os.RemoveAll(d.join(recordFile))
}

// checkNoMounts makes sure that removing the directory cannot reach into
// something mounted below it.
func (d Directory) checkNoMounts() error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(mounts), "\n") {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], string(d)+"/") {
			return fmt.Errorf("%s is mounted inside the state directory; unmount it first", fields[4])
		}
	}
	return nil
}

// removeAll tries for a moment: a process just killed may still be on its way
// out of a system call that makes a file.
func removeAll(path string) (err error) {
	for range 20 {
		if err = os.RemoveAll(path); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}
