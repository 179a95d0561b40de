// Package netpol enforces networking.k8s.io/v1 NetworkPolicy on one node with one
// nftables table. Pods have IPv4 addresses only and every packet between two of
// them is routed by the node.
package netpol

import (
	"net"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// snapshot is what the rules of one moment depend on. Its lists are sorted, so
// that equal snapshots give equal rules.
type snapshot struct {
	pods       []pod
	namespaces map[string]labels.Set
	policies   []*networkingv1.NetworkPolicy
}

// pod is a pod that has an address of its own.
type pod struct {
	namespace, name, address string
	labels                   labels.Set
	ports                    []corev1.ContainerPort
}

// newPod returns false for pods that no rule can speak of. The address may be
// known earlier than the pod's status tells.
func newPod(p *corev1.Pod, address string) (pod, bool) {
	ended := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	if p.Spec.HostNetwork || ended || net.ParseIP(address).To4() == nil {
		return pod{}, false
	}
	r := pod{namespace: p.Namespace, name: p.Name, address: address, labels: p.Labels}
	for _, c := range p.Spec.InitContainers {
		// Those that stay are sidecars, which may well listen.
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			r.ports = append(r.ports, c.Ports...)
		}
	}
	for _, c := range p.Spec.Containers {
		r.ports = append(r.ports, c.Ports...)
	}
	return r, true
}

// port returns the number of a named port.
func (p pod) port(name string, protocol corev1.Protocol) (int32, bool) {
	for _, port := range p.ports {
		if port.Name == name && protocolOf(&port.Protocol) == protocol {
			return port.ContainerPort, true
		}
	}
	return 0, false
}

func protocolOf(p *corev1.Protocol) corev1.Protocol {
	if p == nil || *p == "" {
		return corev1.ProtocolTCP
	}
	return *p
}

func (s *snapshot) sort() {
	slices.SortFunc(s.pods, func(a, b pod) int { return strings.Compare(a.address, b.address) })
	slices.SortFunc(s.policies, func(a, b *networkingv1.NetworkPolicy) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
}

// policiesFor returns the policies that select a pod for a direction.
func (s *snapshot) policiesFor(p pod, direction networkingv1.PolicyType) (found []*networkingv1.NetworkPolicy) {
	for _, policy := range s.policies {
		if policy.Namespace == p.namespace && concerns(policy, direction) && matches(&policy.Spec.PodSelector, p.labels) {
			found = append(found, policy)
		}
	}
	return found
}

// concerns applies the API's defaults: ingress always, egress where there are
// rules for it.
func concerns(policy *networkingv1.NetworkPolicy, direction networkingv1.PolicyType) bool {
	if len(policy.Spec.PolicyTypes) > 0 {
		return slices.Contains(policy.Spec.PolicyTypes, direction)
	}
	return direction == networkingv1.PolicyTypeIngress || len(policy.Spec.Egress) > 0
}

// peers returns the pods that a peer of a policy in the given namespace means.
func (s *snapshot) peers(namespace string, peer networkingv1.NetworkPolicyPeer) (found []pod) {
	for _, p := range s.pods {
		if peer.NamespaceSelector == nil && p.namespace != namespace {
			continue
		}
		if peer.NamespaceSelector != nil && !matches(peer.NamespaceSelector, s.namespaces[p.namespace]) {
			continue
		}
		if peer.PodSelector == nil || matches(peer.PodSelector, p.labels) {
			found = append(found, p)
		}
	}
	return found
}

func matches(selector *metav1.LabelSelector, set labels.Set) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(set)
}
