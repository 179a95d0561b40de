package netpol

import (
	"fmt"
	"net"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const table = "kulisse_policy"

// render writes the whole table as a script for nft, which applies it in one
// transaction. Each selected pod has a chain per direction: what a policy allows
// returns from it, what reaches its end is dropped.
func (s *snapshot) render() string {
	var chains strings.Builder
	var egress, ingress []string // verdict map entries: address to chain
	for i, p := range s.pods {
		if policies := s.policiesFor(p, networkingv1.PolicyTypeEgress); len(policies) > 0 {
			var rules []string
			for _, policy := range policies {
				for _, rule := range policy.Spec.Egress {
					rules = append(rules, s.rules(egressOf(p), policy.Namespace, rule.To, rule.Ports)...)
				}
			}
			egress = append(egress, chain(&chains, fmt.Sprintf("egress%d", i), p, rules))
		}
		if policies := s.policiesFor(p, networkingv1.PolicyTypeIngress); len(policies) > 0 {
			var rules []string
			for _, policy := range policies {
				for _, rule := range policy.Spec.Ingress {
					rules = append(rules, s.rules(ingressOf(p), policy.Namespace, rule.From, rule.Ports)...)
				}
			}
			ingress = append(ingress, chain(&chains, fmt.Sprintf("ingress%d", i), p, rules))
		}
	}
	return fmt.Sprintf(script, table, table, table, chains.String(), dispatch("saddr", egress), dispatch("daddr", ingress))
}

// The first two lines make the third replace whatever was there. Addresses are
// seen after a Service's have been replaced by its pods'. Answers pass, but every
// packet of the asking direction is judged again: an open connection ends when a
// new policy forbids it.
const script = `table inet %s
delete table inet %s
table inet %s {
%s	chain egress {
		ct state related accept
		ct direction reply ct state established accept
%s	}
	chain forward {
		type filter hook forward priority 10; policy accept;
		jump egress
%s	}
	chain input {
		type filter hook input priority 10; policy accept;
		jump egress
	}
}
`

func chain(out *strings.Builder, name string, p pod, rules []string) (entry string) {
	fmt.Fprintf(out, "\tchain %s { # %s/%s\n", name, p.namespace, p.name)
	for _, rule := range rules {
		fmt.Fprintf(out, "\t\t%s\n", rule)
	}
	out.WriteString("\t\tcounter drop\n\t}\n")
	return p.address + " : jump " + name
}

func dispatch(field string, entries []string) string {
	if len(entries) == 0 {
		return ""
	}
	return fmt.Sprintf("\t\tip %s vmap { %s }\n", field, strings.Join(entries, ", "))
}

// side is one pod's end of a direction: which address field its peers are in, and
// whose ports a named port is looked up in.
type side struct {
	field string
	self  *pod // the destination of ingress; nil for egress, where peers are
}

func ingressOf(p pod) side { return side{"saddr", &p} }
func egressOf(pod) side    { return side{"daddr", nil} }

// peerMatch is an expression for one peer, and the pods it stands for.
type peerMatch struct {
	expression string
	pods       []pod
}

func (s *snapshot) rules(side side, namespace string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) (rules []string) {
	for _, match := range s.matches(side, namespace, peers) {
		if len(ports) == 0 {
			rules = append(rules, allow(match.expression, ""))
		}
		for _, port := range ports {
			rules = append(rules, portRules(side, match, port)...)
		}
	}
	return rules
}

func (s *snapshot) matches(side side, namespace string, peers []networkingv1.NetworkPolicyPeer) (found []peerMatch) {
	if len(peers) == 0 {
		return []peerMatch{{"", s.pods}} // anybody, not only pods
	}
	for _, peer := range peers {
		if peer.IPBlock != nil {
			if expression, ok := blockMatch(side.field, peer.IPBlock); ok {
				found = append(found, peerMatch{expression, nil})
			}
			continue
		}
		if pods := s.peers(namespace, peer); len(pods) > 0 {
			var addresses []string
			for _, p := range pods {
				addresses = append(addresses, p.address)
			}
			expression := fmt.Sprintf("ip %s { %s }", side.field, strings.Join(addresses, ", "))
			found = append(found, peerMatch{expression, pods})
		}
	}
	return found
}

// blockMatch leaves out IPv6, which there is none of. Exceptions are separate
// conditions because nft refuses a set whose ranges overlap.
func blockMatch(field string, block *networkingv1.IPBlock) (string, bool) {
	network, ok := ipv4Network(block.CIDR)
	if !ok {
		return "", false
	}
	expression := fmt.Sprintf("ip %s %s", field, network)
	for _, except := range block.Except {
		if network, ok := ipv4Network(except); ok {
			expression += fmt.Sprintf(" ip %s != %s", field, network)
		}
	}
	return expression, true
}

func ipv4Network(cidr string) (string, bool) {
	_, network, err := net.ParseCIDR(cidr)
	if err != nil || network.IP.To4() == nil {
		return "", false
	}
	return network.String(), true
}

func portRules(side side, match peerMatch, port networkingv1.NetworkPolicyPort) (rules []string) {
	protocol := protocolOf(port.Protocol)
	l4 := strings.ToLower(string(protocol))
	switch {
	case port.Port == nil:
		return []string{allow(match.expression, "meta l4proto "+l4)}
	case port.Port.Type == intstr.Int && port.EndPort != nil:
		return []string{allow(match.expression, fmt.Sprintf("%s dport %d-%d", l4, port.Port.IntVal, *port.EndPort))}
	case port.Port.Type == intstr.Int:
		return []string{allow(match.expression, fmt.Sprintf("%s dport %d", l4, port.Port.IntVal))}
	case side.self != nil:
		return namedPort(*side.self, match.expression, port.Port.StrVal, protocol)
	}
	for _, p := range match.pods {
		rules = append(rules, namedPort(p, "ip daddr "+p.address, port.Port.StrVal, protocol)...)
	}
	return rules
}

func namedPort(p pod, expression, name string, protocol corev1.Protocol) []string {
	number, ok := p.port(name, protocol)
	if !ok {
		return nil
	}
	return []string{allow(expression, fmt.Sprintf("%s dport %d", strings.ToLower(string(protocol)), number))}
}

func allow(conditions ...string) string {
	var parts []string
	for _, condition := range conditions {
		if condition != "" {
			parts = append(parts, condition)
		}
	}
	return strings.Join(append(parts, "return"), " ")
}
