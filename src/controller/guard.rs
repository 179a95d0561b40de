//! Are our own rights fenced?
//!
//! The right to make RoleBindings in new namespaces alone amounts to every Secret in the cluster.
//! The chart therefore ships an admission policy that holds our account to namespaces of its own.
//! Here it is shown to be in force: a namespace that it must refuse is asked for, as a dry run.

use std::{sync::atomic::Ordering, time::Duration};

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};
use kulisse_core::{api::condition::Reason, lifecycle::Problem};

use super::{context::Context, error::code};

/// How often it is looked at while the policy is in force.
const AGAIN: Duration = Duration::from_secs(3600);
/// How often it is looked at while it is not.
const SOON: Duration = Duration::from_secs(15);
/// A name and a lack of labels that the policy refuses.
const FORBIDDEN: &str = "kulisse-fence-check";

/// Looks whether the policy is in force: the API server must refuse, and by a policy.
pub async fn check(client: &kube::Client) -> bool {
    let api: Api<Namespace> = Api::all(client.clone());
    let namespace = Namespace {
        metadata: ObjectMeta { name: Some(FORBIDDEN.to_owned()), ..ObjectMeta::default() },
        ..Namespace::default()
    };
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let asked =
        tokio::time::timeout(Duration::from_secs(10), api.create(&params, &namespace)).await;
    match asked {
        Ok(Err(error @ kube::Error::Api(_))) if matches!(code(&error), 403 | 422) => {
            error.to_string().contains("ValidatingAdmissionPolicy")
        }
        _ => false,
    }
}

/// Keeps looking; calls `changed` when the answer does.
pub async fn watch(ctx: &Context, changed: impl Fn()) {
    loop {
        let pause = if ctx.is_fenced() { AGAIN } else { SOON };
        tokio::time::sleep(pause).await;
        let holds = check(&ctx.client).await;
        if ctx.fenced.swap(holds, Ordering::Relaxed) != holds {
            tracing::warn!(holds, "the admission policy that fences the operator's account");
            changed();
        }
    }
}

/// What a person is told while it is not in force.
pub fn missing() -> Problem {
    Problem::new(
        Reason::FencePolicyMissing,
        "the ValidatingAdmissionPolicy that fences the operator's account is not in force, so nothing is created: install the chart's policies, or look at «kubectl get validatingadmissionpolicybinding»",
    )
}
