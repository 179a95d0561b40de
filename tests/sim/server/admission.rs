//! What the operator's account may do: the policies of the chart and the rights in targets, as far as
//! somebody depends on them.

use super::{
    ask::{Ask, Verb},
    kinds,
    refusal::Refusal,
    store::Store,
};

/// First letters of the names of targets.
const PREFIX: &str = "stg-";
const RIGHTS: &str = "kulisse-rights";

/// Refuses what the operator's account may not do.
pub fn admit(store: &Store, ask: &Ask, name: &str) -> Result<(), Refusal> {
    if !ask.operator {
        return Ok(());
    }
    let creates = ask.verb == Verb::Create;
    match ask.kind.kind {
        "Namespace" | "RoleBinding" if !store.policies => Ok(()),
        "Namespace" if !name.starts_with(PREFIX) => Err(refused(
            ask,
            name,
            "kulisse-fence-namespaces",
            "Kulisse may create, change and delete only namespaces with one of its prefixes: stg",
        )),
        "RoleBinding" if !ask.namespace.starts_with(PREFIX) => Err(refused(
            ask,
            name,
            "kulisse-fence-rolebindings",
            "Kulisse may make RoleBindings only in namespaces that have one of its prefixes and the label kulisse.dev/environment-uid.",
        )),
        "RoleBinding" if creates && name == RIGHTS => Ok(()),
        _ if ask.namespace.starts_with(PREFIX) && !bound(store, &ask.namespace) => {
            let why = format!(
                "User \"system:serviceaccount:kulisse:kulisse\" cannot {} resource \"{}\" in API group \"{}\" in the namespace \"{}\"",
                if ask.verb == Verb::Apply { Verb::Patch } else { ask.verb },
                ask.kind.plural,
                ask.kind.group,
                ask.namespace
            );
            Err(Refusal::forbidden(ask.kind, name, &why))
        }
        _ => Ok(()),
    }
}

/// Whether the operator's rights hold in a namespace. One that is not there is said to be so later.
fn bound(store: &Store, namespace: &str) -> bool {
    let of = |group, plural| kinds::of_resource(group, "v1", plural).expect("a kind");
    store.get(of("", "namespaces"), "", namespace).is_none()
        || store.get(of("rbac.authorization.k8s.io", "rolebindings"), namespace, RIGHTS).is_some()
}

fn refused(ask: &Ask, name: &str, policy: &str, words: &str) -> Refusal {
    let why = format!(
        "ValidatingAdmissionPolicy '{policy}' with binding '{policy}' denied request: {words}"
    );
    let mut refusal = Refusal::forbidden(ask.kind, name, &why);
    refusal.code = 422;
    refusal.reason = "Invalid";
    refusal
}
