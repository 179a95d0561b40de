package cluster

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// nodeAddress is the node's address, and every pod's way to the machine.
const nodeAddress = "10.77.0.1"

// Check refuses settings that cannot be met.
func (s Settings) Check() error {
	switch s.Mode {
	case ControlPlane:
		if len(s.Forward)+len(s.Reverse) > 0 || s.IngressPort != 0 {
			return fmt.Errorf("--forward, --reverse and --ingress-port are for --mode node; a control plane has no pods to reach")
		}
	case Node:
		if os.Geteuid() != 0 {
			return fmt.Errorf("--mode node must be run as root (it makes namespaces, mounts and network links); --mode control-plane needs no rights")
		}
	default:
		return fmt.Errorf("--mode %q is not known; it is %q or %q", s.Mode, Node, ControlPlane)
	}
	for _, forward := range s.Forward {
		if _, _, err := splitForward(forward); err != nil {
			return err
		}
	}
	for _, reverse := range s.Reverse {
		if err := checkPort(reverse); err != nil {
			return fmt.Errorf("--reverse: %w", err)
		}
	}
	return nil
}

func checkPort(port string) error {
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("%q is not a port", port)
	}
	return nil
}

// splitForward takes LISTEN=TARGET apart, each HOST:PORT; LISTEN may be a port alone.
func splitForward(forward string) (listen, target string, err error) {
	listen, target, ok := strings.Cut(forward, "=")
	if !strings.Contains(listen, ":") {
		listen = "127.0.0.1:" + listen
	}
	_, port, listenErr := net.SplitHostPort(listen)
	address, targetErr := netip.ParseAddrPort(target)
	if !ok || listenErr != nil || checkPort(port) != nil || targetErr != nil || !address.Addr().Is4() {
		return "", "", fmt.Errorf("--forward %q is not [HOST:]PORT=IP:PORT", forward)
	}
	return listen, target, nil
}
