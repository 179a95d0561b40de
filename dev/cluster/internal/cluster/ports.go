package cluster

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
)

// A block of ports: the first is held by whoever uses the others.
const block = 8

// freePorts finds ports that nobody listens on at the moment, below those that the
// kernel gives to outgoing connections: one of these could be taken before a
// component listens on it, or while it is started again. As long as what is
// returned is open, no other cluster takes any of them, also before something
// listens there.
func freePorts(n int) ([]int, io.Closer, error) {
	var refused error
	for range 100 {
		first := 10000 + block*rand.IntN(20000/block)
		held, err := listen(first)
		if err != nil {
			refused = err
			continue
		}
		found, err := free(first+1, n)
		if err == nil {
			return found, held, nil
		}
		refused = err
		held.Close()
	}
	return nil, nil, fmt.Errorf("no free ports: %w", refused)
}

func free(first, n int) (found []int, err error) {
	for port := first; port < first+n; port++ {
		listener, err := listen(port)
		if err != nil {
			return nil, err
		}
		listener.Close()
		found = append(found, port)
	}
	return found, nil
}

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}
