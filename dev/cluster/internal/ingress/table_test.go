package ingress

import (
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

var epoch = time.Unix(1_700_000_000, 0)

// ingress makes an Ingress of our class from its rules; age says how long before
// the others it was made.
func ingress(t *testing.T, name, spec string, age time.Duration) *networkingv1.Ingress {
	t.Helper()
	i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: name, CreationTimestamp: metav1.NewTime(epoch.Add(-age))}}
	class := Class
	i.Spec.IngressClassName = &class
	if err := yaml.UnmarshalStrict([]byte(spec), &i.Spec); err != nil {
		t.Fatal(err)
	}
	return i
}

const shop = `
rules:
- host: shop.localhost
  http:
    paths:
    - {path: /, pathType: Prefix, backend: {service: {name: front, port: {number: 80}}}}
    - {path: /api/, pathType: Prefix, backend: {service: {name: api, port: {name: http}}}}
    - {path: /api/v2, pathType: Prefix, backend: {service: {name: api2, port: {number: 80}}}}
    - {path: /api, pathType: Exact, backend: {service: {name: exact, port: {number: 80}}}}
- host: "*.preview.localhost"
  http: {paths: [{path: /, pathType: ImplementationSpecific, backend: {service: {name: wild, port: {number: 80}}}}]}
- host: only.preview.localhost
  http: {paths: [{path: /x, pathType: Exact, backend: {service: {name: only, port: {number: 80}}}}]}
`

func TestFind(t *testing.T) {
	table := newTable([]*networkingv1.Ingress{ingress(t, "shop", shop, 0)})
	for request, want := range map[[2]string]string{
		{"shop.localhost", "/"}:                "front",
		{"SHOP.localhost", "/anything"}:        "front",
		{"shop.localhost.", "/"}:               "front",
		{"shop.localhost", "/api"}:             "exact",
		{"shop.localhost", "/api/"}:            "api",
		{"shop.localhost", "/api/v1"}:          "api",
		{"shop.localhost", "/api/v2/users"}:    "api2",
		{"shop.localhost", "/api/v22"}:         "api",
		{"shop.localhost", "/apiary"}:          "front",
		{"other.localhost", "/"}:               "",
		{"pr-1.preview.localhost", "/"}:        "wild",
		{"a.pr-1.preview.localhost", "/"}:      "",
		{"preview.localhost", "/"}:             "",
		{"only.preview.localhost", "/x"}:       "only",
		{"only.preview.localhost", "/x/below"}: "wild",
		{"", "/"}:                              "",
	} {
		got, ok := table.find(request[0], request[1])
		if got.service != want || ok != (want != "") {
			t.Errorf("%s%s: got %q, want %q", request[0], request[1], got.service, want)
		}
	}
	if b, _ := table.find("shop.localhost", "/api/v1"); b.portName != "http" || b.namespace != "shop" {
		t.Errorf("backend %+v", b)
	}
}

func one(host, path, service string) string {
	return `{rules: [{host: ` + host + `, http: {paths: [{path: ` + path +
		`, pathType: Prefix, backend: {service: {name: ` + service + `, port: {number: 80}}}}]}}]}`
}

func TestTheOldestOwnsItsHost(t *testing.T) {
	old := ingress(t, "prod", one("shop.localhost", "/", "old"), time.Hour)
	thief := ingress(t, "stage", one("shop.localhost", "/login", "thief"), 0)
	table := newTable([]*networkingv1.Ingress{thief, old})
	if got, _ := table.find("shop.localhost", "/login"); got.service != "old" {
		t.Errorf("another namespace took a path: %+v", got)
	}

	second := ingress(t, "prod", one("shop.localhost", "/", "second"), time.Minute)
	deeper := ingress(t, "prod", one("shop.localhost", "/api", "deeper"), 0)
	table = newTable([]*networkingv1.Ingress{deeper, second, old})
	if got, _ := table.find("shop.localhost", "/"); got.service != "old" {
		t.Errorf("the same path went to %q", got.service)
	}
	if got, _ := table.find("shop.localhost", "/api/x"); got.service != "deeper" {
		t.Errorf("a path of its own went to %q", got.service)
	}
}

func TestOtherClassesAreNotServed(t *testing.T) {
	none := ingress(t, "a", one("a.localhost", "/", "a"), 0)
	none.Spec.IngressClassName = nil
	other := ingress(t, "b", one("b.localhost", "/", "b")+"\n", 0)
	*other.Spec.IngressClassName = "nginx"
	table := newTable([]*networkingv1.Ingress{none, other})
	if len(table.hosts) != 0 {
		t.Errorf("served: %v", table.hosts)
	}
	if needsStatus(none) || needsStatus(other) {
		t.Error("their status is not ours to set")
	}
}

func TestDefaultBackendIsTheLastResort(t *testing.T) {
	def := ingress(t, "def", `{defaultBackend: {service: {name: rest, port: {number: 80}}}}`, time.Hour)
	table := newTable([]*networkingv1.Ingress{def, ingress(t, "shop", one("shop.localhost", "/", "front"), 0)})
	if got, _ := table.find("shop.localhost", "/"); got.service != "front" {
		t.Errorf("got %q", got.service)
	}
	if got, _ := table.find("unknown.localhost", "/"); got.service != "rest" {
		t.Errorf("got %q", got.service)
	}
}
