package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// Group is a set of processes of which none may end: the kernel kills them all
// when the process that made the group ends, however that happens.
type Group struct {
	logs   string
	starts chan func()
	ended  chan error

	mu      sync.Mutex
	members []Identity
}

// NewGroup makes a group whose processes write their output to logs/NAME.log.
func NewGroup(logs string) *Group {
	g := &Group{logs: logs, starts: make(chan func()), ended: make(chan error, 16)}
	go func() {
		// The parent-death signal is sent when the thread that started the
		// process ends, so that must be a thread that never does.
		runtime.LockOSThread()
		for start := range g.starts {
			start()
		}
	}()
	return g
}

// Start starts the command under the given name.
func (g *Group) Start(name string, cmd *exec.Cmd) error {
	log, err := os.OpenFile(g.log(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	result := make(chan error)
	g.starts <- func() { result <- cmd.Start() }
	if err := <-result; err != nil {
		return fmt.Errorf("cannot start %s: %w", name, err)
	}
	// It may have ended already; then there is nobody to remember.
	if id, err := Identify(cmd.Process.Pid); err == nil {
		g.mu.Lock()
		g.members = append(g.members, id)
		g.mu.Unlock()
	}
	go func() {
		err := cmd.Wait()
		g.ended <- fmt.Errorf("%s ended (%s); the end of %s:\n%s", name, outcome(err), g.log(name), tail(g.log(name), 12))
	}()
	return nil
}

// Ended reports processes that ended.
func (g *Group) Ended() <-chan error { return g.ended }

// Members are the processes started so far.
func (g *Group) Members() []Identity {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Identity(nil), g.members...)
}

func (g *Group) log(name string) string { return filepath.Join(g.logs, name+".log") }

func outcome(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// tail returns the last lines of a file, as much of them as fits a screen.
func tail(path string, lines int) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
	last := all[max(0, len(all)-lines):]
	for i, line := range last {
		last[i] = "    " + line[:min(len(line), 300)]
	}
	return strings.Join(last, "\n")
}
