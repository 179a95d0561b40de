// Package netns makes connections across the border of a network namespace.
package netns

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Namespace is the network namespace of another process. A socket belongs to the
// namespace of the thread that makes it, whoever uses it later.
type Namespace struct{ fd int }

// Of opens the namespace of a process. It stays usable for as long as anybody
// has it open.
func Of(pid int) (*Namespace, error) {
	path := fmt.Sprintf("/proc/%d/ns/net", pid)
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return &Namespace{fd}, nil
}

// Listen listens on a TCP address inside.
func (n *Namespace) Listen(address string) (net.Listener, error) {
	return inside(n, func() (net.Listener, error) { return net.Listen("tcp4", address) })
}

// Dial connects to a TCP address inside. It does not use net.Dial, which may make
// the socket on another thread.
func (n *Namespace) Dial(address string) (net.Conn, error) {
	target, err := netip.ParseAddrPort(address)
	if err != nil || !target.Addr().Is4() {
		return nil, fmt.Errorf("%q is not an IPv4 address and a port", address)
	}
	return inside(n, func() (net.Conn, error) {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		file := os.NewFile(uintptr(fd), address)
		defer file.Close()
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(target.Port()), Addr: target.Addr().As4()}); err != nil {
			return nil, err
		}
		return net.FileConn(file)
	})
}

// inside runs a function on a thread that is in the namespace.
func inside[T any](n *Namespace, do func() (T, error)) (result T, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Never unlocked: the thread ends with the goroutine, so that no other
		// ever runs in the wrong namespace.
		runtime.LockOSThread()
		if err = unix.Setns(n.fd, unix.CLONE_NEWNET); err == nil {
			result, err = do()
		}
	}()
	<-done
	return result, err
}
