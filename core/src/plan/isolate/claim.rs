//! Claims get volumes of their own.

use serde_json::Value;

use super::super::{
    context::Context,
    kinds::{self, Shape},
    log::{Log, Rule},
    object::Object,
};

const FRESH: Rule = Rule {
    name: "claim-class",
    why: "it would look for a volume made by hand, such as production's; a new one is made instead",
};

/// What whoever makes volumes on demand writes on the claims it makes them for.
const PROVISIONERS: [&str; 2] =
    ["volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner"];

/// Takes from a claim, or the template of one, what chooses among volumes that exist.
pub(super) fn fresh(object: &mut Object, base: &str, context: &Context, log: &mut Log) {
    let by_hand = claims_of(object, base, context).any(is_bound_by_hand);
    log.remove(object, &format!("{base}/spec/selector"), &FRESH);
    let class = format!("{base}/spec/storageClassName");
    if by_hand || object.get(&class).is_some_and(|it| it == "") {
        log.remove(object, &class, &FRESH);
    }
}

/// The source's claims that are behind a claim or the template of one.
fn claims_of<'a>(
    object: &Object,
    base: &str,
    context: &'a Context,
) -> impl Iterator<Item = &'a Object> + use<'a> {
    let name = object.name().to_owned();
    let template = object.text(&format!("{base}/metadata/name")).to_owned();
    let is_claim = base.is_empty();
    let claims = context.capture.objects.iter().filter(|it| kinds::shape(it) == Shape::Claim);
    claims.filter(move |it| {
        if is_claim {
            return it.name() == name;
        }
        let number = it.name().strip_prefix(&format!("{template}-{name}-"));
        number.is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// Whether a claim has a volume that nobody made for it. A class of such volumes would give the
/// clone another one of production's.
fn is_bound_by_hand(claim: &Object) -> bool {
    claim.get("/spec/volumeName").and_then(Value::as_str).is_some_and(|it| !it.is_empty())
        && PROVISIONERS.iter().all(|key| claim.annotation(key).is_none())
}
