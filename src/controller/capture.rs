//! Reads a source in one pass. Environments of one source that need it at the same time share one
//! reading; nothing is kept after them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::{
    ByteString,
    api::core::v1::{Namespace, Secret},
};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, ObjectMeta, PartialObjectMeta, TypeMeta},
};
use kulisse_core::{
    api::{condition::Reason, identity::NamespaceName},
    plan::{
        capture::{Capture, Reading, assemble},
        kinds,
        object::Object,
        request::OperatorAccount,
        size,
    },
    secrets::{OpenSecret, SecretBytes},
};
use serde_json::json;
use tokio::sync::{Mutex, OnceCell};

use super::{
    call::{bounded, call, call_list, call_secret, pages_of},
    context::Context,
    discovery::Kinds,
    error::Error,
    rights,
};

/// Kinds that are read at the same time.
const AT_ONCE: usize = 8;
/// Most bytes that are read of one source: they are held in memory, planned and stored.
const MOST: usize = 32 * 1024 * 1024;
/// What an object counts for that has nothing in it.
const EACH: usize = 256;
/// Whoever may read a source may read these; workloads alone the operator sees everywhere.
pub(super) const ESSENTIAL: [&str; 2] = ["Service", "ConfigMap"];

const SECRET: &str = "Secret";

/// Captures that are being made or used at the moment.
#[derive(Default)]
pub struct Captures(Mutex<HashMap<NamespaceName, Weak<OnceCell<Arc<Capture>>>>>);

/// Reads the source, or waits for whoever is reading it already.
pub async fn capture(source: &NamespaceName, ctx: &Context) -> Result<Arc<Capture>, Error> {
    let cell = {
        let mut shared = ctx.captures.0.lock().await;
        shared.retain(|_, cell| cell.strong_count() > 0);
        match shared.get(source).and_then(Weak::upgrade) {
            Some(cell) => cell,
            None => {
                let cell = Arc::new(OnceCell::new());
                shared.insert(source.clone(), Arc::downgrade(&cell));
                cell
            }
        }
    };
    cell.get_or_try_init(|| async {
        let reading =
            read(source, &ctx.client, &ctx.kinds, &ctx.settings.account, || ctx.clock.now())
                .await?;
        let key = ctx.key.clone();
        aside(move || Ok(Arc::new(assemble(reading, &key)))).await
    })
    .await
    .cloned()
}

/// Does something that takes the processor for a while, besides what waits for answers: a lease is
/// renewed meanwhile, and others go on.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::CutOff),
        },
    }
}

/// Reads the source with the rights of `client`: the operator's here, a person's for `kulisse plan`.
pub async fn read(
    source: &NamespaceName,
    client: &Client,
    kinds: &Kinds,
    operator: &OperatorAccount,
    now: impl Fn() -> Timestamp,
) -> Result<Reading, Error> {
    let room = Room::default();
    // Secrets are read apart, and once.
    let listable = kinds.listable(client).await?;
    let wanted: Vec<ApiResource> = listable
        .into_iter()
        .filter(|kind| kinds::is_read(&kind.group, &kind.kind) && !is_secret(kind))
        .collect();
    let room = &room;
    let client = &bounded(client.clone());
    let answers = stream::iter(wanted)
        .map(|kind| async move {
            let objects = objects(source, &kind, room, client).await;
            (kind, objects)
        })
        .buffered(AT_ONCE)
        .collect::<Vec<_>>();
    let (there, answers, secrets) =
        futures::join!(exists(source, client), answers, secrets(source, room, client));
    let mut objects = vec![there?];
    let mut unreadable = Vec::new();
    for (kind, answer) in answers {
        match answer {
            Ok(found) => objects.extend(found),
            // There are no objects of a kind that was taken out of the cluster a moment ago.
            Err(error) if error.code() == 404 && !kinds.has(client, &kind).await? => {}
            // Forbidden, or not answered by the API behind it: named, and the rest is read all the same.
            Err(error)
                if matches!(error.code(), 403 | 404 | 405 | 503)
                    || !kinds::comes_along(&kind.group, &kind.kind) && !room.is_full() =>
            {
                tracing::warn!(%error, "a kind of the source cannot be read");
                unreadable.push(full_name(&kind));
            }
            Err(error) => return Err(error),
        }
    }
    if ESSENTIAL.iter().any(|kind| unreadable.iter().any(|it| it == kind)) {
        return Err(not_readable(source, operator));
    }
    let secrets = match secrets? {
        Some(found) => {
            let (there, opened): (Vec<Object>, Vec<OpenSecret>) = found.into_iter().unzip();
            objects.extend(there);
            Some(opened)
        }
        None => {
            unreadable.push(SECRET.to_owned());
            None
        }
    };
    objects.extend(rights::of_source(source, &objects, client).await?);
    Ok(Reading { namespace: source.clone(), captured_at: now(), objects, secrets, unreadable })
}

/// The source itself: its name, labels and annotations.
async fn exists(source: &NamespaceName, client: &Client) -> Result<Object, Error> {
    let api: Api<Namespace> = Api::all(client.clone());
    let what = format!("get Namespace {source}");
    let namespace = |metadata: serde_json::Value| {
        Ok(Object::new(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata }))?)
    };
    match call(&what, || api.get_metadata(source.as_str())).await {
        Ok(it) => {
            let (labels, annotations) = (it.labels(), it.annotations());
            namespace(json!({ "name": source, "labels": labels, "annotations": annotations }))
        }
        // A person may read what is in a namespace without the right to look at it from outside.
        Err(error) if error.code() == 403 => namespace(json!({ "name": source })),
        Err(error) if error.code() == 404 => Err(Error::problem(
            Reason::SourceNotFound,
            format!(
                "namespace {source} does not exist: correct spec.source.namespace by creating the environment again"
            ),
        )),
        Err(error) => Err(error),
    }
}

/// What may still be read of a source.
#[derive(Default)]
pub(super) struct Room(AtomicUsize);

impl Room {
    fn is_full(&self) -> bool {
        self.0.load(Ordering::Relaxed) > MOST
    }

    /// Counts a page of a list of `kind`.
    fn take(
        &self,
        source: &NamespaceName,
        kind: &ApiResource,
        page: &[DynamicObject],
    ) -> Result<(), Error> {
        let bytes = page.iter().map(|it| size::of(&it.data) + of_metadata(&it.metadata)).sum();
        self.add(source, kind, bytes)
    }

    /// Counts a page of metadata.
    pub(super) fn take_metadata(
        &self,
        source: &NamespaceName,
        kind: &ApiResource,
        page: &[PartialObjectMeta<DynamicObject>],
    ) -> Result<(), Error> {
        self.add(source, kind, page.iter().map(|it| of_metadata(&it.metadata)).sum())
    }

    fn add(&self, source: &NamespaceName, kind: &ApiResource, bytes: usize) -> Result<(), Error> {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        if !self.is_full() {
            return Ok(());
        }
        let why = format!(
            "namespace {source} holds more than {} MiB, and no more is read of one; the last that was read were its {}: delete there, or move to another namespace, what the application does not need",
            MOST >> 20,
            kind.plural
        );
        Err(Error::problem(Reason::TooLarge, why))
    }
}

fn of_metadata(it: &ObjectMeta) -> usize {
    let pairs = it.annotations.iter().chain(&it.labels).flatten();
    let owners = it.owner_references.iter().flatten();
    EACH + it.name.as_ref().map_or(0, String::len)
        + pairs.map(|(key, value)| key.len() + value.len()).sum::<usize>()
        + owners.map(|it| it.kind.len() + it.name.len() + it.uid.len()).sum::<usize>()
        + it.finalizers.iter().flatten().map(String::len).sum::<usize>()
}

/// All objects of a kind, while there is room.
pub(super) async fn listed(
    source: &NamespaceName,
    kind: &ApiResource,
    room: &Room,
    api: &Api<DynamicObject>,
) -> Result<Vec<DynamicObject>, Error> {
    let what = &format!("list {} in {source}", kind.plural);
    pages_of(|params| async move {
        let page = if is_secret(kind) {
            call_secret(what, || api.list(&params)).await
        } else {
            call_list(what, || api.list(&params)).await
        };
        let mut page = page?;
        page.items.iter_mut().for_each(|it| it.metadata.managed_fields = None);
        room.take(source, kind, &page.items)?;
        Ok(page)
    })
    .await
}

async fn objects(
    source: &NamespaceName,
    kind: &ApiResource,
    room: &Room,
    client: &Client,
) -> Result<Vec<Object>, Error> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), source.as_str(), kind);
    let found = listed(source, kind, room, &api).await?;
    found.into_iter().map(|object| untyped(object, kind)).collect()
}

pub(super) fn untyped(mut object: DynamicObject, kind: &ApiResource) -> Result<Object, Error> {
    object.metadata.managed_fields = None;
    // Lists leave out what every item of theirs is.
    object.types.get_or_insert_with(|| TypeMeta {
        api_version: kind.api_version.clone(),
        kind: kind.kind.clone(),
    });
    let value =
        serde_json::to_value(object).map_err(|_| Error::Malformed("an object of the source"))?;
    Ok(Object::new(value)?)
}

/// The source's Secrets, each without and with its values, or `None` if they may not be read.
async fn secrets(
    source: &NamespaceName,
    room: &Room,
    client: &Client,
) -> Result<Option<Vec<(Object, OpenSecret)>>, Error> {
    let kind = ApiResource::erase::<Secret>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), source.as_str(), &kind);
    match listed(source, &kind, room, &api).await {
        Ok(found) => {
            Ok(Some(found.into_iter().map(|it| parted(it, &kind)).collect::<Result<_, _>>()?))
        }
        Err(error) if error.code() == 403 => Ok(None),
        Err(error) => Err(error),
    }
}

/// A Secret without its values, and those.
pub(super) fn parted(
    mut secret: DynamicObject,
    kind: &ApiResource,
) -> Result<(Object, OpenSecret), Error> {
    let fields = secret.data.as_object_mut();
    let data = fields.and_then(|it| it.remove("data")).unwrap_or_default();
    let data: Option<BTreeMap<String, ByteString>> =
        serde_json::from_value(data).map_err(|_| Error::Malformed("a Secret's data"))?;
    let kind_of = secret.data.get("type").and_then(|it| it.as_str()).unwrap_or("Opaque");
    let data = data.unwrap_or_default().into_iter();
    let opened = OpenSecret {
        name: secret.name_any(),
        kind: kind_of.to_owned(),
        data: data.map(|(key, ByteString(bytes))| (key, SecretBytes::new(bytes))).collect(),
    };
    Ok((untyped(secret, kind)?, opened))
}

/// That the owners of a source do not let the operator read it.
pub(super) fn not_readable(source: &NamespaceName, operator: &OperatorAccount) -> Error {
    Error::problem(
        Reason::SourceNotReadable,
        format!(
            "the operator may not read namespace {source}: its owners type «{}»",
            operator.grant(source.as_str(), "<request namespace>")
        ),
    )
}

pub(super) fn is_secret(kind: &ApiResource) -> bool {
    kind.group.is_empty() && kind.kind == SECRET
}

/// Takes a Secret's values into the type that cannot be shown.
pub fn open(secret: Secret) -> OpenSecret {
    let name = secret.name_any();
    let kind = secret.type_.clone().unwrap_or_else(|| "Opaque".to_owned());
    OpenSecret { name, kind, data: values(secret) }
}

/// The values of a Secret.
pub fn values(secret: Secret) -> BTreeMap<String, SecretBytes> {
    let data = secret.data.unwrap_or_default().into_iter();
    data.map(|(key, ByteString(bytes))| (key, SecretBytes::new(bytes))).collect()
}

fn full_name(kind: &ApiResource) -> String {
    if kind.group.is_empty() { kind.kind.clone() } else { format!("{}.{}", kind.kind, kind.group) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wherever_an_object_is_large_it_takes_room() {
        let source = NamespaceName::parse("shop").unwrap();
        let kind = ApiResource::erase::<Secret>(&());
        let large = "x".repeat(1 << 20);
        let owner = json!({ "apiVersion": "v1", "kind": "K", "name": large, "uid": "u" });
        for (field, value) in [
            ("data", json!({ "metadata": { "name": "a" }, "data": { "k": large } })),
            ("annotations", json!({ "metadata": { "name": "a", "annotations": { "k": large } } })),
            ("labels", json!({ "metadata": { "name": "a", "labels": { "k": large } } })),
            ("finalizers", json!({ "metadata": { "name": "a", "finalizers": [large] } })),
            ("owners", json!({ "metadata": { "name": "a", "ownerReferences": [owner] } })),
        ] {
            let object: DynamicObject = serde_json::from_value(value).unwrap();
            let room = Room::default();
            let page = vec![object; (MOST >> 20) - 1];
            assert!(room.take(&source, &kind, &page).is_ok(), "{field}");
            assert!(room.take(&source, &kind, &page[..2]).is_err(), "{field}");
        }
        let room = Room::default();
        let object: DynamicObject =
            serde_json::from_value(json!({ "metadata": { "name": "a" } })).unwrap();
        let page = vec![object; 1000];
        let full = (0..MOST / EACH / 1000).find(|_| room.take(&source, &kind, &page).is_err());
        assert!(full.is_some(), "so is one of very many");
    }

    #[test]
    fn a_secret_is_parted_from_its_values() {
        let secret = json!({
            "metadata": {"name": "db", "managedFields": [{}]}, "type": "kubernetes.io/tls",
            "immutable": true, "data": {"p": "Y2FuYXJ5"},
        });
        let kind = ApiResource::erase::<Secret>(&());
        let (object, opened) = parted(serde_json::from_value(secret).unwrap(), &kind).unwrap();
        assert_eq!(
            object.value(),
            &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"},
                "type": "kubernetes.io/tls", "immutable": true})
        );
        assert_eq!(
            (opened.kind.as_str(), opened.data["p"].expose()),
            ("kubernetes.io/tls", &b"canary"[..])
        );
        let empty = serde_json::from_value(json!({"metadata": {"name": "e"}})).unwrap();
        let (_, opened) = parted(empty, &kind).unwrap();
        assert!(opened.kind == "Opaque" && opened.data.is_empty());
        let wrong = json!({"metadata": {"name": "e"}, "data": {"p": "canary!"}});
        let said = parted(serde_json::from_value(wrong).unwrap(), &kind).err().unwrap().to_string();
        assert!(!said.contains("canary"), "{said}");
    }
}
