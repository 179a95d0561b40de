package netns

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// The answer comes after the question has ended: half-closing must get through.
func TestForwardPassesHalfClosing(t *testing.T) {
	target, front := listen(t), listen(t)
	go func() {
		c, err := target.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		question, _ := io.ReadAll(c)
		_, _ = c.Write(append([]byte("re: "), question...))
	}()
	go Forward(front, func() (net.Conn, error) { return net.Dial("tcp", target.Addr().String()) })

	c, err := net.Dial("tcp", front.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write([]byte("hello"))
	_ = c.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(c)
	if err != nil || string(answer) != "re: hello" {
		t.Errorf("got %q, %v", answer, err)
	}
}

func TestForwardClosesWhereNobodyListens(t *testing.T) {
	front := listen(t)
	go Forward(front, func() (net.Conn, error) { return nil, errors.New("refused") })
	c, err := net.Dial("tcp", front.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if answer, _ := io.ReadAll(c); len(answer) > 0 {
		t.Errorf("got %q", answer)
	}
}

// A process may always enter the namespace it is in already, given the right.
func TestDialInside(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to enter a namespace")
	}
	here, err := Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	target := listen(t)
	c, err := here.Dial(target.Addr().String())
	if err != nil {
		t.Skip(err)
	}
	c.Close()
	if _, err := here.Dial("localhost:80"); err == nil {
		t.Error("a name was taken for an address")
	}
}
