// Package ingress is a small Ingress controller and the reverse proxy behind it.
package ingress

import (
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// Class is the IngressClass whose Ingresses are served.
const Class = "dev"

// backend is where a request goes: a port of a Service, by number or by name.
type backend struct {
	namespace, service, portName string
	portNumber                   int32
}

// route is one path of one host.
type route struct {
	path    string
	exact   bool
	backend backend
}

// table finds the backend for a request.
type table struct {
	hosts map[string][]route // exact names, "*.suffix" and "" for any
}

// newTable builds the table. A host belongs to the namespace of the oldest
// Ingress that names it: another namespace cannot take requests away from it by
// adding a path. Within the namespace, the oldest wins a path that several name.
func newTable(ingresses []*networkingv1.Ingress) *table {
	ours := slices.DeleteFunc(slices.Clone(ingresses), func(i *networkingv1.Ingress) bool {
		return i.Spec.IngressClassName == nil || *i.Spec.IngressClassName != Class
	})
	slices.SortFunc(ours, func(a, b *networkingv1.Ingress) int {
		if c := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); c != 0 {
			return c
		}
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	t := &table{map[string][]route{}}
	owners := map[string]string{}
	add := func(i *networkingv1.Ingress, host string, r route) {
		if owner, taken := owners[host]; taken && owner != i.Namespace {
			return
		}
		owners[host] = i.Namespace
		t.hosts[host] = append(t.hosts[host], r)
	}
	for _, i := range ours {
		for _, rule := range i.Spec.Rules {
			if rule.HTTP == nil {
				continue
			}
			for _, path := range rule.HTTP.Paths {
				if to, ok := newBackend(i.Namespace, &path.Backend); ok {
					add(i, strings.ToLower(rule.Host), newRoute(path, to))
				}
			}
		}
		if to, ok := newBackend(i.Namespace, i.Spec.DefaultBackend); ok {
			add(i, "", route{"/", false, to})
		}
	}
	for _, routes := range t.hosts {
		// Stable, so that the older of two equal ones stays first.
		slices.SortStableFunc(routes, func(a, b route) int {
			if a.exact != b.exact && a.path == b.path {
				return map[bool]int{true: -1, false: 1}[a.exact]
			}
			return len(b.path) - len(a.path)
		})
	}
	return t
}

func newRoute(path networkingv1.HTTPIngressPath, to backend) route {
	exact := path.PathType != nil && *path.PathType == networkingv1.PathTypeExact
	p := path.Path
	if p == "" {
		p = "/"
	}
	if !exact && p != "/" {
		p = strings.TrimRight(p, "/") // a prefix means the same with and without
	}
	return route{p, exact, to}
}

func newBackend(namespace string, b *networkingv1.IngressBackend) (backend, bool) {
	if b == nil || b.Service == nil {
		return backend{}, false
	}
	return backend{namespace, b.Service.Name, b.Service.Port.Name, b.Service.Port.Number}, true
}

// find returns the backend for a host, without port, and a path. A host's own
// name goes before a wildcard, and that before any.
func (t *table) find(host, path string) (backend, bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	candidates := []string{host}
	if _, suffix, ok := strings.Cut(host, "."); ok {
		candidates = append(candidates, "*."+suffix) // one label, no more
	}
	for _, candidate := range append(candidates, "") {
		for _, r := range t.hosts[candidate] {
			if r.matches(path) {
				return r.backend, true
			}
		}
	}
	return backend{}, false
}

// matches compares whole elements of the path: /api is no prefix of /apiary.
func (r route) matches(path string) bool {
	if r.exact {
		return path == r.path
	}
	return r.path == "/" || path == r.path || strings.HasPrefix(path, r.path+"/")
}
