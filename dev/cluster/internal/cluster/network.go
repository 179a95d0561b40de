package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// The node's network has no way out: no link to the machine and no default route.
// A pair of links with both ends inside carries the node's address and the route
// to the Services, which only has to exist for packets to be rewritten.
const links = `link set lo up
link add node0 type veth peer name node1
address add ` + nodeAddress + `/24 dev node0
link set node1 up
link set node0 up
route add ` + serviceRange + ` dev node0
`

// These are the namespace's own. They come before the links, which take over the
// defaults when they are made.
var sysctls = []struct{ name, value string }{
	{"ipv4/ip_forward", "1"},
	// A pod cannot borrow another pod's address.
	{"ipv4/conf/all/rp_filter", "1"},
	{"ipv4/conf/default/rp_filter", "1"},
	// Policies are enforced for IPv4, so there must be nothing to slip through.
	{"ipv6/conf/all/disable_ipv6", "1"},
	{"ipv6/conf/default/disable_ipv6", "1"},
}

func setUpNetwork() error {
	for _, s := range sysctls {
		err := os.WriteFile("/proc/sys/net/"+s.name, []byte(s.value), 0o644)
		if os.IsNotExist(err) && strings.HasPrefix(s.name, "ipv6/") {
			continue // a kernel without IPv6 has none to turn off
		}
		if err != nil {
			return err
		}
	}
	ip := exec.Command("ip", "-batch", "-")
	ip.Stdin = strings.NewReader(links)
	if out, err := ip.CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, out)
	}
	return nil
}
