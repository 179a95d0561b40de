package cluster

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/component-base/version"
)

// Up makes sure that a cluster with the given settings runs and tells about it.
func Up(dir Directory, settings Settings, out io.Writer) (Details, error) {
	begun := time.Now()
	step := func(what string) {
		fmt.Fprintf(out, "%6.1f s  %s\n", time.Since(begun).Seconds(), what)
	}
	unlock, err := dir.lock()
	if err != nil {
		return Details{}, err
	}
	defer unlock()
	if err := dir.checkOwn(); err != nil {
		return Details{}, err
	}
	old, err := dir.load()
	if err != nil {
		return Details{}, err
	}
	if old != nil && old.serves(settings) && dir.running(old) {
		step("the cluster is up already")
		return dir.details(old, true), nil
	}
	if old != nil {
		if err := dir.destroy(old); err != nil {
			return Details{}, err
		}
		step("what was left of another cluster is cleared away")
	}
	if settings.Mode == Node {
		if err := prepareNode(settings.Bin, step); err != nil {
			return Details{}, err
		}
	}
	return start(dir, settings, step)
}

func start(dir Directory, settings Settings, step func(string)) (Details, error) {
	// The record comes first: what follows is only ever cleared away from a
	// directory that has one.
	r := &record{Settings: settings, Version: version.Get().GitVersion}
	if err := dir.save(r); err != nil {
		return Details{}, err
	}
	for _, sub := range []string{dir.logs(), dir.images()} {
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return Details{}, err
		}
	}
	line, err := startSupervisor(dir, settings.Bin)
	if err != nil {
		return Details{}, err
	}
	defer line.Close()
	if err := follow(line, step); err != nil {
		return Details{}, err
	}
	if r, err = dir.load(); err != nil {
		return Details{}, err
	}
	return dir.details(r, true), nil
}

// startSupervisor starts the supervisor in a session of its own and returns the
// line to it. It gives up when the line is closed before the cluster is ready.
func startSupervisor(dir Directory, bin string) (*os.File, error) {
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(ends[0]), "supervisor"), os.NewFile(uintptr(ends[1]), "starter")
	defer theirs.Close()
	log, err := os.Create(filepath.Join(dir.logs(), "supervisor.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(bin, "devcluster"), "supervise", "--state", string(dir))
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return ours, nil
}

// follow shows the supervisor's progress until the cluster is ready.
func follow(line io.Reader, step func(string)) error {
	failure := errors.New("the supervisor ended without a word; was it killed?")
	err := receive(line, func(what event) bool {
		switch {
		case what.Step != "":
			step(what.Step)
		case what.Failed != "":
			failure = errors.New(what.Failed)
		case what.Ready:
			failure = nil
		}
		return failure != nil
	})
	if err != nil {
		return err
	}
	return failure
}

// Down ends whatever there is of a cluster and removes its directory.
func Down(dir Directory) error {
	if _, err := os.Stat(string(dir)); os.IsNotExist(err) {
		return nil
	}
	unlock, err := dir.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := dir.checkOwn(); err != nil {
		return err
	}
	r, err := dir.load()
	if err != nil {
		return err
	}
	if r != nil {
		if err := dir.destroy(r); err != nil {
			return err
		}
	}
	return os.RemoveAll(string(dir))
}

// destroy ends every process of a cluster and empties its directory.
func (d Directory) destroy(r *record) error {
	for _, p := range r.Processes {
		if err := p.Kill(time.Minute); err != nil {
			return err
		}
	}
	if r.Cgroup != "" {
		if err := removeCgroups(r.Cgroup); err != nil {
			return err
		}
	}
	return d.empty()
}

// Status tells about the cluster in a directory; all but the directory is zero
// where there is none.
func Status(dir Directory) (Details, error) {
	r, err := dir.load()
	if err != nil || r == nil {
		return Details{StateDir: string(dir)}, err
	}
	return dir.details(r, dir.running(r)), nil
}
