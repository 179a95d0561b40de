//! Are our own rights fenced?
//!
//! The right to make RoleBindings in new namespaces alone amounts to every Secret in the cluster.
//! The chart therefore ships an admission policy that holds our account to namespaces of its own.
//! Here it is shown to be in force: a namespace that it must refuse is asked for, as a dry run.

use std::time::Duration;

use k8s_openapi::api::{core::v1::Namespace, rbac::v1::RoleBinding};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use kulisse_core::{api::condition::Reason, api::names, lifecycle::Problem};
use serde_json::json;

use super::context::Context;

/// How often it is looked at while the policy is in force.
const AGAIN: Duration = Duration::from_hours(1);
/// How often it is looked at while it is not: at an installation the policies may come last.
const SOON: Duration = Duration::from_secs(2);
/// How often it is tried at the start.
const TRIES: u32 = 6;
/// Pause between tries at the start.
const PAUSE: Duration = Duration::from_millis(500);
/// A name and a lack of labels that the policy refuses.
const FORBIDDEN: &str = "kulisse-fence-check";
/// How the policies' own words begin: a refusal by anybody else proves nothing.
const OUR_WORDS: &str = "Kulisse may";

/// Looks whether both policies are in force: the one on namespaces and the one on RoleBindings.
pub async fn check(client: &Client) -> bool {
    let (namespaces, bindings) = futures::join!(namespaces(client), bindings(client));
    namespaces && bindings
}

/// As [`check`], with a few tries: the API server takes a moment to put a new policy into force,
/// and an installation may make the policies last.
pub async fn check_patiently(client: &Client) -> bool {
    for _ in 0..TRIES {
        if check(client).await {
            return true;
        }
        tokio::time::sleep(PAUSE).await;
    }
    check(client).await
}

async fn namespaces(client: &Client) -> bool {
    let api: Api<Namespace> = Api::all(client.clone());
    let namespace = Namespace {
        metadata: ObjectMeta { name: Some(FORBIDDEN.to_owned()), ..ObjectMeta::default() },
        ..Namespace::default()
    };
    refused(api.create(&dry(), &namespace)).await
}

async fn bindings(client: &Client) -> bool {
    let api: Api<RoleBinding> = Api::namespaced(client.clone(), "default");
    let binding = json!({
        "metadata": { "name": FORBIDDEN },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": names::CLONE_WRITER_ROLE }
    });
    match serde_json::from_value(binding) {
        Ok(binding) => refused(api.create(&dry(), &binding)).await,
        Err(_) => false,
    }
}

fn dry() -> PostParams {
    PostParams { dry_run: true, ..PostParams::default() }
}

async fn refused<T>(request: impl Future<Output = kube::Result<T>>) -> bool {
    match tokio::time::timeout(Duration::from_secs(10), request).await {
        Ok(Err(kube::Error::Api(status))) => status.message.contains(OUR_WORDS),
        _ => false,
    }
}

/// Keeps looking; calls `changed` when the answer does.
pub async fn watch(ctx: &Context, changed: impl Fn()) {
    loop {
        let pause = if ctx.is_fenced() { AGAIN } else { SOON };
        tokio::time::sleep(pause).await;
        let holds = check(&ctx.client).await;
        if ctx.fenced.swap(holds, std::sync::atomic::Ordering::Relaxed) != holds {
            if holds {
                tracing::info!("the policies that fence the operator's account are in force");
            } else {
                tracing::error!("{}", missing().message);
            }
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
