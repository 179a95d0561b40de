//! Volumes that are left when a target is gone, as their StorageClass keeps them.

use k8s_openapi::api::core::v1::PersistentVolume;
use kube::{Api, ResourceExt};
use kulisse_core::api::{condition::Reason, identity::NamespaceName};

use super::{call::pages, context::Context, error::Error, report, seen::Seen};

/// Names that a status has room for.
const TOLD: usize = 64;

/// Says which volumes of the target are left, if its plan had any that stay: in the status, and, as
/// the environment may go with it, in an Event. They are somebody's data: nobody deletes them here.
pub async fn tell(seen: &mut Seen, reason: Reason, ctx: &Context) -> Result<(), Error> {
    if seen.record.plan.as_ref().is_none_or(|it| it.retained == 0) {
        return Ok(());
    }
    let left = match left(&seen.target_name, ctx).await {
        Ok(left) => left,
        Err(error) if error.code() == 403 => return Ok(()),
        Err(error) => return Err(error),
    };
    if !left.is_empty() {
        report::left_behind(seen, reason, note(&left), ctx).await;
    }
    keep(&mut seen.record.kept_volumes, left);
    Ok(())
}

/// Adds names to those that earlier targets have left: there is no other list of them. The latest ones are
/// told.
pub fn keep(kept: &mut Vec<String>, left: Vec<String>) {
    kept.retain(|it| !left.contains(it));
    kept.extend(left);
    kept.drain(..kept.len().saturating_sub(TOLD));
}

fn note(left: &[String]) -> String {
    let (told, more) = report::first_few(left.iter());
    format!(
        "volumes that their StorageClass keeps are left: {told}{more}; «kubectl delete persistentvolume {told}» removes them, and their storage goes where it is kept"
    )
}

/// The volumes of claims of a namespace that is no more.
async fn left(target: &NamespaceName, ctx: &Context) -> Result<Vec<String>, Error> {
    let api: Api<PersistentVolume> = Api::all(ctx.client.clone());
    let all = pages(&api, "list persistentvolumes").await?;
    Ok(all.iter().filter(|it| is_of(it, target)).map(ResourceExt::name_any).collect())
}

fn is_of(volume: &PersistentVolume, target: &NamespaceName) -> bool {
    let claim = volume.spec.as_ref().and_then(|it| it.claim_ref.as_ref());
    let keeps = volume.spec.as_ref().and_then(|it| it.persistent_volume_reclaim_policy.as_deref());
    keeps == Some("Retain") && claim.and_then(|it| it.namespace.as_deref()) == Some(target.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_volumes_of_the_target_that_stay_are_told() {
        let target = NamespaceName::parse("stg-pr-1-abcde").unwrap();
        let is_of = |namespace: &str, policy: &str| {
            let volume = json!({ "metadata": { "name": "v" }, "spec": {
                "claimRef": { "namespace": namespace, "name": "data" },
                "persistentVolumeReclaimPolicy": policy } });
            super::is_of(&serde_json::from_value(volume).unwrap(), &target)
        };
        assert!(is_of("stg-pr-1-abcde", "Retain"));
        assert!(!is_of("shop", "Retain") && !is_of("stg-pr-1-abcde", "Delete"));
    }

    #[test]
    fn volumes_of_earlier_targets_stay_known_while_there_is_room() {
        let names = |from: usize, to: usize| (from..to).map(|it| format!("pv-{it}")).collect();
        let mut kept: Vec<String> = names(0, 2);
        keep(&mut kept, names(1, 4));
        assert_eq!(kept, names(0, 4), "each once");
        keep(&mut kept, names(4, 70));
        assert_eq!(kept, names(6, 70));
    }

    #[test]
    fn many_volumes_are_counted() {
        let left: Vec<String> = (0..10).map(|it| format!("pv-{it}")).collect();
        assert!(note(&left).contains("pv-7 and 2 more") && !note(&left).contains("pv-8"));
        assert!(note(&left[..1]).contains("kubectl delete persistentvolume pv-0»"));
    }
}
