package cluster

import (
	"fmt"
	"net"
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
		if port, err := strconv.Atoi(reverse); err != nil || port < 1 || port > 65535 {
			return fmt.Errorf("--reverse %q is not a port", reverse)
		}
	}
	return nil
}

// splitForward takes LISTEN=TARGET apart, each HOST:PORT; LISTEN may be a port alone.
func splitForward(forward string) (listen, target string, err error) {
	listen, target, ok := strings.Cut(forward, "=")
	if !strings.Contains(listen, ":") {
		listen = "127.0.0.1:" + listen
	}
	_, _, listenErr := net.SplitHostPort(listen)
	host, _, targetErr := net.SplitHostPort(target)
	if !ok || listenErr != nil || targetErr != nil || net.ParseIP(host).To4() == nil {
		return "", "", fmt.Errorf("--forward %q is not [HOST:]PORT=IP:PORT", forward)
	}
	return listen, target, nil
}
