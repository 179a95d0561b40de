//! Are our own rights fenced?
//!
//! The right to make RoleBindings in new namespaces alone amounts to every Secret in the cluster.
//! The chart therefore ships an admission policy that holds our account to namespaces of its own.
//! Here it is shown to be in force: a namespace that it must refuse is asked for, as a dry run. Only an
//! answer says anything: while there is none, what is known holds.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::api::{core::v1::Namespace, rbac::v1::RoleBinding};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use kulisse_core::{api::condition::Reason, api::names, lifecycle::Problem};
use serde_json::json;

use super::{call::call, error::Error};

/// How often it is looked at while the policy is in force.
const AGAIN: Duration = Duration::from_hours(1);
/// How often it is looked at while it is not, or did not answer: at an installation the policies may
/// come last.
const SOON: Duration = Duration::from_secs(2);
/// How often it is tried at the start.
const TRIES: u32 = 6;
/// Pause between tries at the start.
const PAUSE: Duration = Duration::from_millis(500);
/// A name and a lack of labels that the policy refuses.
const FORBIDDEN: &str = "kulisse-fence-check";
/// How the policies' own words begin: a refusal by anybody else proves nothing.
const OUR_WORDS: &str = "Kulisse may";
/// How it is asked for.
const DRY: PostParams = PostParams { dry_run: true, field_manager: None };

/// Whether the policies are in force, as far as the API server has said.
#[derive(Debug, Default)]
pub struct Policies(Mutex<Option<bool>>);

impl Policies {
    /// What was found at the start.
    pub fn new(found: Option<bool>) -> Self {
        Self(Mutex::new(found))
    }

    /// Why nothing may be created, if that is so.
    pub fn problem(&self) -> Option<Problem> {
        match self.known() {
            Some(true) => None,
            Some(false) => Some(missing()),
            None => Some(unknown()),
        }
    }

    fn known(&self) -> Option<bool> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an answer. Whether it changes anything.
    fn take(&self, answer: bool) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.replace(answer) != Some(answer)
    }
}

/// Looks whether both policies are in force: the one on namespaces and the one on RoleBindings. `None`
/// where the API server did not say.
pub async fn check(client: &Client) -> Option<bool> {
    match futures::join!(namespaces(client), bindings(client)) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        (None, _) | (_, None) => None,
    }
}

/// As [`check`], with a few tries: the API server takes a moment to put a new policy into force,
/// and an installation may make the policies last.
pub async fn check_patiently(client: &Client) -> Option<bool> {
    for _ in 0..TRIES {
        match check(client).await {
            Some(false) => tokio::time::sleep(PAUSE).await,
            found => return found,
        }
    }
    check(client).await
}

async fn namespaces(client: &Client) -> Option<bool> {
    let api: Api<Namespace> = Api::all(client.clone());
    let namespace = Namespace {
        metadata: ObjectMeta { name: Some(FORBIDDEN.to_owned()), ..ObjectMeta::default() },
        ..Namespace::default()
    };
    let what = "try a namespace that the policy must refuse";
    refused(call(what, || api.create(&DRY, &namespace)).await)
}

async fn bindings(client: &Client) -> Option<bool> {
    let api: Api<RoleBinding> = Api::namespaced(client.clone(), "default");
    let binding = json!({
        "metadata": { "name": FORBIDDEN },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": names::CLONE_WRITER_ROLE }
    });
    let binding: RoleBinding = serde_json::from_value(binding).ok()?;
    let what = "try a RoleBinding that the policy must refuse";
    refused(call(what, || api.create(&DRY, &binding)).await)
}

/// Whether the policy refuses. That the name is taken is said after policies were asked; any other
/// answer is somebody else's.
fn refused<T>(answer: Result<T, Error>) -> Option<bool> {
    match answer {
        Err(Error::Api { words, .. }) if words.contains(OUR_WORDS) => Some(true),
        Err(error) if !error.already_exists() => {
            tracing::warn!(%error, "whether the operator's account is fenced was not said");
            None
        }
        _ => Some(false),
    }
}

/// Keeps looking; calls `changed` when the answer does.
pub async fn watch(client: &Client, policies: &Policies, changed: impl Fn()) {
    let mut found = policies.known();
    loop {
        tokio::time::sleep(if found == Some(true) { AGAIN } else { SOON }).await;
        found = check(client).await;
        if let Some(holds) = found
            && policies.take(holds)
        {
            if holds {
                tracing::info!("the policies that fence the operator's account are in force");
            } else {
                tracing::error!("{}", missing().message);
            }
            changed();
        }
    }
}

/// What a person is told while nobody knows.
fn unknown() -> Problem {
    Problem::new(
        Reason::ApiError,
        "the API server has not said yet whether the ValidatingAdmissionPolicy that fences the operator's account is in force, so nothing is created: it is asked again within seconds",
    )
}

/// What a person is told while it is not in force.
fn missing() -> Problem {
    Problem::new(
        Reason::FencePolicyMissing,
        "the ValidatingAdmissionPolicy that fences the operator's account is not in force, so nothing is created: install the chart's policies, or look at «kubectl get validatingadmissionpolicybinding»",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    };

    use ::http::{Request, Response};
    use kube::client::Body;

    use super::*;

    const SILENCE: u16 = 0;

    /// An API server that answers with that code; what it says then is what it would say.
    fn server(code: &Arc<AtomicU16>) -> (Client, Arc<AtomicUsize>) {
        let (code, asked) = (Arc::clone(code), Arc::<AtomicUsize>::default());
        let heard = Arc::clone(&asked);
        let service = tower::service_fn(move |request: Request<Body>| {
            let code = code.load(Ordering::Relaxed);
            heard.fetch_add(1, Ordering::Relaxed);
            async move {
                let kind = match request.uri().path() {
                    path if path.ends_with("/namespaces") => ("v1", "Namespace"),
                    _ => ("rbac.authorization.k8s.io/v1", "RoleBinding"),
                };
                let (reason, words) = match code {
                    SILENCE => std::future::pending().await,
                    409 => ("AlreadyExists", "it is there"),
                    422 => ("Invalid", "denied request: Kulisse may make only its own"),
                    403 => ("Forbidden", "denied request: nobody may"),
                    _ => ("", "trouble"),
                };
                let made = json!({ "apiVersion": kind.0, "kind": kind.1,
                    "metadata": { "name": FORBIDDEN },
                    "roleRef": { "apiGroup": "", "kind": "", "name": "" } });
                let status = json!({ "kind": "Status", "status": "Failure", "code": code,
                    "reason": reason, "message": words });
                let answer = if code == 201 { made } else { status };
                let answer = Body::from(answer.to_string().into_bytes());
                Response::builder().status(code).body(answer).map_err(std::io::Error::other)
            }
        });
        (Client::new(service, "default"), asked)
    }

    #[tokio::test(start_paused = true)]
    async fn only_an_answer_that_admits_says_that_the_policies_are_not_in_force() {
        for (code, found) in [
            (422, Some(true)),
            (201, Some(false)),
            (409, Some(false)),
            (403, None),
            (429, None),
            (500, None),
            (503, None),
            (SILENCE, None),
        ] {
            let (client, _) = server(&Arc::new(AtomicU16::new(code)));
            assert_eq!(check(&client).await, found, "{code}");
            assert_eq!(check_patiently(&client).await, found, "{code}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_answer_what_is_known_holds_and_it_is_asked_again_soon() {
        let code = Arc::new(AtomicU16::new(422));
        let (client, asked) = server(&code);
        let (policies, turns) = (Policies::default(), AtomicUsize::new(0));
        let watch = watch(&client, &policies, || {
            turns.fetch_add(1, Ordering::Relaxed);
        });
        let story = async {
            let told = || policies.problem().map(|it| it.reason);
            let changed = || turns.load(Ordering::Relaxed);
            assert_eq!(told(), Some(Reason::ApiError), "nobody has said anything");
            tokio::time::sleep(SOON * 2).await;
            assert_eq!((told(), changed()), (None, 1));
            code.store(503, Ordering::Relaxed);
            let before = asked.load(Ordering::Relaxed);
            tokio::time::sleep(AGAIN + SOON * 20).await;
            assert_eq!((told(), changed()), (None, 1), "it has not said otherwise");
            assert!(asked.load(Ordering::Relaxed) > before + 20, "it is asked again");
            code.store(201, Ordering::Relaxed);
            tokio::time::sleep(SOON * 2).await;
            assert_eq!((told(), changed()), (Some(Reason::FencePolicyMissing), 2));
        };
        tokio::select! {
            () = watch => {}
            () = story => {}
        }
    }
}
