//! Requests by others than the administrator: one at a time, as a dry run, and what stopped them.

use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};

use crate::support::objects::Objects;

/// What the API server says to a request of somebody's that would keep nothing. `body`: null if there
/// is none. Patches are merged, or applied (`APPLY`). `who`: nobody is the administrator.
pub async fn ask(
    objects: &Objects,
    who: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> (u16, String) {
    let (method, form, more) = match method {
        "GET" => ("GET", "application/json", ""),
        "PATCH" => ("PATCH", "application/merge-patch+json", "?dryRun=All"),
        "APPLY" => ("PATCH", "application/apply-patch+yaml", "?dryRun=All&fieldManager=tried"),
        other => (other, "application/json", "?dryRun=All"),
    };
    let uri = format!("{path}{more}");
    let text = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let mut request = http::Request::builder().method(method).uri(uri).header("content-type", form);
    if !who.is_empty() {
        request = request.header("impersonate-user", who);
    }
    let request = request.body(Body::from(text)).expect("a request");
    let answer = objects.client.clone().send(request).await.expect("an answer");
    let code = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.expect("all of it").to_bytes();
    let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    (code, said["message"].as_str().unwrap_or_default().to_owned())
}

/// Whether an account may do something, as the authorizer has it. What cannot be asked for (the kind
/// is not installed) or leaves no trace of the asker (impersonation) is asked for in this way.
pub async fn may(objects: &Objects, who: &str, what: Value) -> bool {
    let (rest, name) = who.rsplit_once(':').unwrap_or_default();
    let namespace = rest.rsplit_once(':').map_or("", |it| it.1);
    assert!(!name.is_empty(), "{who} is an account");
    let groups = ["system:serviceaccounts", "system:authenticated"];
    let mut groups: Vec<String> = groups.map(str::to_owned).to_vec();
    groups.push(format!("system:serviceaccounts:{namespace}"));
    let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "metadata": {}, "spec": { "user": who, "groups": groups, "resourceAttributes": what } });
    let answer = objects.try_create(&review, false).await.expect("a review");
    answer.data["status"]["allowed"] == true
}

/// What keeps a request from being done.
pub fn stopped(code: u16, said: &str) -> String {
    if let Some((_, rest)) = said.split_once("ValidatingAdmissionPolicy '") {
        let name = rest.split('\'').next().unwrap_or_default();
        return format!("policy {}", name.trim_start_matches("kulisse-"));
    }
    match code {
        200..300 => "nothing".to_owned(),
        403 if said.contains("violates PodSecurity") => "Pod Security".to_owned(),
        403 if said.contains("attempting to grant RBAC") => "RBAC, beyond own rights".to_owned(),
        403 if said.contains(" cannot ") => "RBAC".to_owned(),
        422 => "validation".to_owned(),
        _ => format!("{code} {said}"),
    }
}

/// A row of the table of what was tried, for whoever wants the table: `KULISSE_TEST_ROWS=1`.
pub fn told(who: &str, what: &str, by: &str) {
    if std::env::var_os("KULISSE_TEST_ROWS").is_some() {
        println!("| {who} | {what} | {by} |");
    }
}
