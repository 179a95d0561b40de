package netns

import (
	"io"
	"log"
	"net"
)

// Forward passes every connection that the listener accepts on to a connection
// that dial makes, until the listener is closed.
func Forward(listener net.Listener, dial func() (net.Conn, error)) {
	for {
		from, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer from.Close()
			to, err := dial()
			if err != nil {
				log.Printf("forwarding from %s: %v", listener.Addr(), err)
				return
			}
			defer to.Close()
			join(from, to)
		}()
	}
}

// join copies both ways until both are done. One side may say that it has nothing
// more to send and still listen.
func join(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		pipe(a, b)
		close(done)
	}()
	pipe(b, a)
	<-done
}

func pipe(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		_ = half.CloseWrite()
		return
	}
	to.Close()
	from.Close()
}
