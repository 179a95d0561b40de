//! What of the outside is production itself: the names and addresses at which it answers.

use std::{collections::BTreeMap, net::IpAddr};

use super::{
    context::Context,
    kinds::{self, Shape},
    object::Object,
};

/// Where kinds name the hosts at which they let users in.
const ROUTES: [(&str, &str, &[&str]); 11] = [
    ("networking.k8s.io", "Ingress", &["/spec/rules/*/host", "/spec/tls/*/hosts/*"]),
    ("gateway.networking.k8s.io", "HTTPRoute", &["/spec/hostnames/*"]),
    ("gateway.networking.k8s.io", "GRPCRoute", &["/spec/hostnames/*"]),
    ("gateway.networking.k8s.io", "TLSRoute", &["/spec/hostnames/*"]),
    ("route.openshift.io", "Route", &["/spec/host"]),
    ("networking.istio.io", "Gateway", &["/spec/servers/*/hosts/*"]),
    ("projectcontour.io", "HTTPProxy", &["/spec/virtualhost/fqdn"]),
    ("getambassador.io", "Mapping", &["/spec/hostname", "/spec/host"]),
    ("getambassador.io", "Host", &["/spec/hostname"]),
    ("k8s.nginx.org", "VirtualServer", &["/spec/host"]),
    ("cert-manager.io", "Certificate", &["/spec/dnsNames/*"]),
];

/// Where kinds that lead within a mesh as well name the hosts at which a gateway lets users in.
const BEHIND: [(&str, &str, &str); 1] =
    [("networking.istio.io", "VirtualService", "/spec/hosts/*")];

/// Whether it holds for a gateway, and not for the mesh alone.
fn behind_a_gateway(object: &Object) -> bool {
    object.expand("/spec/gateways/*").iter().any(|it| object.text(it) != "mesh")
}

/// Where load balancers say what they answer at, whatever they balance.
const BALANCED: [&str; 2] =
    ["/status/loadBalancer/ingress/*/hostname", "/status/loadBalancer/ingress/*/ip"];

/// Where a Service has addresses.
const ADDRESSES: [&str; 3] = ["/spec/clusterIP", "/spec/clusterIPs/*", "/spec/externalIPs/*"];

/// Whether a host is one of a Service: no name of the outside.
fn is_of_cluster(host: &str) -> bool {
    host.split('.').skip(1).any(|it| it == "svc")
}

/// What production answers at, and whose that is.
pub(super) struct Production {
    hosts: BTreeMap<String, String>,
    /// Domains that hosts of routes are below, but for the last label.
    domains: BTreeMap<String, String>,
    addresses: BTreeMap<IpAddr, String>,
}

impl Production {
    /// Of the source.
    pub(super) fn of(context: &Context) -> Self {
        let mut found =
            Self { hosts: BTreeMap::new(), domains: BTreeMap::new(), addresses: BTreeMap::new() };
        for object in &context.capture.objects {
            let routes = ROUTES
                .iter()
                .filter(|(group, kind, _)| object.group() == *group && object.kind() == *kind)
                .flat_map(|(.., paths)| *paths);
            for path in routes {
                found.note(object, path);
                found.note_domains(object, path);
            }
            if let Some((.., at)) = BEHIND
                .iter()
                .find(|(group, kind, _)| object.group() == *group && object.kind() == *kind)
                && behind_a_gateway(object)
            {
                found.note(object, at);
                found.note_domains(object, at);
            }
            for path in &BALANCED {
                found.note(object, path);
            }
            if kinds::shape(object) == Shape::Service {
                for path in ADDRESSES {
                    found.note(object, path);
                }
            }
        }
        for address in &context.capture.addresses {
            if let Ok(ip) = address.host.parse() {
                found.addresses.entry(ip).or_insert_with(|| address.what.clone());
            }
        }
        found
    }

    fn note(&mut self, object: &Object, path: &str) {
        for path in object.expand(path) {
            let text = object.text(&path);
            let whose = object.key().to_string();
            if let Ok(ip) = text.parse::<IpAddr>() {
                self.addresses.entry(ip).or_insert(whose);
            } else if text.contains('.') && !is_of_cluster(text) {
                self.hosts.entry(text.to_ascii_lowercase()).or_insert(whose);
            }
        }
    }

    fn note_domains(&mut self, object: &Object, path: &str) {
        for path in object.expand(path) {
            let host = object.text(&path).to_ascii_lowercase();
            if is_of_cluster(&host) {
                continue;
            }
            let domains = host.match_indices('.').map(|(at, _)| &host[at + 1..]);
            for domain in domains.filter(|it| it.contains('.')) {
                self.domains.entry(domain.to_owned()).or_insert_with(|| object.key().to_string());
            }
        }
    }

    /// What answers at a host, or below it: cookies of `acme.com` are those of `shop.acme.com`. A
    /// route for `*.acme.com` answers at every name below it.
    pub(super) fn host(&self, host: &str) -> Option<&str> {
        let wild = || {
            let (_, rest) = host.split_once('.')?;
            self.hosts.get(&format!("*.{rest}"))
        };
        let found = self.hosts.get(host).or_else(wild);
        found.or_else(|| self.domains.get(host)).map(String::as_str)
    }

    /// Every host, and what answers there.
    pub(super) fn hosts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.hosts.iter().map(|(host, whose)| (host.as_str(), whose.as_str()))
    }

    /// Every address, and what answers there.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (IpAddr, &str)> {
        self.addresses.iter().map(|(ip, whose)| (*ip, whose.as_str()))
    }

    /// What answers at an address.
    pub(super) fn address(&self, ip: IpAddr) -> Option<&str> {
        self.addresses.get(&ip).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::plan::{capture::Address, fixture};

    fn route(name: &str, host: &str) -> Object {
        let spec = json!({"rules": [{"host": host}]});
        fixture::object("networking.k8s.io/v1", "Ingress", name, json!({ "spec": spec }))
    }

    fn mesh(name: &str, gateways: &Value) -> Object {
        let spec = json!({"hosts": [format!("{name}.mesh.example")], "gateways": gateways});
        fixture::object("networking.istio.io/v1", "VirtualService", name, json!({ "spec": spec }))
    }

    fn production() -> Production {
        let mut capture = fixture::capture();
        let balanced = json!([{"hostname": "LB.cloud.example"}, {"ip": "203.0.113.9"}]);
        let web = json!({
            "spec": {"clusterIP": "10.0.0.7", "externalIPs": ["203.0.113.8"]},
            "status": {"loadBalancer": {"ingress": balanced}},
        });
        let elsewhere = json!({"spec": {"clusterIP": "10.0.0.8", "host": "map.acme.com"}});
        capture.objects = vec![
            route("shop", "Shop.acme.com"),
            route("wild", "*.wild.example.org"),
            route("svc", "svc.example.net"),
            route("inside", "web.shop.svc.cluster.local"),
            route("bare", "localhost"),
            mesh("public", &json!(["mesh", "edge"])),
            mesh("inner", &json!(["mesh"])),
            mesh("silent", &json!(null)),
            fixture::object("v1", "Service", "web", web),
            fixture::object("v1", "ConfigMap", "web", elsewhere),
        ];
        let address = |host: &str| Address { what: "Pod/web".into(), host: host.into(), port: 80 };
        capture.addresses = vec![address("10.1.1.1"), address("10.0.0.7"), address("db.acme.com")];
        let request = fixture::request(json!({}), json!({}));
        Production::of(&Context::new(&request, &capture).unwrap())
    }

    #[test]
    fn production_answers_at_hosts_of_its_routes_and_at_their_domains() {
        let production = production();
        let (shop, wild) = ("Ingress.networking.k8s.io/shop", "Ingress.networking.k8s.io/wild");
        for (host, whose) in [
            ("shop.acme.com", Some(shop)),
            ("acme.com", Some(shop)),
            ("com", None),
            ("api.acme.com", None),
            ("map.acme.com", None),
            ("db.acme.com", None),
            ("a.wild.example.org", Some(wild)),
            ("wild.example.org", Some(wild)),
            ("b.a.wild.example.org", None),
            ("svc.example.net", Some("Ingress.networking.k8s.io/svc")),
            ("web.shop.svc.cluster.local", None),
            ("cluster.local", None),
            ("localhost", None),
            ("public.mesh.example", Some("VirtualService.networking.istio.io/public")),
            ("mesh.example", Some("VirtualService.networking.istio.io/public")),
            ("inner.mesh.example", None),
            ("silent.mesh.example", None),
            ("lb.cloud.example", Some("Service/web")),
            ("cloud.example", None),
        ] {
            assert_eq!(production.host(host), whose, "{host}");
        }
        let hosts: Vec<&str> = production.hosts().map(|(host, _)| host).collect();
        assert_eq!(
            hosts,
            [
                "*.wild.example.org",
                "lb.cloud.example",
                "public.mesh.example",
                "shop.acme.com",
                "svc.example.net",
            ]
        );
    }

    #[test]
    fn production_answers_at_addresses_of_its_services_balancers_and_pods() {
        let production = production();
        let whose = |ip: &str| production.address(ip.parse().unwrap());
        for ip in ["10.0.0.7", "203.0.113.8", "203.0.113.9"] {
            assert_eq!(whose(ip), Some("Service/web"), "{ip}");
        }
        assert_eq!((whose("10.1.1.1"), whose("10.0.0.8")), (Some("Pod/web"), None));
        assert_eq!(production.addresses().count(), 4);
    }
}
