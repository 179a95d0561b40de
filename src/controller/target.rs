//! The target: made, found again, and never taken from anybody else.

use k8s_openapi::api::{core::v1::Namespace as V1Namespace, rbac::v1::RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Api;
use kulisse_core::{
    api::{
        condition::Reason,
        identity::{Incarnation, NamespaceName},
        names,
        status::{ProbeVerdict, Target as TargetRecord, TargetRole},
    },
    lifecycle::{
        facts::Target,
        remains::{Remnant, told},
    },
    plan::{
        access,
        object::{Object, escape},
        request::Request,
    },
};
use serde_json::json;

use super::{
    call::{call, creation, deletion_of, gone_is_fine, there_is_fine},
    context::Context,
    error::Error,
    seen::Seen,
    stored::Stored,
    world::Namespace,
};

/// Conditions of a namespace that say what is left in it.
const REMAINS: [&str; 5] = [
    "NamespaceContentRemaining",
    "NamespaceFinalizersRemaining",
    "NamespaceDeletionContentFailure",
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
];

/// What a namespace of the target's name is to us: ours if it carries our proof, and is the one whose
/// UID is in the status (`recorded`), where one is.
pub fn judge(
    namespace: Option<&Namespace>,
    recorded: Option<&str>,
    name: &str,
    proof: &str,
) -> Target {
    let Some(namespace) = namespace else { return Target::None };
    // Both: a status can be written by hand, and a proof alone does not tell one life from the next.
    let ours = namespace.proof.as_deref() == Some(proof)
        && recorded.is_none_or(|uid| uid == namespace.uid);
    if !ours {
        return Target::Foreign(name.to_owned());
    }
    if namespace.leaving.is_none() {
        return Target::Living;
    }
    let remains: Vec<&(String, String)> =
        namespace.remains.iter().filter(|(kind, _)| REMAINS.contains(&kind.as_str())).collect();
    let only_rights =
        !remains.is_empty() && remains.iter().all(|(kind, words)| rights_only(kind, words));
    let blocked_by = if only_rights {
        Vec::new()
    } else if remains.is_empty() && !namespace.finalizers.is_empty() {
        // Empty, and somebody holds the namespace itself.
        itself(name, namespace)
    } else {
        remains.iter().map(|(_, words)| words.clone()).collect()
    };
    Target::Leaving { only_rights, blocked_by }
}

/// That a namespace has finalizers of its own.
fn itself(name: &str, namespace: &Namespace) -> Vec<String> {
    let it = Remnant {
        resource: "namespaces".to_owned(),
        kind: "Namespace".to_owned(),
        name: name.to_owned(),
        finalizers: namespace.finalizers.clone(),
        leaves_at: namespace.leaving,
    };
    told("", vec![it], namespace.leaving.unwrap_or_default())
}

/// Whether a namespace's condition speaks of nothing but our own RoleBinding.
fn rights_only(kind: &str, words: &str) -> bool {
    match kind {
        "NamespaceContentRemaining" => {
            words
                == "Some resources are remaining: rolebindings.rbac.authorization.k8s.io has 1 resource instances"
        }
        "NamespaceFinalizersRemaining" => {
            words
                == format!(
                    "Some content in the namespace has finalizers remaining: {} in 1 resource instances",
                    names::RIGHTS_FINALIZER
                )
        }
        _ => false,
    }
}

/// Looks for a namespace with certainty: by asking for it.
pub async fn find(name: &NamespaceName, ctx: &Context) -> Result<Option<Namespace>, Error> {
    let api: Api<V1Namespace> = Api::all(ctx.client.clone());
    let what = format!("get Namespace {name}");
    Ok(call(&what, || api.get_opt(name.as_str())).await?.map(|it| Namespace::from(&it)))
}

/// Looks for the target with certainty, and judges what is there.
pub async fn look(seen: &mut Seen, ctx: &Context) -> Result<Option<Namespace>, Error> {
    let there = find(&seen.target_name, ctx).await?;
    let proof = proof(seen, seen.incarnation(), ctx);
    let recorded = seen.target_record().map(|it| it.uid.clone());
    let name = seen.target_name.as_str();
    seen.target = judge(there.as_ref(), recorded.as_deref(), name, &proof);
    Ok(there)
}

/// Deletes the namespace with that UID, if it is there.
pub async fn delete(name: &NamespaceName, uid: &str, ctx: &Context) -> Result<(), Error> {
    let api: Api<V1Namespace> = Api::all(ctx.client.clone());
    let params = deletion_of(uid);
    let what = format!("delete Namespace {name}");
    gone_is_fine(call(&what, || api.delete(name.as_str(), &params)).await)
}

/// Makes the target and our rights in it. Safe to repeat: what is there and ours is taken up.
pub async fn make(seen: &mut Seen, stored: &Stored, ctx: &Context) -> Result<(), Error> {
    let namespace = post(seen, &stored.plan.namespace, ctx).await?;
    let name = seen.target_name.clone();
    record(seen, &name, &namespace);
    rights(&stored.request, ctx).await?;
    seen.record.teardown = None;
    seen.target = Target::Living;
    Ok(())
}

/// Takes down in the record that the target is there.
pub fn record(seen: &mut Seen, name: &NamespaceName, namespace: &Namespace) {
    let incarnation = seen.incarnation();
    // A namespace that took the place of another one lives on by its clock.
    if seen.record.started_at.is_none() {
        seen.record.started_at = namespace.created.map(Time);
    }
    if seen.target_record().is_some_and(|it| it.uid == namespace.uid) {
        return;
    }
    seen.record.namespaces = vec![TargetRecord {
        name: name.as_str().to_owned(),
        uid: namespace.uid.clone(),
        incarnation,
        role: TargetRole::Serving,
        probe: ProbeVerdict::Unknown,
        probe_message: String::new(),
        applied: None,
    }];
}

async fn post(seen: &Seen, plan: &Object, ctx: &Context) -> Result<Namespace, Error> {
    let name = &seen.target_name;
    let proof = proof(seen, seen.incarnation(), ctx);
    let mut object = plan.clone();
    object.set(&format!("/metadata/annotations/{}", escape(names::PROOF_ANNOTATION)), json!(proof));
    let namespace: V1Namespace =
        serde_json::from_value(object.into_value()).map_err(|_| Error::Malformed("the target"))?;
    let api: Api<V1Namespace> = Api::all(ctx.client.clone());
    let params = creation();
    let what = format!("create Namespace {name}");
    match call(&what, || api.create(&params, &namespace)).await {
        Ok(made) => Ok(Namespace::from(&made)),
        // A crash between the POST and the record: ours if it carries our proof.
        Err(error) if error.code() == 409 => {
            let there = find(name, ctx).await?;
            let recorded = seen.target_record().map(|it| it.uid.as_str());
            match (judge(there.as_ref(), recorded, name.as_str(), &proof), there) {
                (Target::Living, Some(namespace)) => Ok(namespace),
                _ => Err(Error::problem(
                    Reason::Conflict,
                    format!(
                        "a namespace {name} exists and is not ours, or is on its way out: it is neither used nor deleted"
                    ),
                )),
            }
        }
        Err(error) => Err(error),
    }
}

/// The proof for the target of an incarnation.
pub fn proof(seen: &Seen, incarnation: Incarnation, ctx: &Context) -> String {
    proof_of(&seen.identity.uid, &seen.target_name, incarnation, ctx)
}

/// The proof that we made the namespace `name` for that life of the environment with that UID.
pub fn proof_of(
    uid: &str,
    name: &NamespaceName,
    incarnation: Incarnation,
    ctx: &Context,
) -> String {
    ctx.key.proof(&["target", uid, name.as_str(), &incarnation.to_string()])
}

/// Binds our rights in the target.
async fn rights(request: &Request, ctx: &Context) -> Result<(), Error> {
    let binding: RoleBinding = serde_json::from_value(access::rights(request).into_value())
        .map_err(|_| Error::Malformed("a RoleBinding of ours"))?;
    let api: Api<RoleBinding> = Api::namespaced(ctx.client.clone(), request.target.as_str());
    let params = creation();
    let what = format!("create RoleBinding {} in {}", names::RIGHTS_BINDING, request.target);
    there_is_fine(call(&what, || api.create(&params, &binding)).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(leaving: bool, remains: &[(&str, &str)]) -> Namespace {
        Namespace {
            uid: "n".into(),
            created: None,
            proof: Some("proof".into()),
            incarnation: Some("1".into()),
            leaving: leaving.then_some(jiff::Timestamp::UNIX_EPOCH),
            finalizers: vec![],
            remains: remains.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
        }
    }

    #[test]
    fn only_our_proof_makes_it_ours_whatever_a_status_says() {
        let it = namespace(false, &[]);
        assert_eq!(judge(Some(&it), Some("n"), "stg", "proof"), Target::Living);
        assert_eq!(judge(Some(&it), None, "stg", "proof"), Target::Living);
        let foreign = Target::Foreign("stg".into());
        assert_eq!(judge(Some(&it), Some("n"), "stg", "other"), foreign);
        assert_eq!(judge(Some(&it), None, "stg", "other"), foreign);
        assert_eq!(judge(Some(&it), Some("m"), "stg", "proof"), foreign);
    }

    #[test]
    fn a_finalizer_of_the_namespace_itself_is_named() {
        let mut it = namespace(true, &[]);
        it.finalizers = vec!["example.com/hold".into()];
        match judge(Some(&it), Some("n"), "stg", "proof") {
            Target::Leaving { only_rights: false, blocked_by } => {
                assert!(blocked_by[0].contains("example.com/hold"), "{blocked_by:?}");
                assert!(blocked_by[0].contains("kubectl patch namespaces stg"), "{blocked_by:?}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn our_rights_go_last() {
        let content = (
            "NamespaceContentRemaining",
            "Some resources are remaining: rolebindings.rbac.authorization.k8s.io has 1 resource instances",
        );
        let ours = (
            "NamespaceFinalizersRemaining",
            "Some content in the namespace has finalizers remaining: kulisse.dev/rights in 1 resource instances",
        );
        let pods = (
            "NamespaceContentRemaining",
            "Some resources are remaining: pods. has 2 resource instances, rolebindings.rbac.authorization.k8s.io has 1 resource instances",
        );
        let only = |remains: &[(&str, &str)]| match judge(
            Some(&namespace(true, remains)),
            Some("n"),
            "stg",
            "proof",
        ) {
            Target::Leaving { only_rights, .. } => only_rights,
            _ => false,
        };
        assert!(only(&[content, ours]));
        assert!(!only(&[pods, ours]));
        assert!(!only(&[]), "the namespace controller has not looked yet");
    }
}
