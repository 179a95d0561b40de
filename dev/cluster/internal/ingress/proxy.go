package ingress

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
	"time"
)

// proxy passes requests on to the pods that the current table names.
type proxy struct {
	table   atomic.Pointer[table]
	pick    func(backend) (string, error)
	reverse *httputil.ReverseProxy
}

// target is the pod that was picked for a request.
type target struct{}

func newProxy(pick func(backend) (string, error)) *proxy {
	p := &proxy{pick: pick}
	p.table.Store(&table{})
	p.reverse = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = "http"
			r.Out.URL.Host = r.In.Context().Value(target{}).(string)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		Transport: &http.Transport{
			// A pod that a policy fences off does not refuse, it is silent.
			DialContext:        (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
			DisableCompression: true,
			// Nor does a connection that was open before the policy came: a request
			// sent on it would wait for minutes.
			DisableKeepAlives: true,
		},
		FlushInterval: -1, // what streams must arrive while it does
		ErrorHandler:  explain,
	}
	return p
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	to, ok := p.table.Load().find(host, r.URL.Path)
	if !ok {
		http.Error(w, "no Ingress for "+host+r.URL.Path, http.StatusNotFound)
		return
	}
	address, err := p.pick(to)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	p.reverse.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), target{}, address)))
}

func explain(w http.ResponseWriter, r *http.Request, err error) {
	log.Printf("%s%s: %v", r.Host, r.URL.Path, err)
	status := http.StatusBadGateway
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		status = http.StatusGatewayTimeout
	}
	http.Error(w, err.Error(), status)
}
