//! The Job of one attempt at a task.

use serde_json::{Value, json};

use super::{HttpWork, PlannedTask, Work, work};
use crate::{
    api::{
        environment::PullRequest,
        identity::{MAX_LABEL, digest_word, fit},
        names,
    },
    plan::{
        object::{Object, escape},
        ours, own_pod,
        request::Request,
    },
};

/// Seconds that the Job of an HTTP task has beyond the task's timeout: the request ends by itself
/// and says what was wrong, which a Job that is stopped does not.
const HTTP_GRACE: u32 = 15;

/// One attempt at a task.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// What the plan was made for.
    pub request: &'a Request,
    /// The preview URLs of the plan.
    pub urls: &'a [String],
    /// The operator's own image, for HTTP tasks.
    pub image: &'a str,
    /// What else tells runs apart: the plan's digest for smokes; for seeds nothing, or whatever
    /// asked for another run.
    pub run: &'a str,
    /// Counted from 1.
    pub number: u32,
}

/// The Job of one attempt. The same task, incarnation, run and number give the same Job with the
/// same name, so that it is made once, whatever happens to whoever makes it.
pub fn job(task: &PlannedTask, attempt: &Attempt) -> Object {
    let request = attempt.request;
    let spec = match &task.work {
        Work::Http(http) => http_job(http, task.timeout_seconds, attempt),
        Work::Job(job) => job.get("/spec").cloned().unwrap_or_default(),
    };
    let mut job =
        ours::made(request, "batch/v1", "Job", &name(task, attempt), json!({"spec": spec}));
    let labels = ours::labels(request).into_iter().chain([(names::TASK_LABEL, task.name.as_str())]);
    for (key, value) in labels {
        for place in ["/metadata/labels", "/spec/template/metadata/labels"] {
            job.set(&format!("{place}/{}", escape(key)), json!(value));
        }
    }
    let number = attempt.number.to_string();
    job.set(&format!("/metadata/labels/{}", escape(names::ATTEMPT_LABEL)), json!(number));
    if let Work::Job(_) = task.work {
        tell(&mut job, &variables(request, attempt.urls));
    }
    job
}

/// The name of that Job: `seed-<name>-<hash>-<attempt>`, unless it is fixed.
pub fn name(task: &PlannedTask, attempt: &Attempt) -> String {
    if let Some(name) = &task.job_name {
        return name.clone();
    }
    let request = attempt.request;
    let role = task.role.list().to_lowercase();
    let incarnation = request.incarnation.to_string();
    let hash =
        digest_word(&[&request.environment.uid, &incarnation, &task.content, attempt.run], 6);
    let end = format!("-{hash}-{}", attempt.number);
    fit(&format!("{role}-{}{end}", task.name), MAX_LABEL, end.len())
}

fn http_job(http: &HttpWork, timeout_seconds: u32, attempt: &Attempt) -> Value {
    let spec = serde_json::to_string(http).unwrap_or_default();
    json!({
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "activeDeadlineSeconds": timeout_seconds.saturating_add(HTTP_GRACE),
        "template": {"spec": own_pod::spec(
            attempt.image, &["probe", "http", "--spec", &spec], &attempt.request.class
        )},
    })
}

/// What a task is told. Nothing of it is part of the plan.
fn variables(request: &Request, urls: &[String]) -> Vec<(&'static str, String)> {
    let none = PullRequest::default();
    let pull_request = request.spec.pull_request.as_ref().unwrap_or(&none);
    let all = [
        ("KULISSE_ENVIRONMENT", Some(request.environment.name.clone())),
        ("KULISSE_NAMESPACE", Some(request.target.to_string())),
        ("KULISSE_URL", urls.first().cloned()),
        ("KULISSE_PR_REPOSITORY", pull_request.repository.clone()),
        ("KULISSE_PR_NUMBER", pull_request.number.map(|number| number.to_string())),
        ("KULISSE_PR_BRANCH", pull_request.branch.clone()),
        ("KULISSE_PR_COMMIT", pull_request.commit.clone()),
        ("KULISSE_PR_AUTHOR", pull_request.author.clone()),
        ("KULISSE_PR_URL", pull_request.url.clone()),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, literal(&value?)))).collect()
}

/// Kubernetes expands `$(NAME)` in values, and `$$` is a dollar; a branch may be called so.
fn literal(value: &str) -> String {
    value.replace('$', "$$")
}

/// Adds variables to every container that does not set them itself. They come first, so that a
/// container's own can refer to them.
fn tell(job: &mut Object, variables: &[(&'static str, String)]) {
    for container in work::containers(job) {
        let path = format!("{container}/env");
        let own = job.get(&path).and_then(Value::as_array).cloned().unwrap_or_default();
        let mut env: Vec<Value> = variables
            .iter()
            .filter(|(name, _)| own.iter().all(|it| it["name"] != *name))
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        env.extend(own);
        job.set(&path, json!(env));
    }
}
