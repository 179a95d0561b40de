package cluster

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const cgroups = "/sys/fs/cgroup"

// cgroup names the control group of the cluster in this directory.
func (d Directory) cgroup() string {
	return fmt.Sprintf("kulisse-%x", sha256.Sum256([]byte(d)))[:20]
}

// cgroupDirs are the directories that a control group consists of: one in each
// controller's hierarchy, or a single one where the machine has cgroup v2 only.
func cgroupDirs(name string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(cgroups, "cgroup.controllers")); err == nil {
		return []string{filepath.Join(cgroups, name)}, nil
	}
	hierarchies, err := filepath.Glob(filepath.Join(cgroups, "*", "cgroup.procs"))
	if err != nil || len(hierarchies) == 0 {
		return nil, fmt.Errorf("no control groups in %s; node mode needs them mounted", cgroups)
	}
	var dirs []string
	for _, procs := range hierarchies {
		hierarchy := filepath.Dir(procs)
		if resolved, err := filepath.EvalSymlinks(hierarchy); err == nil {
			hierarchy = resolved // cpu and cpuacct are often one
		}
		if dir := filepath.Join(hierarchy, name); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

func makeCgroups(name string) error {
	dirs, err := cgroupDirs(name)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		// runc makes the group in the hierarchy of version 2, beside those of
		// version 1, itself.
		if filepath.Base(filepath.Dir(dir)) == "unified" {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		// A new cpuset has no processors and would take no process.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			value, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
			if err != nil || filepath.Base(filepath.Dir(dir)) != "cpuset" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, file), value, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeCgroups removes the group with all below it. Its processes are gone, but
// the kernel may need a moment to let go of them.
func removeCgroups(name string) error {
	dirs, err := cgroupDirs(name)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var busy []string
		for _, dir := range dirs {
			if !removeCgroup(dir) {
				busy = append(busy, dir)
			}
		}
		if len(busy) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("control groups still in use: %v; the processes are listed in cgroup.procs below them", busy)
		}
	}
}

func removeCgroup(root string) (gone bool) {
	var dirs []string
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return nil // what vanishes meanwhile needs no removing
	})
	for _, dir := range slices.Backward(dirs) {
		_ = os.Remove(dir) // removes a directory together with the files cgroupfs shows in it
	}
	_, err := os.Stat(root)
	return os.IsNotExist(err)
}
