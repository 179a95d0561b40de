package cluster

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"kulisse.dev/dev/cluster/internal/pki"
	"kulisse.dev/dev/cluster/internal/process"
)

// supervisor is the process that a whole cluster hangs on: when it ends, the
// kernel ends everything it started.
type supervisor struct {
	dir    Directory
	record *record
	group  *process.Group
	events *events
	ports  io.Closer // held for as long as the cluster is there
}

// Supervise brings up the cluster that the state directory's record asks for and
// returns when the cluster has ended.
func Supervise(dir Directory) error {
	withoutProxies()
	r, err := dir.mustLoad()
	if err != nil {
		return err
	}
	starter := lineToStarter()
	s := &supervisor{dir: dir, record: r, group: process.NewGroup(dir.logs()), events: newEvents(starter)}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	up := make(chan error, 1)
	go func() { up <- s.bringUp(ctx) }()
	err = s.watch(ctx, starterLeft(starter), up)
	if err != nil {
		s.events.fail(err)
	}
	return err
}

// starterLeft is closed when the other end of the line is.
func starterLeft(starter *os.File) <-chan struct{} {
	left := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, starter)
		close(left)
	}()
	return left
}

func (s *supervisor) watch(ctx context.Context, starterLeft <-chan struct{}, up <-chan error) error {
	for {
		select {
		case err := <-s.group.Ended():
			return err
		case err := <-up:
			if err != nil {
				return err
			}
			s.record.Ready = true
			if err := s.dir.save(s.record); err != nil {
				return err
			}
			s.events.send(event{Ready: true})
		case <-starterLeft:
			if !s.record.Ready {
				return fmt.Errorf("given up: the command that started this cluster is gone")
			}
			starterLeft = nil
		case <-ctx.Done():
			return fmt.Errorf("told to end")
		}
	}
}

func (s *supervisor) bringUp(ctx context.Context) error {
	if s.record.Settings.Mode == Node {
		return s.bringUpNode(ctx)
	}
	return s.bringUpControlPlane(ctx)
}

// bringUpControlPlane runs the control plane alone, on loopback addresses and
// ports of the machine, as whatever user this is.
func (s *supervisor) bringUpControlPlane(ctx context.Context) error {
	free, held, err := freePorts(5)
	if err != nil {
		return err
	}
	s.ports = held
	plane := &controlPlane{
		bin:       s.record.Settings.Bin,
		dir:       s.dir,
		ports:     ports{free[0], free[1], free[2], free[3], free[4]},
		bind:      "127.0.0.1",
		advertise: "127.0.0.1",
	}
	if wanted := s.record.Settings.APIPort; wanted != 0 {
		plane.ports.api = wanted
	}
	s.record.APIServer = fmt.Sprintf("https://127.0.0.1:%d", plane.ports.api)
	if err := s.issue(s.record.APIServer); err != nil {
		return err
	}
	if err := plane.start(ctx, s.group, s.events.step); err != nil {
		return err
	}
	api, err := newAPI(s.dir.pki(), s.record.APIServer)
	if err != nil {
		return err
	}
	if err := waitForAccounts(ctx, api); err != nil {
		return err
	}
	return s.remember()
}

// issue makes the cluster's certificates and the kubeconfig for its user.
func (s *supervisor) issue(inside string, hosts ...string) error {
	authority, err := pki.New(s.dir.pki())
	if err != nil {
		return err
	}
	if err := authority.IssueAll(inside, hosts...); err != nil {
		return err
	}
	return pki.WriteKubeconfig(s.dir.pki(), "admin", s.record.APIServer, s.dir.kubeconfig())
}

// remember records the processes that `down` has to see gone.
func (s *supervisor) remember() error {
	self, err := process.Identify(os.Getpid())
	if err != nil {
		return err
	}
	s.record.Processes = append([]process.Identity{self}, s.group.Members()...)
	return s.dir.save(s.record)
}

// withoutProxies keeps the components from calling one another by way of a proxy
// that the user's shell has set.
func withoutProxies() {
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasSuffix(strings.ToLower(name), "_proxy") {
			os.Unsetenv(name)
		}
	}
}
