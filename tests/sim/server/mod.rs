//! A Kubernetes API server in memory: as much of one as an operator notices. What it answers is held
//! against a real one by `conformance`.
//!
//! ```text
//! request ─► ask ─► admission ─► read, write, end ─► store ─► events ─► watch ─► lines
//!                                                      ▲
//!                                 controllers, namespaces
//! ```

mod admission;
pub mod ask;
pub mod controllers;
pub mod end;
mod fields;
pub mod kinds;
mod namespaces;
mod owners;
mod patch;
mod read;
pub mod refusal;
mod select;
pub mod store;
pub mod watch;
mod write;

use serde_json::{Value, json};

use self::{
    ask::{Ask, Verb},
    refusal::Refusal,
    store::Store,
};

/// Does what is asked for; the code and the body of the answer. Watches are not answered here.
pub fn answer(store: &mut Store, ask: &Ask) -> (u16, Value) {
    let makes = ask.verb == Verb::Create
        || ask.verb == Verb::Apply && store.get(ask.kind, &ask.namespace, &ask.name).is_none();
    let done = match ask.verb {
        // There is no kubelet that has a log.
        Verb::Get if ask.sub == "log" => Ok(Value::Null),
        Verb::Get => read::get(store, ask),
        Verb::List | Verb::Watch => read::list(store, ask),
        Verb::Create => write::create(store, ask),
        Verb::Update => write::update(store, ask),
        Verb::Patch => write::patch(store, ask),
        Verb::Apply => write::apply(store, ask),
        Verb::Delete => end::delete(store, ask),
        Verb::DeleteCollection => end::delete_all(store, ask),
        Verb::Connect => Err(Refusal::no_path()),
    };
    match done {
        Ok(object) => {
            let listed = matches!(ask.verb, Verb::List | Verb::Watch | Verb::DeleteCollection);
            let whole = listed || !ask.partial || object["kind"] == "Status";
            (if makes { 201 } else { 200 }, if whole { object } else { read::partial(&object) })
        }
        Err(refusal) => (refusal.code, refusal.body()),
    }
}

/// As it is sent.
pub fn bytes(body: &Value) -> Vec<u8> {
    if *body == json!(null) { Vec::new() } else { body.to_string().into_bytes() }
}
