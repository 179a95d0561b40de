package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	numbers := strings.Repeat("0 ", 18)
	for _, c := range []struct {
		line, start string
		alive       bool
	}{
		{"12 (etcd) S " + numbers + "4711 0", "4711", true},
		{"12 (a) b (c) S " + numbers + "4711 0", "4711", true},
		{"12 (etcd) Z " + numbers + "4711 0", "4711", false},
		{"12 (etcd) S 1 2", "", false},
		{"", "", false},
	} {
		start, alive := parseStat(c.line)
		if alive != c.alive || alive && start != c.start {
			t.Errorf("parseStat(%q) = %q, %v", c.line, start, alive)
		}
	}
}

func TestIdentityOfAnotherProcess(t *testing.T) {
	self, err := Identify(os.Getpid())
	if err != nil || !self.Alive() {
		t.Fatalf("this process is not alive: %v", err)
	}
	if (Identity{self.PID, "1"}).Alive() {
		t.Error("a process with another start time is taken for the same one")
	}
	if err := (Identity{self.PID, "1"}).Kill(time.Second); err != nil {
		t.Errorf("killing a process that is gone must do nothing: %v", err)
	}
}

func TestKillTakesAnUnwaitedProcessForGone(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	id, err := Identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := id.Kill(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	if id.Alive() {
		t.Error("still alive")
	}
	_ = cmd.Wait()
}

func TestGroupReportsTheEndOfTheLog(t *testing.T) {
	dir := t.TempDir()
	g := NewGroup(dir)
	if err := g.Start("talker", exec.Command("sh", "-c", "echo the reason; exit 3")); err != nil {
		t.Fatal(err)
	}
	err := <-g.Ended()
	for _, want := range []string{"talker ended", "exit status 3", "the reason", filepath.Join(dir, "talker.log")} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
}
