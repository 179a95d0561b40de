package ingress

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

func TestServicePortByNameOrNumber(t *testing.T) {
	service := &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}, {Name: "admin", Port: 9000}}}}
	for _, c := range []struct {
		backend backend
		want    string
	}{
		{backend{portName: "admin"}, "admin"},
		{backend{portNumber: 80}, "http"},
		{backend{portName: "nope"}, ""},
		{backend{portNumber: 81}, ""},
	} {
		if port, ok := servicePort(service, c.backend); port.Name != c.want || ok != (c.want != "") {
			t.Errorf("%+v: %q, %v", c.backend, port.Name, ok)
		}
	}
}

func TestOnlyReadyPodsOfTheRightPort(t *testing.T) {
	yes, no := true, false
	name, other, number := "http", "admin", int32(8080)
	slice := func(port *string, ready *bool, address string) *discoveryv1.EndpointSlice {
		return &discoveryv1.EndpointSlice{
			Ports:     []discoveryv1.EndpointPort{{Name: port, Port: &number}},
			Endpoints: []discoveryv1.Endpoint{{Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: ready}}},
		}
	}
	found := []*discoveryv1.EndpointSlice{
		slice(&name, &yes, "10.88.0.1"), slice(&name, &no, "10.88.0.2"), slice(&name, nil, "10.88.0.3"), slice(&other, &yes, "10.88.0.4"), slice(nil, &yes, "10.88.0.5"),
	}
	if got, want := ready(found, "http"), []string{"10.88.0.1:8080", "10.88.0.3:8080"}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if got := ready(found, ""); !slices.Equal(got, []string{"10.88.0.5:8080"}) {
		t.Errorf("without a name: %v", got)
	}
}
