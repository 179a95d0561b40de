//! What holds up the deletion of a target: the objects that the namespace controller speaks of are
//! looked at, once it takes longer than it should.

use kube::{
    Api,
    api::{DynamicObject, ListParams, ObjectMeta},
};
use kulisse_core::lifecycle::{
    facts::Target,
    remains::{Left, Remnant, dead, left, overdue, resource, told, unseen},
};

use super::{call::call_list, context::Context, error::Error, seen::Seen, world::Namespace};

/// Kinds that are looked at; the others are named.
const KINDS: usize = 8;
/// Objects of a kind that are looked at.
const OBJECTS: u32 = 16;
/// Sentences that are told.
const TOLD: usize = 16;
/// Characters of one.
const LONGEST: usize = 1024;

/// Names what holds the target up, if it takes long: the words of the namespace controller speak of
/// kinds and numbers, and a person needs to know which object, and what to type.
pub async fn explain(seen: &mut Seen, namespace: Option<&Namespace>, ctx: &Context) {
    let now = ctx.clock.now();
    let (Target::Leaving { only_rights: false, blocked_by }, Some(namespace)) =
        (&mut seen.target, namespace)
    else {
        return;
    };
    if !overdue(namespace.leaving, now) || namespace.remains.is_empty() {
        return;
    }
    let target = seen.target_name.as_str();
    let (mut remnants, mut words) = (Vec::new(), Vec::new());
    for (at, it) in left(&namespace.remains).into_iter().enumerate() {
        match it {
            Left::Objects { resource: plural, group } => {
                let name = resource(&plural, &group);
                let found =
                    if at < KINDS { look(target, &plural, &group, ctx).await } else { Ok(None) };
                match found {
                    Ok(Some(found)) => remnants.extend(found),
                    Ok(None) => words.push(unseen(target, &name)),
                    Err(error) => {
                        tracing::debug!(%error, "what is left was not looked at");
                        words.push(unseen(target, &name));
                    }
                }
            }
            Left::Api(api) => words.push(dead(&api)),
            Left::Words(it) => words.push(it),
        }
    }
    let mut all = told(target, remnants, now);
    all.extend(words);
    if !all.is_empty() {
        *blocked_by = all.iter().take(TOLD).map(|it| it.chars().take(LONGEST).collect()).collect();
    }
}

/// The objects of a resource in the target; `None` if the server does not know it.
async fn look(
    target: &str,
    plural: &str,
    group: &str,
    ctx: &Context,
) -> Result<Option<Vec<Remnant>>, Error> {
    let Some(kind) = ctx.kinds.resource(&ctx.client, plural, group).await? else {
        return Ok(None);
    };
    let api: Api<DynamicObject> = Api::namespaced_with(ctx.client.clone(), target, &kind);
    let params = ListParams::default().limit(OBJECTS);
    let what = format!("list {plural} in {target}");
    let found = call_list(&what, || api.list_metadata(&params)).await?.items;
    let name = resource(plural, group);
    Ok(Some(found.iter().map(|it| remnant(&name, &kind.kind, &it.metadata)).collect()))
}

/// What matters of an object that is left.
pub fn remnant(resource: &str, kind: &str, it: &ObjectMeta) -> Remnant {
    Remnant {
        resource: resource.to_owned(),
        kind: kind.to_owned(),
        name: it.name.clone().unwrap_or_default(),
        finalizers: it.finalizers.clone().unwrap_or_default(),
        leaves_at: it.deletion_timestamp.as_ref().map(|time| time.0),
    }
}
