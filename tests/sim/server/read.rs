//! Get and list.

use serde_json::{Value, json};

use super::{
    ask::Ask,
    kinds::Kind,
    refusal::Refusal,
    select,
    store::{Store, text},
};

/// An object.
pub fn get(store: &Store, ask: &Ask) -> Result<Value, Refusal> {
    let found = store.get(ask.kind, &ask.namespace, &ask.name);
    found.cloned().ok_or_else(|| Refusal::not_found(ask.kind, &ask.name))
}

/// The objects that a request selects.
pub fn selected(store: &Store, ask: &Ask) -> Vec<Value> {
    let meant =
        |it: &&Value| select::matches(it, ask.asks("labelSelector"), ask.asks("fieldSelector"));
    store.of(ask.kind, &ask.namespace).filter(meant).cloned().collect()
}

/// A list, or a page of it.
pub fn list(store: &Store, ask: &Ask) -> Result<Value, Refusal> {
    let mut all = selected(store, ask);
    let place = |it: &Value| format!("{}/{}", text(it, "namespace"), text(it, "name"));
    let mut version = store.version;
    let more = ask.asks("continue");
    if !more.is_empty() {
        let bad = || Refusal::bad("invalid continue token: continue key is not valid");
        let (of, after) = more.split_once(':').ok_or_else(bad)?;
        let then: u64 = of.parse().map_err(|_| bad())?;
        if then < store.compacted {
            return Err(Refusal::expired(then, store.compacted));
        }
        version = then;
        all.retain(|it| place(it).as_str() > after);
    }
    let limit: usize = ask.asks("limit").parse().unwrap_or(0);
    let rest = if limit > 0 && all.len() > limit { all.split_off(limit) } else { Vec::new() };
    let token = match (rest.is_empty(), all.last()) {
        (false, Some(last)) => format!("{version}:{}", place(last)),
        _ => String::new(),
    };
    let items = if ask.partial { all.iter().map(partial).collect() } else { all };
    let mut list = list_of(ask.kind, items, version);
    if ask.partial {
        list["kind"] = json!("PartialObjectMetadataList");
        list["apiVersion"] = json!("meta.k8s.io/v1");
    }
    if !token.is_empty() {
        list["metadata"]["continue"] = json!(token);
        // What is selected is not counted.
        if ask.asks("labelSelector").is_empty() && ask.asks("fieldSelector").is_empty() {
            list["metadata"]["remainingItemCount"] = json!(rest.len());
        }
    }
    Ok(list)
}

/// Objects of a kind as a list. Its items do not say again of what kind they are.
pub fn list_of(kind: &Kind, mut items: Vec<Value>, version: u64) -> Value {
    if !kind.is_custom() {
        for it in items.iter_mut().filter(|it| it["kind"] != "PartialObjectMetadata") {
            it.as_object_mut().map(|it| (it.remove("kind"), it.remove("apiVersion")));
        }
    }
    json!({ "kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(),
        "metadata": { "resourceVersion": version.to_string() }, "items": items })
}

/// The metadata of an object alone.
pub fn partial(object: &Value) -> Value {
    json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"] })
}
