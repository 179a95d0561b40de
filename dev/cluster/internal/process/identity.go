// Package process starts processes that must not outlive their starter, and
// recognises them again later.
package process

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// Identity names one process for as long as the machine is up. A process ID
// alone does not: it is given to another process some time after the first ends.
type Identity struct {
	PID   int    `json:"pid"`
	Start string `json:"start"`
}

// Identify returns the identity of a process that is alive now.
func Identify(pid int) (Identity, error) {
	start, alive := started(pid)
	if !alive {
		return Identity{}, fmt.Errorf("process %d is not alive", pid)
	}
	return Identity{pid, start}, nil
}

// Alive tells whether this very process still runs. One that has ended and was
// not waited for by its parent counts as gone.
func (i Identity) Alive() bool {
	start, alive := started(i.PID)
	return alive && start == i.Start
}

// Kill ends the process, if it is still the same one, and waits until it is gone.
func (i Identity) Kill(timeout time.Duration) error {
	for deadline := time.Now().Add(timeout); i.Alive(); time.Sleep(10 * time.Millisecond) {
		if err := syscall.Kill(i.PID, syscall.SIGKILL); err == syscall.EPERM {
			return fmt.Errorf("may not end process %d; run this as the user that started the cluster", i.PID)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d does not end; look for what it waits on with `cat /proc/%d/stack`", i.PID, i.PID)
		}
	}
	return nil
}

// started reads when a process was started, in clock ticks since the machine was.
func started(pid int) (string, bool) {
	if pid <= 0 {
		return "", false
	}
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	return parseStat(string(raw))
}

// parseStat takes the start time from a line of /proc/PID/stat. The second field,
// the program's name in brackets, may contain anything, brackets and spaces too.
func parseStat(line string) (string, bool) {
	_, rest, ok := cutLast(line, ")")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return "", false
	}
	state := fields[0]
	return fields[19], state != "Z" && state != "X"
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
