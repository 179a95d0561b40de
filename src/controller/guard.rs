//! Are our own rights fenced?
//!
//! The right to make RoleBindings in new namespaces alone amounts to every Secret in the cluster.
//! The chart therefore ships an admission policy that holds our account to namespaces of its own.
//! Here it is shown to be in force: a namespace that it must refuse is asked for, as a dry run. Only an
//! answer says anything: while there is none, what is known holds.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use k8s_openapi::api::{core::v1::Namespace, rbac::v1::RoleBinding};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use kulisse_core::{api::condition::Reason, api::names, lifecycle::Problem};
use serde_json::json;
use tokio::time::Instant;

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

/// What the API server says of the policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// They are in force.
    InForce,
    /// One of them is not.
    Missing,
    /// Somebody else refuses what is tried, in these words: whether they are is not seen.
    Refused(String),
}

/// Whether the policies are in force, as far as the API server has said.
#[derive(Debug, Default)]
pub struct Policies(Mutex<Option<Answer>>);

impl Policies {
    /// What was found at the start.
    pub fn new(found: Option<Answer>) -> Self {
        Self(Mutex::new(found))
    }

    /// Why nothing may be created, if that is so.
    pub fn problem(&self) -> Option<Problem> {
        match &*self.known() {
            Some(Answer::InForce) => None,
            Some(Answer::Missing) => Some(missing()),
            Some(Answer::Refused(words)) => Some(unseen(words)),
            None => Some(unknown()),
        }
    }

    fn known(&self) -> MutexGuard<'_, Option<Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an answer. Whether it changes anything: a refusal by others changes nothing that is
    /// known.
    fn take(&self, answer: Answer) -> bool {
        let mut known = self.known();
        let refused = |it: &Answer| matches!(it, Answer::Refused(_));
        if refused(&answer) && known.as_ref().is_some_and(|it| !refused(it)) {
            return false;
        }
        // Others may say it in other words each time.
        let changes = known.as_ref().map(mem::discriminant) != Some(mem::discriminant(&answer));
        if changes {
            *known = Some(answer);
        }
        changes
    }
}

/// Looks whether both policies are in force: the one on namespaces and the one on RoleBindings. `None`
/// where the API server did not say.
pub async fn check(client: &Client) -> Option<Answer> {
    let (first, second) = futures::join!(namespaces(client), bindings(client));
    match (first, second) {
        (Some(Answer::Missing), _) | (_, Some(Answer::Missing)) => Some(Answer::Missing),
        (Some(Answer::Refused(words)), _) | (_, Some(Answer::Refused(words))) => {
            Some(Answer::Refused(words))
        }
        (Some(Answer::InForce), second) => second,
        (None, _) => None,
    }
}

/// As [`check`], with a few tries: the API server takes a moment to put a new policy into force,
/// an installation may make the policies last, and one request that fails says nothing.
pub async fn check_patiently(client: &Client) -> Option<Answer> {
    for _ in 0..TRIES {
        let asked = Instant::now();
        match check(client).await {
            Some(Answer::InForce) => return Some(Answer::InForce),
            // Who waits for its answer as long as one waits at all does not start for a minute.
            answer if asked.elapsed() > PAUSE => return answer,
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
    check(client).await
}

async fn namespaces(client: &Client) -> Option<Answer> {
    let api: Api<Namespace> = Api::all(client.clone());
    let namespace = Namespace {
        metadata: ObjectMeta { name: Some(FORBIDDEN.to_owned()), ..ObjectMeta::default() },
        ..Namespace::default()
    };
    let what = "try a namespace that the policy must refuse";
    refused(call(what, || api.create(&DRY, &namespace)).await)
}

async fn bindings(client: &Client) -> Option<Answer> {
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
fn refused<T>(answer: Result<T, Error>) -> Option<Answer> {
    let error = match answer {
        Ok(_) => return Some(Answer::Missing),
        Err(error) if error.already_exists() => return Some(Answer::Missing),
        Err(error) => error,
    };
    match &error {
        Error::Api { words, .. } if words.contains(OUR_WORDS) => Some(Answer::InForce),
        // A server in trouble, or one that is too busy, says nothing for good.
        Error::Api { code: 400..500, .. } if error.code() != 429 => {
            Some(Answer::Refused(error.to_string()))
        }
        _ => {
            tracing::warn!(%error, "whether the operator's account is fenced was not said");
            None
        }
    }
}

/// Keeps looking; calls `changed` when the answer does.
pub async fn watch(client: &Client, policies: &Policies, changed: impl Fn()) {
    let mut found = policies.known().clone();
    loop {
        tokio::time::sleep(if found == Some(Answer::InForce) { AGAIN } else { SOON }).await;
        found = check(client).await;
        if let Some(answer) = found.clone()
            && policies.take(answer)
        {
            match policies.problem() {
                None => {
                    tracing::info!("the policies that fence the operator's account are in force");
                }
                Some(problem) => tracing::error!("{}", problem.message),
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

/// What a person is told while others refuse what the policy must refuse.
fn unseen(words: &str) -> Problem {
    Problem::new(
        Reason::FencePolicyMissing,
        format!(
            "whether the ValidatingAdmissionPolicy that fences the operator's account is in force cannot be seen, so nothing is created: others refuse the dry run that shows it; let the operator's ServiceAccount through: {words}"
        ),
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
            (422, Some(Answer::InForce)),
            (201, Some(Answer::Missing)),
            (409, Some(Answer::Missing)),
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
    async fn who_else_refuses_is_named_and_changes_nothing_that_is_known() {
        let (client, _) = server(&Arc::new(AtomicU16::new(403)));
        let answer = check_patiently(&client).await.expect("an answer");
        let (new, known) = (Policies::default(), Policies::new(Some(Answer::InForce)));
        assert!(new.take(answer.clone()) && !new.take(answer.clone()), "told once");
        assert!(!known.take(answer));
        assert_eq!(known.problem(), None);
        let told = new.problem().expect("a problem");
        assert_eq!(told.reason, Reason::FencePolicyMissing);
        assert!(told.message.contains("denied request: nobody may"), "{}", told.message);
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_that_fails_at_the_start_is_asked_again() {
        let code = Arc::new(AtomicU16::new(500));
        let (client, _) = server(&code);
        let mend = async {
            tokio::time::sleep(PAUSE / 2).await;
            code.store(422, Ordering::Relaxed);
        };
        let (found, ()) = tokio::join!(check_patiently(&client), mend);
        assert_eq!(found, Some(Answer::InForce));
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
