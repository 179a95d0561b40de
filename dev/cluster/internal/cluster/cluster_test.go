package cluster

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kulisse.dev/dev/cluster/internal/process"
)

func open(t *testing.T, path string) Directory {
	t.Helper()
	dir, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestOpenKnowsADirectoryByOneName(t *testing.T) {
	parent := t.TempDir()
	real, link := filepath.Join(parent, "real"), filepath.Join(parent, "link")
	if err := errors.Join(os.Mkdir(real, 0o755), os.Symlink(real, link)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "sub"} { // one is there, the other is not
		if a, b := open(t, filepath.Join(real, name)), open(t, filepath.Join(link, name)); a != b || a.cgroup() != b.cgroup() {
			t.Errorf("%s and %s", a, b)
		}
	}
	if _, err := Open(""); err == nil {
		t.Error("no directory was taken for one")
	}
}

func TestDownSparesWhatIsNotAClusters(t *testing.T) {
	dir := open(t, t.TempDir())
	precious := dir.join("precious")
	if err := os.WriteFile(precious, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Down(dir); err == nil || !strings.Contains(err.Error(), "directory of its own") {
		t.Errorf("got %v", err)
	}
	if _, err := Up(dir, Settings{Mode: ControlPlane}, os.Stderr); err == nil {
		t.Error("a cluster was started in it")
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

func TestDownEndsEveryProcessAndRemovesTheDirectory(t *testing.T) {
	dir := open(t, filepath.Join(t.TempDir(), "state"))
	sleeper := exec.Command("sleep", "60")
	if err := errors.Join(os.MkdirAll(dir.logs(), 0o755), sleeper.Start()); err != nil {
		t.Fatal(err)
	}
	id, err := process.Identify(sleeper.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	gone := process.Identity{PID: os.Getpid(), Start: "1"} // this process' ID, given to another before
	if err := dir.save(&record{Ready: true, Processes: []process.Identity{gone, id}}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to do
		if err := Down(dir); err != nil {
			t.Fatal(err)
		}
	}
	if id.Alive() {
		t.Error("the process lives")
	}
	if _, err := os.Stat(string(dir)); !os.IsNotExist(err) {
		t.Errorf("the directory is there: %v", err)
	}
}

func TestStatusOfNothing(t *testing.T) {
	dir := open(t, filepath.Join(t.TempDir(), "state"))
	details, err := Status(dir)
	if err != nil || details.Running || details.StateDir != string(dir) {
		t.Errorf("%+v, %v", details, err)
	}
	if _, err := os.Stat(string(dir)); !os.IsNotExist(err) {
		t.Error("asking made the directory")
	}
}

func TestAHalfUpClusterDoesNotRun(t *testing.T) {
	dir := open(t, t.TempDir())
	self, err := process.Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	dead := process.Identity{PID: self.PID, Start: "1"}
	for name, r := range map[string]record{
		"not ready yet":          {Processes: []process.Identity{self}},
		"without processes":      {Ready: true},
		"with one that is gone":  {Ready: true, Processes: []process.Identity{self, dead}},
		"without an API to call": {Ready: true, Processes: []process.Identity{self}, APIServer: "https://127.0.0.1:1"},
	} {
		if dir.running(&r) {
			t.Errorf("%s: it runs", name)
		}
	}
}

func TestServes(t *testing.T) {
	r := record{Settings: Settings{Mode: Node, NetworkPolicy: true, APIPort: 6443, Bin: "/a", Reverse: []string{"9443"}}}
	same := r.Settings
	for name, c := range map[string]struct {
		change func(*Settings)
		want   bool
	}{
		"the same":         {func(*Settings) {}, true},
		"any port":         {func(s *Settings) { s.APIPort = 0 }, true},
		"another port":     {func(s *Settings) { s.APIPort = 1 }, false},
		"a given port":     {func(s *Settings) { s.IngressPort = 8080 }, false},
		"another mode":     {func(s *Settings) { s.Mode = ControlPlane }, false},
		"without policies": {func(s *Settings) { s.NetworkPolicy = false }, false},
		"newer programs":   {func(s *Settings) { s.Bin = "/b" }, false},
		"other ways in":    {func(s *Settings) { s.Reverse = nil }, false},
	} {
		wanted := same
		c.change(&wanted)
		if got := r.serves(wanted); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSplitForward(t *testing.T) {
	for forward, want := range map[string][2]string{
		"8080=10.96.0.10:53":           {"127.0.0.1:8080", "10.96.0.10:53"},
		"127.0.0.1:8080=10.77.0.1:443": {"127.0.0.1:8080", "10.77.0.1:443"},
		"8080":                         {},
		"8080=web:80":                  {},
		"8080=10.77.0.1":               {},
		"=10.77.0.1:80":                {},
	} {
		listen, target, err := splitForward(forward)
		if [2]string{listen, target} != want || (err == nil) != (want[1] != "") {
			t.Errorf("%q: %q, %q, %v", forward, listen, target, err)
		}
	}
}

func TestOnlyOneAtATime(t *testing.T) {
	dir := open(t, filepath.Join(t.TempDir(), "state"))
	unlock, err := dir.lock()
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan func())
	go func() {
		unlock, err := dir.lock()
		if err != nil {
			t.Error(err)
		}
		second <- unlock
	}()
	select {
	case <-second:
		t.Fatal("two hold the lock")
	case <-time.After(100 * time.Millisecond):
	}
	// The first removes the directory; the second must not hold on to what is gone.
	if err := os.RemoveAll(string(dir)); err != nil {
		t.Fatal(err)
	}
	unlock()
	(<-second)()
	if _, err := os.Stat(string(dir)); err != nil {
		t.Errorf("the second locked a directory that is not there: %v", err)
	}
}

func TestNoTwoClustersGetTheSamePort(t *testing.T) {
	// As many as a test starts, many times over: by lot alone, some would collide.
	taken := map[int]bool{}
	for range 200 {
		ports, held, err := freePorts(5)
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		for _, port := range ports {
			if taken[port] {
				t.Fatalf("port %d was given twice", port)
			}
			taken[port] = true
		}
	}
}

func TestFollowTellsWhatWentWrong(t *testing.T) {
	for lines, want := range map[string]string{
		`{"step":"API server ready"}` + "\n" + `{"ready":true}`:       "",
		`{"step":"API server ready"}` + "\n" + `{"failed":"no disk"}`: "no disk",
		`{"step":"API server ready"}` + "\n":                          "without a word",
	} {
		var steps []string
		err := follow(strings.NewReader(lines), func(step string) { steps = append(steps, step) })
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", lines, err)
		}
		if !slices.Equal(steps, []string{"API server ready"}) {
			t.Errorf("steps %v", steps)
		}
	}
}

func TestNetworkPluginsWithoutPolicy(t *testing.T) {
	content, err := config.ReadFile("config/cni.json")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), "policy-gate") {
		t.Error("the gate is not in the chain")
	}
	without, err := withoutPlugin(content, "policy-gate")
	if err != nil || strings.Contains(string(without), "policy-gate") || !strings.Contains(string(without), "portmap") {
		t.Errorf("%s, %v", without, err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for _, s := range []Settings{
		{Mode: "docker"},
		{Mode: ControlPlane, Reverse: []string{"80"}},
		{Mode: ControlPlane, Forward: []string{"80=10.77.0.1:80"}},
		{Mode: ControlPlane, IngressPort: 80},
	} {
		if s.Check() == nil {
			t.Errorf("taken: %+v", s)
		}
	}
	if err := (Settings{Mode: ControlPlane, APIPort: 6443}).Check(); err != nil {
		t.Error(err)
	}
}
