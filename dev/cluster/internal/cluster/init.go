package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Init is the first process of a node's namespaces: it furnishes them, starts the
// process that runs the node, and reaps what others leave behind. When it ends,
// however that happens, the kernel ends everything inside.
func Init(dir Directory) error {
	r, err := dir.mustLoad()
	if err != nil {
		return err
	}
	stores, err := imageStores(dir, r.Settings.Bin)
	if err != nil {
		return err
	}
	if err := mountAll(dir, r.Settings.Bin, stores); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte("node")); err != nil {
		return err
	}
	if err := setUpNetwork(); err != nil {
		return err
	}
	node := exec.Command(filepath.Join(insideBin, "devcluster"), "node")
	node.Dir = "/"
	node.Stdout, node.Stderr = os.Stdout, os.Stderr
	node.ExtraFiles = []*os.File{lineToStarter()}
	if err := node.Start(); err != nil {
		return err
	}
	return reap(node.Process.Pid)
}

// reap waits for every process whose parent is gone, until the given one ends.
func reap(main int) error {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return err
		case pid == main:
			return fmt.Errorf("the node's own process ended with status %d", status.ExitStatus())
		}
	}
}
