//! Another attempt under a name that is taken: the Job of a seed that keeps its name.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use kube::{Api, api::PropagationPolicy};
use kulisse_core::lifecycle::readiness::Attempt;

use super::{
    call::{call, deletion_with, going, gone_is_fine},
    error::Error,
};

/// How often a Job that is in the way is looked at in one pass.
const LOOKS: u32 = 12;
/// Pause between looks.
const PAUSE: Duration = Duration::from_millis(250);

/// Removes the Job of an earlier attempt that has the name of this one, and waits until nothing of it
/// is left: what runs twice at the same time might write twice.
pub async fn make_way(api: &Api<Job>, name: &str, number: u32) -> Result<(), Error> {
    for _ in 0..LOOKS {
        let Some(job) = call(&format!("get Job {name}"), || api.get_opt(name)).await? else {
            return Ok(());
        };
        // Made already, by a pass that was cut off.
        if Attempt::from(&job).number == number {
            return Ok(());
        }
        if job.metadata.deletion_timestamp.is_none() {
            let uid = job.metadata.uid.unwrap_or_default();
            // In the foreground: the name is free once no Pod of it is left.
            let params = deletion_with(PropagationPolicy::Foreground, &uid);
            let what = format!("delete Job {name}");
            gone_is_fine(call(&what, || api.delete(name, &params)).await)?;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(going(&format!("Job {name}"), &[]))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use ::http::{Method, Request, Response};
    use http_body_util::BodyExt;
    use kube::{Client, client::Body};
    use kulisse_core::api::names;
    use serde_json::{Value, json};

    use super::*;

    /// An API server with one Job, which is gone after so many looks; what it was asked.
    fn server(attempt: &str, looks: usize) -> (Api<Job>, Arc<Mutex<Vec<Value>>>) {
        let asked = Arc::new(Mutex::new(Vec::<Value>::new()));
        let heard = Arc::clone(&asked);
        let job = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "migrate",
            "uid": "u-1", "labels": { names::ATTEMPT_LABEL: attempt } } });
        let service = tower::service_fn(move |request: Request<Body>| {
            let (heard, job) = (Arc::clone(&heard), job.clone());
            async move {
                let method = request.method().clone();
                let body =
                    request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
                let body = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
                let mut heard = heard.lock().unwrap();
                let gone = heard.iter().filter(|it| it.is_null()).count() >= looks;
                heard.push(if method == Method::DELETE { body } else { Value::Null });
                let status = json!({ "kind": "Status", "code": 404, "reason": "NotFound" });
                let (code, answer) = if gone { (404, status) } else { (200, job) };
                let answer = Response::builder()
                    .status(code)
                    .body(Body::from(answer.to_string().into_bytes()));
                answer.map_err(std::io::Error::other)
            }
        });
        (Api::namespaced(Client::new(service, "stg"), "stg"), asked)
    }

    #[tokio::test]
    async fn a_job_that_is_repeated_under_its_name_goes_first_and_whole() {
        let (api, asked) = server("1", 3);
        make_way(&api, "migrate", 2).await.unwrap();
        let deletions: Vec<Value> =
            asked.lock().unwrap().iter().filter(|it| !it.is_null()).cloned().collect();
        assert!(!deletions.is_empty());
        for it in deletions {
            assert_eq!(it["preconditions"]["uid"], "u-1");
            assert_eq!(it["propagationPolicy"], "Foreground");
        }
    }

    #[tokio::test]
    async fn a_job_that_does_not_go_is_waited_for_and_said() {
        let (api, _) = server("1", usize::MAX);
        let said = make_way(&api, "migrate", 2).await.unwrap_err().to_string();
        assert!(said.contains("Job migrate") && said.contains("still going"), "{said}");
    }

    #[tokio::test]
    async fn the_attempt_itself_is_in_nobodys_way() {
        let (api, asked) = server("2", usize::MAX);
        make_way(&api, "migrate", 2).await.unwrap();
        assert_eq!(asked.lock().unwrap().as_slice(), [Value::Null]);
    }
}
