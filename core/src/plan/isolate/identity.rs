//! Tokens by which a Pod is known outside the cluster.
//!
//! A token for an audience of its own is made for the clone's ServiceAccount in the target. Where a
//! cloud or a vault trusts by wildcard, the clone would act as production; so it is shown. The
//! volume stays: the Pod would not start without it, and the fence lets nobody be asked.

use crate::{
    api::staging_plan::Severity,
    plan::{log::Log, object::Object},
};

pub(super) fn tokens(object: &Object, spec: &str, log: &mut Log) {
    let audiences = object
        .expand(&format!("{spec}/volumes/*/projected/sources/*/serviceAccountToken/audience"));
    for path in audiences {
        let audience = object.text(&path);
        if audience.is_empty() || audience.starts_with("https://kubernetes.default") {
            continue;
        }
        log.find(
            Severity::Warns,
            &object.key(),
            &path,
            "token-audience",
            format!(
                "its Pods get a token for {audience}: who trusts any namespace there would take the clone for production"
            ),
            format!(
                "nothing, while the fence keeps {audience} out of reach; where it is opened, trust the production namespace by name there"
            ),
        );
    }
}
