//! The ways to production that are tried, by name, each as a command that succeeds only where
//! production, or whatever else must not answer, has answered.
//!
//! `{name}` is a fact about production ([`super::Facts`]); what stands in `$NAME` or in a file is the
//! Pod's own, as a program there would use it.

use Who::{Spy, Stranger};

/// Who tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// The clone of a workload with all that a workload may have, rights to the Kubernetes API
    /// included.
    Spy,
    /// A Pod that an administrator made in the clone, with names and search domains of production.
    Stranger,
}

/// A way: what it is called, who tries it, with which command.
pub type Way = (&'static str, Who, &'static str);

/// What all commands may use.
pub const WORDS: &str = r#"
beacon() { curl -gs --max-time 5 "$@" | grep -q 'beacon of {ns}$'; }
ask() { echo whose | nc -u -w 3 "$@" | grep -q 'beacon of {ns}$'; }
answers() { test "$(curl -gsko /dev/null --max-time 5 -w '%{http_code}' "$@")" != 000; }
account=/var/run/secrets/kubernetes.io/serviceaccount
api() { curl -gsk --max-time 5 -H "Authorization: Bearer $(cat $account/token)" "$@"; }
post() { path=$1; shift; api -H 'Content-Type: application/json' -X POST -d "$1" "https://kubernetes.default.svc/api/v1/namespaces/{ns}/$path"; }
"#;

/// All of them.
pub const WAYS: &[Way] = &[
    // Names, as production's own.
    ("a Service's name with its namespace", Spy, "beacon http://beacon.{ns}/"),
    ("a Service's name with .svc", Spy, "beacon http://beacon.{ns}.svc/"),
    ("a Service's full name", Spy, "beacon http://beacon.{ns}.svc.cluster.local/"),
    ("a full name with its dot", Spy, "beacon http://beacon.{ns}.svc.cluster.local./"),
    (
        "a full name in capitals",
        Spy,
        "beacon http://$(echo beacon.{ns}.svc.cluster.local | tr a-z A-Z)/",
    ),
    ("a headless Service's name", Spy, "beacon http://beacon-pods.{ns}.svc:8080/"),
    ("a Pod's name", Spy, "beacon http://beacon-0.beacon-pods.{ns}.svc.cluster.local:8080/"),
    (
        "a Pod's name by its address",
        Spy,
        "beacon http://$(echo {pod} | tr . -).{ns}.pod.cluster.local:8080/",
    ),
    (
        "a Service's SRV record",
        Spy,
        "beacon http://$(nslookup -type=srv _http._tcp.beacon-pods.{ns}.svc.cluster.local | awk '/service = /{print $NF \":\" $(NF-1); exit}')/",
    ),
    ("an ExternalName of production's", Spy, "beacon http://beacon-alias.{ns}.svc.cluster.local/"),
    // The same from within, where names lead to the clone's.
    ("the short name", Spy, "beacon http://beacon/"),
    ("the short name of a headless Service", Spy, "beacon http://beacon-pods:8080/"),
    ("an ExternalName that came along", Spy, "beacon http://beacon-alias/"),
    ("a URL in a variable", Spy, "beacon $BEACON_URL"),
    ("a URL in a file", Spy, "beacon $(cat /etc/beacon/url)"),
    ("an address in a variable", Spy, "beacon http://$BEACON_SERVICE_HOST:$BEACON_SERVICE_PORT/"),
    ("hostAliases that came along", Spy, "beacon http://tied.example.com/"),
    // Addresses.
    ("a cluster IP", Spy, "beacon http://{service}/"),
    ("a Pod's address", Spy, "beacon http://{pod}:8080/"),
    ("a Pod's address as IPv6", Spy, "beacon 'http://[::ffff:{pod}]:8080/'"),
    ("a node port", Spy, "beacon http://{node}:{nodePort}/"),
    ("a port of the host", Spy, "beacon http://{node}:31980/"),
    ("an external IP", Spy, "beacon http://198.51.100.7/"),
    ("a load balancer's address", Spy, "beacon http://198.51.100.8/"),
    (
        "a public name tied to an address",
        Spy,
        "beacon --resolve shop.example.com:80:{service} http://shop.example.com/",
    ),
    (
        "a Pod of production as a proxy",
        Spy,
        "beacon --proxy http://{pod}:8080 http://shop.example.com/",
    ),
    ("the port of DNS, over TCP", Spy, "beacon http://{pod}:53/"),
    ("the port of DNS, over UDP", Spy, "ask {pod} 53"),
    ("UDP to a cluster IP", Spy, "ask {service} 5353"),
    ("UDP to a name", Spy, "ask beacon.{ns}.svc.cluster.local 5353"),
    ("UDP to a Pod", Spy, "ask {pod} 5353"),
    ("ICMP to a Pod", Spy, "ping -c 1 -W 3 {pod}"),
    // The ingress controller, which may come in.
    (
        "the ingress controller's Pod",
        Spy,
        "beacon -H 'Host: beacon.example.com' http://{ingressPod}:8000/",
    ),
    (
        "the ingress controller's cluster IP",
        Spy,
        "beacon -H 'Host: beacon.example.com' http://{ingress}/",
    ),
    (
        "the ingress controller's name",
        Spy,
        "beacon -H 'Host: beacon.example.com' http://ingress.ingress.svc/",
    ),
    (
        "the ingress controller's node port",
        Spy,
        "beacon -H 'Host: beacon.example.com' http://{node}:{ingressPort}/",
    ),
    // The Kubernetes API, with the account's token. The way to it is open for this Pod, as in production.
    (
        "the API: production's Secrets",
        Spy,
        "api https://kubernetes.default.svc/api/v1/namespaces/{ns}/secrets | grep -q '\"SecretList\"'",
    ),
    (
        "the API: production's ConfigMaps",
        Spy,
        "api https://{api}/api/v1/namespaces/{ns}/configmaps | grep -q '\"ConfigMapList\"'",
    ),
    (
        "the API: production's Pods, past the Service",
        Spy,
        "api https://{apiEndpoint}/api/v1/namespaces/{ns}/pods | grep -q '\"PodList\"'",
    ),
    (
        "the API: log of a Pod",
        Spy,
        "test \"$(api -o /dev/null -w '%{http_code}' https://{api}/api/v1/namespaces/{ns}/pods/beacon-0/log)\" = 200",
    ),
    (
        "the API as a proxy to a Service",
        Spy,
        "api https://{api}/api/v1/namespaces/{ns}/services/beacon:80/proxy/ | grep -q 'beacon of {ns}$'",
    ),
    (
        "the API as a proxy to a Pod",
        Spy,
        "api https://{api}/api/v1/namespaces/{ns}/pods/beacon-0:8080/proxy/ | grep -q 'beacon of {ns}$'",
    ),
    (
        "the API: a Pod beside production",
        Spy,
        r#"post 'pods?dryRun=All' '{"metadata":{"name":"x"},"spec":{"containers":[{"name":"x","image":"x"}]}}' | grep -q '"uid"'"#,
    ),
    (
        "the API: a token of production's account",
        Spy,
        r#"post serviceaccounts/spy/token '{"spec":{}}' | grep -q '"token"'"#,
    ),
    ("the API without rights to it", Stranger, "answers https://{api}/version"),
    (
        "the API by its name",
        Stranger,
        "answers https://kubernetes.default.svc.cluster.local/version",
    ),
    ("the API past the Service", Stranger, "answers https://{apiEndpoint}/version"),
    // What an administrator tied to production by hand.
    ("an ExternalName made by hand", Stranger, "beacon http://detour.{here}.svc.cluster.local/"),
    ("endpoints written by hand", Stranger, "beacon http://written.{here}.svc.cluster.local/"),
    (
        "endpoints written by hand, headless",
        Stranger,
        "beacon http://written-pods.{here}.svc.cluster.local:8080/",
    ),
    ("hostAliases to a Pod", Stranger, "beacon http://pod.example.com:8080/"),
    ("hostAliases to a Service", Stranger, "beacon http://service.example.com/"),
    ("a short name by search domain", Stranger, "beacon http://beacon/"),
    ("half a name by search domain", Stranger, "beacon http://beacon.{ns}/"),
    // Others.
    ("the node's kubelet", Spy, "answers https://{node}:10250/pods"),
    (
        "the metadata address",
        Spy,
        "curl -s --max-time 5 http://169.254.169.254/ | grep -q metadata",
    ),
    ("the operator's Pod", Spy, "answers http://{operatorPod}:8080/metrics"),
    ("the operator's Service", Spy, "answers http://kulisse.kulisse.svc:{operatorPort}/metrics"),
    ("another port of DNS", Spy, "answers http://{dnsPod}:8181/ready"),
    ("another namespace's Service by its name", Spy, "answers http://web.elsewhere.svc/"),
    ("another namespace's Service by its address", Spy, "answers http://{elsewhere}/"),
];
