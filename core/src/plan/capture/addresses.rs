//! Addresses at which production answers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Address;
use crate::plan::{
    kinds::{self, Shape},
    object::Object,
};

/// The probe tries each before anything starts: more would cost time and show nothing new.
const MOST: usize = 12;

/// A host and its TCP ports.
type Answers = (String, Vec<u16>);

/// Services and running Pods, half of each where there are enough: one port of every Service
/// before a second one of any.
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
            .take(MOST)
            .collect::<Vec<_>>()
    };
    let services = of(Shape::Service, service);
    let pods = of(Shape::Pod, pod);
    let half = MOST / 2;
    let from_pods = pods.len().min(MOST - services.len().min(half));
    let mut found: Vec<Address> = services
        .into_iter()
        .take(MOST - from_pods)
        .chain(pods.into_iter().take(from_pods))
        .collect();
    found.sort();
    found
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
