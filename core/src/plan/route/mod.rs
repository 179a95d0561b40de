//! Preview hosts instead of production's.

use serde_json::Value;

use super::{context::Context, log::Log, object::Object};

pub(super) fn route(objects: Vec<Object>, _: &Context, _: &mut Log) -> Vec<Object> {
    objects
}

pub(super) fn urls(_: &[Object], _: &Context) -> Vec<String> {
    Vec::new()
}

/// Services that an Ingress leads to, and the port of each: `{number}` or `{name}`.
pub(super) fn backends(ingress: &Object) -> Vec<(String, Value)> {
    let paths = ingress
        .get("/spec/rules")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|rule| rule.pointer("/http/paths")?.as_array())
        .flatten()
        .filter_map(|path| path.get("backend"));
    paths
        .chain(ingress.get("/spec/defaultBackend"))
        .filter_map(|backend| {
            let service = backend.get("service")?;
            Some((service["name"].as_str()?.to_owned(), service["port"].clone()))
        })
        .collect()
}
