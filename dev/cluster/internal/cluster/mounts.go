package cluster

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Where a node's processes find what they need, wherever on the machine it is.
const (
	insideDir    = "/run/devcluster"
	insideState  = Directory(insideDir + "/state")
	insideBin    = insideDir + "/bin"
	insideImages = insideDir + "/images"
)

// Kernel settings that the kubelet would set for the whole machine. It is shown
// files instead that hold what it wants.
var pretended = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// mountAll gives the node's mount namespace a /run, a /var and a /proc of its own.
// Nothing of what is written there reaches the machine, and nothing has to be
// unmounted: the mounts end with the namespace.
func mountAll(dir Directory, bin string, stores []string) error {
	// Private first, or the machine would see these mounts; then shared, for the
	// kubelet and its containers to see one another's.
	for _, propagation := range []uintptr{unix.MS_PRIVATE, unix.MS_SHARED} {
		if err := unix.Mount("", "/", "", unix.MS_REC|propagation, ""); err != nil {
			return fmt.Errorf("mount propagation: %w", err)
		}
	}
	// Hold on to what may itself be below /run or /var.
	trees := map[string]int{}
	for target, source := range insideTrees(dir, bin, stores) {
		tree, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return fmt.Errorf("open_tree %s: %w", source, err)
		}
		trees[target] = tree
	}
	for _, m := range []struct{ fs, target, options string }{
		{"proc", "/proc", ""},
		{"tmpfs", "/run", "mode=755"},
		{"tmpfs", "/var", "mode=755"},
	} {
		if err := unix.Mount(m.fs, m.target, m.fs, 0, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	for target, tree := range trees {
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := unix.MoveMount(tree, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return fmt.Errorf("move_mount %s: %w", target, err)
		}
		unix.Close(tree)
	}
	if err := furnishVar(); err != nil {
		return err
	}
	return pretend()
}

func insideTrees(dir Directory, bin string, stores []string) map[string]string {
	trees := map[string]string{string(insideState): string(dir), insideBin: bin}
	for i, store := range stores {
		trees[fmt.Sprintf("%s/%d", insideImages, i)] = store
	}
	return trees
}

// furnishVar keeps on disk what is too large for memory.
func furnishVar() error {
	for source, target := range map[string]string{
		"kubelet":    "/var/lib/kubelet",
		"containerd": "/var/lib/containerd",
		"pod-logs":   "/var/log/pods",
		"volumes":    "/var/lib/volumes",
	} {
		if err := bind(insideState.join(source), target); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/run/lock", "/run/netns", "/var/log/containers", "/var/tmp"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return os.Symlink("/run", "/var/run")
}

func bind(source, target string) error {
	for _, dir := range []string{source, target} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return bindFile(source, target)
}

func bindFile(source, target string) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s on %s: %w", source, target, err)
	}
	return nil
}

func pretend() error {
	for name, value := range pretended {
		source := filepath.Join("/run/devcluster", filepath.Base(name))
		if err := os.WriteFile(source, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		if err := bindFile(source, "/proc/sys/"+name); err != nil {
			return err
		}
	}
	hosts := filepath.Join(insideDir, "hosts")
	if err := os.WriteFile(hosts, []byte("127.0.0.1 localhost node\n"), 0o644); err != nil {
		return err
	}
	return bindFile(hosts, "/etc/hosts")
}
