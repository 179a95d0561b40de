package ingress

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
)

// front serves shop.localhost through the proxy from the given handler.
func front(t *testing.T, handler http.HandlerFunc) (address string) {
	t.Helper()
	back := httptest.NewServer(handler)
	t.Cleanup(back.Close)
	p := newProxy(func(b backend) (string, error) {
		if b.service == "empty" {
			return "", errors.New("no pod is ready")
		}
		return back.Listener.Addr().String(), nil
	})
	p.table.Store(newTable([]*networkingv1.Ingress{
		ingress(t, "shop", one("shop.localhost", "/", "front"), 0),
		ingress(t, "empty", one("empty.localhost", "/", "empty"), 0),
	}))
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func request(t *testing.T, address, host string) *http.Response {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+address+"/a%2Fb?c=d", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

func TestTheBackendSeesWhatTheUserAsked(t *testing.T) {
	address := front(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Host, r.RequestURI, " ", r.Header.Get("X-Forwarded-Host"), " ", r.Header.Get("X-Forwarded-Proto"))
	})
	body, _ := io.ReadAll(request(t, address, "shop.localhost:8080").Body)
	if got, want := string(body), "shop.localhost:8080/a%2Fb?c=d shop.localhost:8080 http"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStatusWithoutABackend(t *testing.T) {
	address := front(t, func(http.ResponseWriter, *http.Request) {})
	for host, want := range map[string]int{"shop.localhost": 200, "unknown.localhost": 404, "empty.localhost": 503} {
		if got := request(t, address, host).StatusCode; got != want {
			t.Errorf("%s: %d, want %d", host, got, want)
		}
	}
}

func TestStreamsArriveWhileTheyLast(t *testing.T) {
	more := make(chan struct{})
	address := front(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "first")
		w.(http.Flusher).Flush()
		<-more
		fmt.Fprintln(w, "second")
	})
	lines := bufio.NewReader(request(t, address, "shop.localhost").Body)
	if line, err := lines.ReadString('\n'); err != nil || line != "first\n" {
		t.Errorf("got %q, %v", line, err)
	}
	close(more)
	if line, _ := lines.ReadString('\n'); line != "second\n" {
		t.Errorf("got %q", line)
	}
}

func TestConnectionsCanBeUpgraded(t *testing.T) {
	address := front(t, func(w http.ResponseWriter, _ *http.Request) {
		connection, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer connection.Close()
		fmt.Fprint(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		line, _ := buffered.ReadString('\n')
		fmt.Fprint(connection, strings.ToUpper(line))
	})
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprint(connection, "GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", response, err)
	}
	fmt.Fprintln(connection, "hello")
	if line, _ := reader.ReadString('\n'); line != "HELLO\n" {
		t.Errorf("got %q", line)
	}
}
