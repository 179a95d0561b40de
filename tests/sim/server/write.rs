//! Create, update and patch.

use serde_json::{Value, json};

use super::{
    admission,
    ask::Ask,
    end,
    kinds::{self, Kind},
    owners::{self, Writer},
    patch,
    refusal::Refusal,
    store::{Store, text},
};

/// Makes an object.
pub fn create(store: &mut Store, ask: &Ask) -> Result<Value, Refusal> {
    let kind = ask.kind;
    let mut object = ask.body.clone();
    shaped(&object, kind)?;
    let prefix = text(&object, "generateName").to_owned();
    if text(&object, "name").is_empty() && !prefix.is_empty() {
        object["metadata"]["name"] = json!(format!("{prefix}{}", store.suffix()));
    }
    let name = text(&object, "name").to_owned();
    if name.is_empty() {
        let why = "Required value: name or generateName is required";
        return Err(Refusal::invalid(kind, "", "metadata.name", "FieldValueRequired", why));
    }
    placed(&object, ask)?;
    admission::admit(store, ask, &name)?;
    in_living_namespace(store, kind, &ask.namespace, &name)?;
    if let Some(there) = store.get(kind, &ask.namespace, &name) {
        let leaving = !text(there, "deletionTimestamp").is_empty();
        return Err(Refusal::exists(kind, &name, leaving));
    }
    if kind.namespaced {
        object["metadata"]["namespace"] = json!(ask.namespace);
    }
    begin(store, kind, &mut object);
    owners::wrote(None, &mut object, &writer(store, ask));
    finalise(kind, &mut object);
    Ok(if ask.dry { object } else { store.put(kind, object) })
}

/// What the server gives an object that is new.
fn begin(store: &mut Store, kind: &'static Kind, object: &mut Value) {
    object["apiVersion"] = json!(kind.api_version());
    object["kind"] = json!(kind.kind);
    if kind.status
        && let Some(fields) = object.as_object_mut()
    {
        fields.remove("status");
    }
    let stamp = store.stamp();
    let uid = store.fresh_uid();
    let metadata = object["metadata"].as_object_mut().expect("metadata");
    for servers in ["resourceVersion", "managedFields", "deletionTimestamp", "selfLink"] {
        metadata.remove(servers);
    }
    metadata.retain(|_, value| !value.is_null() && *value != json!([]) && *value != json!({}));
    metadata.insert("uid".to_owned(), json!(uid));
    metadata.insert("creationTimestamp".to_owned(), stamp);
    if kind.counted {
        metadata.insert("generation".to_owned(), json!(1));
    }
    defaults(kind, object);
}

/// What the server fills in, as far as somebody here looks at it.
fn defaults(kind: &Kind, object: &mut Value) {
    match kind.kind {
        "Namespace" => {
            let name = text(object, "name").to_owned();
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = json!(name);
            object["status"] = json!({ "phase": "Active" });
        }
        "Secret" => {
            if object["type"].is_null() {
                object["type"] = json!("Opaque");
            }
            encode(object);
        }
        "Deployment" | "StatefulSet" if object["spec"]["replicas"].is_null() => {
            object["spec"]["replicas"] = json!(1);
        }
        "Job" => {
            for (field, default) in [("parallelism", 1), ("completions", 1), ("backoffLimit", 6)] {
                if object["spec"][field].is_null() {
                    object["spec"][field] = json!(default);
                }
            }
        }
        _ => {}
    }
}

/// What nobody owns: a namespace is held until it is empty.
fn finalise(kind: &Kind, object: &mut Value) {
    if kind.kind == "Namespace" {
        object["spec"]["finalizers"] = json!(["kubernetes"]);
    }
}

fn encode(secret: &mut Value) {
    use base64::Engine as _;
    let Some(texts) = secret.as_object_mut().and_then(|it| it.remove("stringData")) else { return };
    for (key, value) in texts.as_object().into_iter().flatten() {
        let text = value.as_str().unwrap_or_default();
        secret["data"][key] = json!(base64::engine::general_purpose::STANDARD.encode(text));
    }
}

/// Puts an object in the place of the one that is there.
pub fn update(store: &mut Store, ask: &Ask) -> Result<Value, Refusal> {
    shaped(&ask.body, ask.kind)?;
    let (kind, said) = (ask.kind, text(&ask.body, "name"));
    if said != ask.name {
        return Err(Refusal::bad(&format!(
            "the name of the object ({said}) does not match the name on the URL ({})",
            ask.name
        )));
    }
    let live = there(store, ask)?;
    if kind.is_custom() && text(&ask.body, "resourceVersion").is_empty() {
        let (at, why) =
            ("metadata.resourceVersion", "Invalid value: 0: must be specified for an update");
        let subject = (kind.group, kind.plural);
        return Err(Refusal::invalid_of(subject, said, at, "FieldValueInvalid", why));
    }
    let mut after = ask.body.clone();
    if after["metadata"]["managedFields"].is_null() {
        after["metadata"]["managedFields"] = live["metadata"]["managedFields"].clone();
    }
    change(store, ask, &live, after)
}

/// Changes an object.
pub fn patch(store: &mut Store, ask: &Ask) -> Result<Value, Refusal> {
    match ask.content.split(';').next().unwrap_or_default() {
        "application/merge-patch+json" | "application/strategic-merge-patch+json" => {
            let live = there(store, ask)?;
            let mut after = live.clone();
            patch::merge(&mut after, &ask.body);
            change(store, ask, &live, after)
        }
        "application/json-patch+json" => {
            let live = there(store, ask)?;
            let mut after = live.clone();
            patch::operate(&mut after, &ask.body).map_err(|_| Refusal::rejected())?;
            change(store, ask, &live, after)
        }
        _ => Err(Refusal::no_such_patch()),
    }
}

/// Applies a configuration to an object, or makes one of it.
pub fn apply(store: &mut Store, ask: &Ask) -> Result<Value, Refusal> {
    let kind = ask.kind;
    shaped(&ask.body, kind)?;
    if ask.query.get("fieldManager").is_none() {
        let why = "Required value: is required for apply patch";
        let subject = ("meta.k8s.io", "PatchOptions");
        return Err(Refusal::invalid_of(subject, "", "fieldManager", "FieldValueRequired", why));
    }
    admission::admit(store, ask, &ask.name)?;
    let wanted = text(&ask.body, "uid");
    let writer = writer(store, ask);
    let mut config = ask.body.clone();
    if kind.kind == "Secret" {
        encode(&mut config);
    }
    let Some(live) = store.get(kind, &ask.namespace, &ask.name).cloned() else {
        if !ask.sub.is_empty() {
            return Err(Refusal::not_found(kind, &ask.name));
        }
        if !wanted.is_empty() {
            let why = format!(
                "uid mismatch: the provided object specified uid {wanted}, and no existing object was found"
            );
            return Err(Refusal::conflict(kind, &ask.name, &why));
        }
        in_living_namespace(store, kind, &ask.namespace, &ask.name)?;
        let mut object = config.clone();
        object["metadata"]["name"] = json!(ask.name);
        if kind.namespaced {
            object["metadata"]["namespace"] = json!(ask.namespace);
        }
        begin(store, kind, &mut object);
        let object = owners::apply(&object, &config, &writer)
            .map_err(|conflicts| Refusal::contested(&conflicts));
        let mut object = object?;
        finalise(kind, &mut object);
        return Ok(if ask.dry { object } else { store.put(kind, object) });
    };
    let uid = text(&live, "uid");
    // A status is taken whoever is meant.
    if !wanted.is_empty() && wanted != uid && ask.sub.is_empty() {
        let why = format!("Invalid value: \"{wanted}\": field is immutable");
        let at = "metadata.uid";
        return Err(Refusal::invalid(kind, &ask.name, at, "FieldValueInvalid", &why).twice());
    }
    let after = owners::apply(&live, &config, &writer)
        .map_err(|conflicts| Refusal::contested(&conflicts))?;
    finish(store, ask, &live, after)
}

/// Takes in what an update or a patch makes of an object.
fn change(store: &mut Store, ask: &Ask, live: &Value, mut after: Value) -> Result<Value, Refusal> {
    let (kind, name) = (ask.kind, ask.name.as_str());
    admission::admit(store, ask, name)?;
    let said = text(&after, "resourceVersion");
    if !said.is_empty() && said != text(live, "resourceVersion") {
        return Err(Refusal::modified(kind, name));
    }
    let (said, uid) = (text(&after, "uid"), text(live, "uid"));
    if !said.is_empty() && said != uid {
        return Err(Refusal::other_stored(kind, &ask.namespace, name, said, uid));
    }
    if ask.sub == "status" {
        let status = after["status"].take();
        let metadata = after["metadata"].take();
        after = live.clone();
        after["status"] = status;
        // Of a Namespace, labels and annotations are taken along.
        if kind.kind == "Namespace" {
            after["metadata"] = metadata;
        } else {
            after["metadata"]["managedFields"] = metadata["managedFields"].clone();
        }
    } else if kind.status {
        restore(&mut after, live, "status");
    }
    if kind.kind == "Secret" {
        encode(&mut after);
    }
    owners::wrote(Some(live), &mut after, &writer(store, ask));
    finish(store, ask, live, after)
}

fn restore(after: &mut Value, live: &Value, field: &str) {
    match live.get(field) {
        Some(value) => after[field] = value.clone(),
        None => drop(after.as_object_mut().and_then(|it| it.remove(field))),
    }
}

/// What is the server's stays; the generation counts; what waited for its last finalizer goes.
fn finish(store: &mut Store, ask: &Ask, live: &Value, mut after: Value) -> Result<Value, Refusal> {
    for field in [
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "name",
        "namespace",
    ] {
        let metadata = after["metadata"].as_object_mut().expect("metadata");
        match live["metadata"].get(field) {
            Some(value) => drop(metadata.insert(field.to_owned(), value.clone())),
            None => drop(metadata.remove(field)),
        }
    }
    if ask.kind.counted && asked_for(live) != asked_for(&after) {
        let generation = live["metadata"]["generation"].as_i64().unwrap_or_default();
        after["metadata"]["generation"] = json!(generation + 1);
    }
    let finalizers =
        |it: &Value| it["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let held = finalizers(live);
    let more = finalizers(&after).into_iter().find(|it| !held.contains(it));
    if let Some(more) = more.filter(|_| !text(live, "deletionTimestamp").is_empty()) {
        let why = format!(
            "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{{{more}}}"
        );
        let at = "metadata.finalizers";
        return Err(Refusal::invalid(ask.kind, &ask.name, at, "FieldValueForbidden", &why).twice());
    }
    if ask.dry {
        return Ok(after);
    }
    Ok(end::put(store, ask.kind, after))
}

/// All of an object but its metadata and its status.
fn asked_for(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|key, value| {
            !matches!(key.as_str(), "metadata" | "status") && !value.is_null()
        });
    }
    object
}

fn there(store: &Store, ask: &Ask) -> Result<Value, Refusal> {
    let live = store.get(ask.kind, &ask.namespace, &ask.name);
    live.cloned().ok_or_else(|| Refusal::not_found(ask.kind, &ask.name))
}

fn writer<'a>(store: &Store, ask: &'a Ask) -> Writer<'a> {
    let force = ask.asks("force") == "true";
    Writer { manager: &ask.manager, status: ask.sub == "status", force, now: store.stamp() }
}

/// That a body is an object of the kind that the URL names.
fn shaped(object: &Value, kind: &Kind) -> Result<(), Refusal> {
    let says = |field: &str, expected: &str| {
        object[field].as_str().is_none_or(|it| it.is_empty() || it == expected)
    };
    if object["metadata"].is_object()
        && says("kind", kind.kind)
        && says("apiVersion", &kind.api_version())
    {
        return Ok(());
    }
    let word = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let (version, said) = (word("apiVersion"), word("kind"));
    Err(Refusal::bad(&format!(
        "{said} in version \"{version}\" cannot be handled as a {}: converting ({version}.{said}) to (core.{}): unknown conversion",
        kind.kind, kind.kind
    )))
}

/// That a body names no other namespace than the URL.
fn placed(object: &Value, ask: &Ask) -> Result<(), Refusal> {
    let said = text(object, "namespace");
    if said.is_empty() || said == ask.namespace {
        return Ok(());
    }
    Err(Refusal::bad(
        "the namespace of the provided object does not match the namespace sent on the request",
    ))
}

fn in_living_namespace(
    store: &Store,
    kind: &'static Kind,
    namespace: &str,
    name: &str,
) -> Result<(), Refusal> {
    if !kind.namespaced {
        return Ok(());
    }
    let of = kinds::of_resource("", "v1", "namespaces").expect("namespaces");
    let there = store.get(of, "", namespace).ok_or_else(|| Refusal::not_found(of, namespace))?;
    if text(there, "deletionTimestamp").is_empty() {
        return Ok(());
    }
    let why = format!(
        "unable to create new content in namespace {namespace} because it is being terminated"
    );
    let mut refusal = Refusal::forbidden(kind, name, &why);
    refusal.details["causes"] = json!([{ "reason": "NamespaceTerminating",
        "message": format!("namespace {namespace} is being terminated"), "field": "metadata.namespace" }]);
    Err(refusal)
}
