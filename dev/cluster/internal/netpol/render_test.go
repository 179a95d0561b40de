package netpol

import (
	"os/exec"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

func example(policies ...*networkingv1.NetworkPolicy) *snapshot {
	port := func(name string, number int32, protocol corev1.Protocol) []corev1.ContainerPort {
		return []corev1.ContainerPort{{Name: name, ContainerPort: number, Protocol: protocol}}
	}
	s := &snapshot{
		namespaces: map[string]labels.Set{"prod": {"tier": "prod"}, "stage": {"tier": "stage"}, "kube-system": {"kubernetes.io/metadata.name": "kube-system"}},
		policies:   policies,
		pods: []pod{
			{"stage", "web", "10.88.0.4", labels.Set{"app": "web"}, port("http", 8080, "")},
			{"prod", "db", "10.88.0.3", labels.Set{"app": "db"}, port("sql", 5432, corev1.ProtocolTCP)},
			{"kube-system", "coredns", "10.88.0.2", labels.Set{"k8s-app": "kube-dns"}, port("dns", 53, corev1.ProtocolUDP)},
			{"stage", "api", "10.88.0.5", labels.Set{"app": "api"}, nil},
		},
	}
	s.sort()
	return s
}

func policy(t *testing.T, spec string) *networkingv1.NetworkPolicy {
	t.Helper()
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "stage", Name: "p"}}
	if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
		t.Fatal(err)
	}
	return p
}

// rulesOf returns what is in the chain of one pod, without the drop at its end,
// and whether there is a chain.
func rulesOf(t *testing.T, script, direction, pod string) (rules []string, found bool) {
	t.Helper()
	for _, part := range strings.Split(script, "\tchain ")[1:] {
		head, body, _ := strings.Cut(part, "\n")
		if !strings.HasPrefix(head, direction) || !strings.HasSuffix(head, "# "+pod) {
			continue
		}
		body, _, closed := strings.Cut(body, "\t\tcounter drop\n\t}\n")
		if !closed {
			t.Fatalf("the chain of %s does not end with a drop:\n%s", pod, part)
		}
		for _, rule := range strings.Split(strings.TrimSpace(body), "\n") {
			if rule = strings.TrimSpace(rule); rule != "" {
				rules = append(rules, rule)
			}
		}
		return rules, true
	}
	return nil, false
}

func TestRules(t *testing.T) {
	for name, c := range map[string]struct {
		spec, direction, pod string
		want                 string // joined with "; "
	}{
		"deny all":            {`{podSelector: {}, policyTypes: [Ingress, Egress]}`, "egress", "stage/web", ""},
		"allow everything":    {`{podSelector: {}, egress: [{}]}`, "egress", "stage/web", "return"},
		"own namespace":       {`{podSelector: {}, egress: [{to: [{podSelector: {}}]}]}`, "egress", "stage/web", "ip daddr { 10.88.0.4, 10.88.0.5 } return"},
		"namespace and pod":   {`{podSelector: {}, egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{port: 53, protocol: UDP}]}]}`, "egress", "stage/web", "ip daddr { 10.88.0.2 } udp dport 53 return"},
		"nobody is selected":  {`{podSelector: {}, egress: [{to: [{podSelector: {matchLabels: {app: none}}}]}]}`, "egress", "stage/web", ""},
		"block and exception": {`{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 10.1.2.3/8, except: [10.88.0.0/16, 10.88.1.0/24]}}]}]}`, "egress", "stage/web", "ip daddr 10.0.0.0/8 ip daddr != 10.88.0.0/16 ip daddr != 10.88.1.0/24 return"},
		"IPv6 is left out":    {`{podSelector: {}, egress: [{to: [{ipBlock: {cidr: "::/0"}}]}]}`, "egress", "stage/web", ""},
		"named egress port":   {`{podSelector: {}, egress: [{to: [{namespaceSelector: {}}], ports: [{port: sql}]}]}`, "egress", "stage/web", "ip daddr 10.88.0.3 tcp dport 5432 return"},
		"named ingress port":  {`{podSelector: {}, ingress: [{ports: [{port: http}]}]}`, "ingress", "stage/web", "tcp dport 8080 return"},
		"unknown port name":   {`{podSelector: {}, ingress: [{ports: [{port: http}]}]}`, "ingress", "stage/api", ""},
		"range of ports":      {`{podSelector: {}, ingress: [{ports: [{port: 8000, endPort: 8010}]}]}`, "ingress", "stage/web", "tcp dport 8000-8010 return"},
		"protocol alone":      {`{podSelector: {}, ingress: [{ports: [{protocol: SCTP}]}]}`, "ingress", "stage/web", "meta l4proto sctp return"},
		"two peers":           {`{podSelector: {}, ingress: [{from: [{podSelector: {}}, {namespaceSelector: {matchLabels: {tier: prod}}}]}]}`, "ingress", "stage/web", "ip saddr { 10.88.0.4, 10.88.0.5 } return; ip saddr { 10.88.0.3 } return"},
	} {
		t.Run(name, func(t *testing.T) {
			script := example(policy(t, c.spec)).render()
			rules, found := rulesOf(t, script, c.direction, c.pod)
			if got := strings.Join(rules, "; "); !found || got != c.want {
				t.Errorf("chain found: %v, rules %q, want %q", found, got, c.want)
			}
			accepted(t, script)
		})
	}
}

func TestWhoIsIsolated(t *testing.T) {
	for name, c := range map[string]struct {
		spec            string
		ingress, egress bool
	}{
		"ingress by default":         {`{podSelector: {}}`, true, false},
		"egress when there are any":  {`{podSelector: {}, egress: [{}]}`, true, true},
		"only egress":                {`{podSelector: {}, policyTypes: [Egress]}`, false, true},
		"pods that are not selected": {`{podSelector: {matchLabels: {app: api}}, policyTypes: [Ingress, Egress]}`, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			script := example(policy(t, c.spec)).render()
			_, ingress := rulesOf(t, script, "ingress", "stage/web")
			_, egress := rulesOf(t, script, "egress", "stage/web")
			if ingress != c.ingress || egress != c.egress {
				t.Errorf("ingress %v, egress %v", ingress, egress)
			}
			if strings.Contains(script, "prod/db") {
				t.Error("a pod of another namespace is isolated")
			}
		})
	}
}

func TestEqualStatesGiveEqualRules(t *testing.T) {
	allow := policy(t, `{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}`)
	if example(allow).render() != example(allow).render() {
		t.Error("the rules differ from one time to the next")
	}
}

func TestPodsThatNoRuleCanSpeakOf(t *testing.T) {
	for name, c := range map[string]struct {
		pod     corev1.Pod
		address string
	}{
		"no address":   {corev1.Pod{}, ""},
		"IPv6 address": {corev1.Pod{}, "fd00::1"},
		"host network": {corev1.Pod{Spec: corev1.PodSpec{HostNetwork: true}}, "10.77.0.1"},
		"ended":        {corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodSucceeded}}, "10.88.0.9"},
	} {
		if _, ok := newPod(&c.pod, c.address); ok {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestSidecarsHaveNamedPorts(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	port := intstr.FromString("metrics")
	p, _ := newPod(&corev1.Pod{Spec: corev1.PodSpec{InitContainers: []corev1.Container{
		{Ports: []corev1.ContainerPort{{Name: "metrics", ContainerPort: 1}}},
		{RestartPolicy: &always, Ports: []corev1.ContainerPort{{Name: "metrics", ContainerPort: 9}}},
	}}}, "10.88.0.9")
	rules := portRules(ingressOf(p), peerMatch{}, networkingv1.NetworkPolicyPort{Port: &port})
	if strings.Join(rules, ";") != "tcp dport 9 return" {
		t.Errorf("got %v", rules)
	}
}

// accepted lets nft check the script where there is one and it may.
func accepted(t *testing.T, script string) {
	t.Helper()
	nft := exec.Command("nft", "--check", "-f", "-")
	nft.Stdin = strings.NewReader(script)
	if out, err := nft.CombinedOutput(); err != nil && strings.Contains(string(out), "syntax error") {
		t.Errorf("nft: %s\n%s", out, script)
	}
}
