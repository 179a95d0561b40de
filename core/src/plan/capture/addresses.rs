//! Addresses at which production answers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Address;
use crate::plan::{
    kinds::{self, Shape},
    object::Object,
};

/// A host and its TCP ports.
type Answers = (String, Vec<u16>);

/// Services and running Pods by turns, one port of each before a second one of any: the first of them
/// stand for all, where not all can be tried.
pub(super) fn answering(objects: &[Object]) -> Vec<Address> {
    let of = |shape: Shape, read: fn(&Object) -> Option<Answers>| {
        let rows: Vec<(&Object, String, Vec<u16>)> = objects
            .iter()
            .filter(|object| kinds::shape(object) == shape)
            .filter_map(|object| read(object).map(|(host, ports)| (object, host, ports)))
            .collect();
        let most = rows.iter().map(|(.., ports)| ports.len()).max().unwrap_or_default();
        (0..most)
            .flat_map(|nth| {
                rows.iter().filter_map(move |(object, host, ports)| {
                    Some(Address {
                        what: object.key().to_string(),
                        host: host.clone(),
                        port: *ports.get(nth)?,
                    })
                })
            })
            .collect::<Vec<_>>()
    };
    let (mut services, mut pods) =
        (of(Shape::Service, service).into_iter(), of(Shape::Pod, pod).into_iter());
    let mut found = Vec::new();
    loop {
        let pair = [services.next(), pods.next()];
        if pair.iter().all(Option::is_none) {
            return found;
        }
        found.extend(pair.into_iter().flatten());
    }
}

fn service(object: &Object) -> Option<Answers> {
    let host = object.text("/spec/clusterIP");
    let real = !host.is_empty() && host != "None";
    real.then(|| (host.to_owned(), ports(object.get("/spec/ports"), "port")))
}

/// A Pod in the network of its node answers at the node's address, which others share.
fn pod(object: &Object) -> Option<Answers> {
    let host = object.text("/status/podIP");
    let runs = object.text("/status/phase") == "Running"
        && object.get("/spec/hostNetwork") != Some(&Value::Bool(true));
    let ports = object
        .expand("/spec/containers/*/ports")
        .iter()
        .flat_map(|list| ports(object.get(list), "containerPort"))
        .collect::<BTreeSet<_>>();
    (runs && !host.is_empty()).then(|| (host.to_owned(), ports.into_iter().collect()))
}

/// TCP ports of a list.
fn ports(list: Option<&Value>, field: &str) -> Vec<u16> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|it| it.get("protocol").is_none_or(|protocol| protocol == "TCP"))
        .filter_map(|it| u16::try_from(it.get(field)?.as_u64()?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_answers_while_it_runs_in_a_network_of_its_own() {
        let found = |phase: &str, host: bool, address: &str| {
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0"},
                "spec": {"hostNetwork": host, "containers": [{"ports": [{"containerPort": 80}]}]},
                "status": {"phase": phase, "podIP": address}});
            answering(&[Object::new(pod).unwrap()]).len()
        };
        assert_eq!(found("Running", false, "10.1.0.7"), 1);
        assert_eq!(found("Pending", false, "10.1.0.7"), 0);
        assert_eq!(found("Running", true, "10.1.0.7"), 0);
        assert_eq!(found("Running", false, ""), 0);
    }

    #[test]
    fn a_service_answers_where_it_has_an_address_of_its_own() {
        let found = |address: Value| {
            let ports = json!([{"port": 80}, {"port": 53, "protocol": "UDP"}, {"port": 443, "protocol": "TCP"}]);
            let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
                "spec": {"clusterIP": address, "ports": ports}});
            let found = answering(&[Object::new(service).unwrap()]);
            found.into_iter().map(|it| (it.what, it.host, it.port)).collect::<Vec<_>>()
        };
        let at = |port: u16| ("Service/web".to_owned(), "10.0.0.7".to_owned(), port);
        assert_eq!(found(json!("10.0.0.7")), [at(80), at(443)]);
        for address in [json!("None"), json!(""), json!(null)] {
            assert!(found(address.clone()).is_empty(), "{address}");
        }
    }

    #[test]
    fn one_port_of_each_comes_before_a_second_one_of_any() {
        let service = |name: &str, ports: &[u16]| {
            let ports: Vec<Value> = ports.iter().map(|it| json!({"port": it})).collect();
            Object::new(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                "spec": {"clusterIP": "10.0.0.7", "ports": ports}}))
            .unwrap()
        };
        let found = answering(&[service("a", &[1, 2, 3]), service("b", &[4])]);
        assert_eq!(found.iter().map(|it| it.port).collect::<Vec<_>>(), [1, 4, 2, 3]);
    }
}
