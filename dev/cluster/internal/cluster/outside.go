package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"kulisse.dev/dev/cluster/internal/netns"
)

// Where the ingress proxy's NodePort is (manifests/ingress.yaml).
const ingressAddress = nodeAddress + ":30080"

// bringUpNode starts the node in namespaces of its own and stays outside, where
// it passes connections across the border.
func (s *supervisor) bringUpNode(ctx context.Context) error {
	if err := os.Setenv("PATH", systemPath()); err != nil {
		return err
	}
	// Taken now, or somebody else might have the ports by the time they are needed.
	api, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.record.Settings.APIPort))
	if err != nil {
		return fmt.Errorf("--api-port: %w", err)
	}
	ingress, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.record.Settings.IngressPort))
	if err != nil {
		return fmt.Errorf("--ingress-port: %w", err)
	}
	s.record.APIServer = fmt.Sprintf("https://%s", api.Addr())
	s.record.Ingress = ingress.Addr().String()
	s.record.Cgroup = s.dir.cgroup()
	if err := s.issue("https://127.0.0.1:6443", nodeAddress); err != nil {
		return err
	}
	if err := makeCgroups(s.record.Cgroup); err != nil {
		return err
	}
	if err := s.dir.save(s.record); err != nil {
		return err
	}
	line, pid, err := s.startInit()
	if err != nil {
		return err
	}
	defer line.Close()
	inside, err := netns.Of(pid)
	if err != nil {
		return err
	}
	go netns.Forward(api, func() (net.Conn, error) { return inside.Dial("127.0.0.1:6443") })
	go netns.Forward(ingress, func() (net.Conn, error) { return inside.Dial(ingressAddress) })
	return s.followNode(line, inside)
}

// startInit starts the first process inside and returns the line it reports on.
func (s *supervisor) startInit() (line *os.File, pid int, err error) {
	line, theirs, err := os.Pipe()
	if err != nil {
		return nil, 0, err
	}
	defer theirs.Close()
	cmd := exec.Command(filepath.Join(s.record.Settings.Bin, "devcluster"), "init", "--state", string(s.dir))
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	if err := s.group.Start("node", cmd); err != nil {
		return nil, 0, err
	}
	return line, cmd.Process.Pid, s.remember()
}

// followNode passes the node's progress on until it is ready.
func (s *supervisor) followNode(line io.Reader, inside *netns.Namespace) error {
	failure := errors.New("the node ended without a word; see " + filepath.Join(s.dir.logs(), "node.log"))
	err := receive(line, func(what event) bool {
		switch {
		case what.Step != "":
			s.events.step(what.Step)
		case what.Network:
			if err := s.forward(inside); err != nil {
				failure = err
				return false
			}
		case what.Failed != "":
			failure = errors.New(what.Failed)
			return false
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

// forward opens the ways in and out that the user asked for.
func (s *supervisor) forward(inside *netns.Namespace) error {
	for _, forward := range s.record.Settings.Forward {
		listen, target, err := splitForward(forward)
		if err != nil {
			return err
		}
		listener, err := net.Listen("tcp", listen)
		if err != nil {
			return fmt.Errorf("--forward: %w", err)
		}
		go netns.Forward(listener, func() (net.Conn, error) { return inside.Dial(target) })
	}
	for _, port := range s.record.Settings.Reverse {
		listener, err := inside.Listen(net.JoinHostPort(nodeAddress, port))
		if err != nil {
			return fmt.Errorf("--reverse: %w", err)
		}
		go netns.Forward(listener, func() (net.Conn, error) { return net.Dial("tcp", net.JoinHostPort("127.0.0.1", port)) })
	}
	return nil
}

// Exec replaces this process by a command inside the node's namespaces.
func Exec(dir Directory, command []string) error {
	r, err := dir.mustLoad()
	if err != nil {
		return err
	}
	if r.Settings.Mode != Node || !r.alive() {
		return fmt.Errorf("no node is running in %s", dir)
	}
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return fmt.Errorf("%w; it is in the package util-linux", err)
	}
	first := r.Processes[len(r.Processes)-1]
	args := []string{"nsenter", "-t", fmt.Sprint(first.PID), "-p", "-m", "-n", "-u", "-i", "--"}
	for name, value := range map[string]string{
		"PATH":       insideBin + ":" + systemPath(),
		"KUBECONFIG": insideState.join("pki/admin.kubeconfig"),
	} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return syscall.Exec(nsenter, append(args, command...), os.Environ())
}
