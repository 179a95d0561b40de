package ingress

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
)

// endpoints knows where the pods behind a Service are.
type endpoints struct {
	services corelisters.ServiceLister
	slices   discoverylisters.EndpointSliceLister
}

// pick returns the address of one pod that is ready to serve the backend. Pods
// are asked directly, not by the Service's address, as ingress controllers do.
func (e *endpoints) pick(b backend) (string, error) {
	service, err := e.services.Services(b.namespace).Get(b.service)
	if err != nil {
		return "", err
	}
	port, ok := servicePort(service, b)
	if !ok {
		return "", fmt.Errorf("service %s/%s has no port %s%d", b.namespace, b.service, b.portName, b.portNumber)
	}
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return net.JoinHostPort(service.Spec.ExternalName, fmt.Sprint(port.Port)), nil
	}
	found, err := e.slices.EndpointSlices(b.namespace).List(labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: b.service}))
	if err != nil {
		return "", err
	}
	addresses := ready(found, port.Name)
	if len(addresses) == 0 {
		return "", fmt.Errorf("service %s/%s has no pod that is ready", b.namespace, b.service)
	}
	return addresses[rand.IntN(len(addresses))], nil
}

func servicePort(service *corev1.Service, b backend) (corev1.ServicePort, bool) {
	i := slices.IndexFunc(service.Spec.Ports, func(p corev1.ServicePort) bool {
		if b.portName != "" {
			return p.Name == b.portName
		}
		return p.Port == b.portNumber
	})
	if i < 0 {
		return corev1.ServicePort{}, false
	}
	return service.Spec.Ports[i], true
}

// ready lists the addresses behind a named port of a Service.
func ready(found []*discoveryv1.EndpointSlice, portName string) (addresses []string) {
	for _, slice := range found {
		for _, port := range slice.Ports {
			if port.Port == nil || port.Name != nil && *port.Name != portName || port.Name == nil && portName != "" {
				continue
			}
			for _, endpoint := range slice.Endpoints {
				if endpoint.Conditions.Ready != nil && !*endpoint.Conditions.Ready {
					continue
				}
				for _, address := range endpoint.Addresses {
					addresses = append(addresses, net.JoinHostPort(address, fmt.Sprint(*port.Port)))
				}
			}
		}
	}
	return addresses
}
