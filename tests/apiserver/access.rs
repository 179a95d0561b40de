//! The access matrix: who asks, for what, by which door; who answers, and how. The oracle is the API
//! server's log: of what is not granted the operator reads and writes nothing.

use std::{collections::BTreeMap, sync::Arc};

use kulisse_core::api::condition::{
    ConditionType::{Granted, Ready},
    find,
};
use serde_json::{Value, json};

use crate::{
    asking::{ask, stopped, told},
    support::{
        audit::{Request, mark, of_operator},
        environment::{Environment, grant, readable},
        objects::Objects,
        suite::skip,
        tools::{helm, root, run, yaml},
        wait::{eventually, s, steadily},
    },
    world::{APPLICATION, Place, World},
};

const GRANT: &str = "kulisse.dev/v1alpha1 StagingGrant";
const POLICY: &str = "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy";

/// What may be done by POST, by POST of a name that the server completes, and by server-side apply.
const DOORS: [(&str, &str); 3] = [
    ("kubectl create", "POST"),
    ("create with generateName", "POST"),
    ("server-side apply", "APPLY"),
];

/// What stands at a door: for a source whose owners let whoever asks have it cloned, and for others.
type Door = (&'static str, &'static str);

/// Who asks: in words, as whom, and what stands at each door: for a source whose owners let them have
/// it cloned (the verb `clone`), and for any other.
const WHO: [(&str, &str, [Door; 3]); 9] = {
    const RBAC: Door = ("RBAC", "RBAC");
    const IN: Door = ("nothing", "nothing");
    const ASKED: Door = ("nothing", "policy requester");
    const SHUT: Door = ("policy requester", "policy requester");
    [
        ("nobody", "nobody@tenant.example", [RBAC, RBAC, RBAC]),
        ("a requester without the verb clone", "asks@tenant.example", [SHUT, SHUT, SHUT]),
        ("a requester with it", "clones@tenant.example", [ASKED, ASKED, ASKED]),
        ("a developer with View in a clone", "views@tenant.example", [RBAC, RBAC, RBAC]),
        ("a developer with Edit in a clone", "edits@tenant.example", [RBAC, RBAC, RBAC]),
        ("an owner of the source", "owns@tenant.example", [RBAC, RBAC, RBAC]),
        ("a platform administrator", "", [IN, IN, IN]),
        ("a GitOps tool's account", "system:serviceaccount:{req}:gitops", [ASKED, ASKED, ASKED]),
        // It creates and nothing else: an apply would change what is there.
        ("a CI account", "system:serviceaccount:{req}:ci", [ASKED, ASKED, RBAC]),
    ]
};

/// The rights of those that have some. `{req}` is the request namespace, `{ns}` the source.
const RIGHTS: &str = "
{ apiVersion: v1, kind: ServiceAccount, metadata: { name: gitops, namespace: '{req}' } }
---
{ apiVersion: v1, kind: ServiceAccount, metadata: { name: ci, namespace: '{req}' } }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: asks, namespace: '{req}' }
rules: [{ apiGroups: [kulisse.dev], resources: [stagingenvironments], verbs: [get, list, create, update, patch, delete] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: ci, namespace: '{req}' }
rules: [{ apiGroups: [kulisse.dev], resources: [stagingenvironments], verbs: [get, create, delete] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: asks, namespace: '{req}' }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: asks }
subjects:
  - { kind: User, apiGroup: rbac.authorization.k8s.io, name: asks@tenant.example }
  - { kind: User, apiGroup: rbac.authorization.k8s.io, name: clones@tenant.example }
  - { kind: ServiceAccount, name: gitops, namespace: '{req}' }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: ci, namespace: '{req}' }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: ci }
subjects: [{ kind: ServiceAccount, name: ci, namespace: '{req}' }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: owner, namespace: '{ns}' }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin }
subjects: [{ kind: User, apiGroup: rbac.authorization.k8s.io, name: owns@tenant.example }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: kulisse-request-reader, namespace: '{req}' }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kulisse-request-reader }
subjects: [{ kind: ServiceAccount, name: kulisse, namespace: kulisse }]
---
{ apiVersion: v1, kind: Secret, metadata: { name: private, namespace: '{req}' }, stringData: { password: x } }
---
{ apiVersion: v1, kind: ConfigMap, metadata: { name: private, namespace: '{req}' }, data: { a.yaml: '' } }
";

/// The right to have a source cloned.
fn clone_of(source: &str, requests: &str) -> String {
    format!(
        "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{ name: clone, namespace: {source} }}
rules: [{{ apiGroups: [kulisse.dev], resources: [staginggrants], verbs: [clone] }}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{ name: clone, namespace: {source} }}
roleRef: {{ apiGroup: rbac.authorization.k8s.io, kind: Role, name: clone }}
subjects:
  - {{ kind: User, apiGroup: rbac.authorization.k8s.io, name: clones@tenant.example }}
  - {{ kind: ServiceAccount, name: gitops, namespace: {requests} }}
  - {{ kind: ServiceAccount, name: ci, namespace: {requests} }}
"
    )
}

/// What environments refer to: in words, whether its source has the verb `clone` for those who ask,
/// the spec, and the condition or reason that the operator answers with.
fn references(place: &Place<'_>) -> Vec<(&'static str, bool, Value, &'static str)> {
    let of = |source: &str, more: Value| {
        let mut spec = place.spec(&more);
        spec["source"]["namespace"] = json!(source);
        spec
    };
    let own = |more: Value| of(&place.source, more);
    let from = |name: &str| json!({ "secrets": { "rules": [{ "name": "database", "keys": ["password"], "policy": "From", "from": { "name": name } }] } });
    let copy = json!({ "secrets": { "rules": [{ "name": "database", "keys": ["password"], "policy": "Copy" }] } });
    let overlay = |name: &str| json!({ "overlay": { "configMapRef": [{ "name": name }] } });
    let manifests = |name: &str, class: &str| {
        let mut spec = own(json!({ "className": class }));
        spec["source"]["manifests"] = json!({ "configMapRef": [{ "name": name }] });
        spec
    };
    let artifact = |url: &str, secret: &str| {
        let mut spec = own(json!({ "className": "matrix-manifests" }));
        spec["source"]["manifests"] =
            json!({ "oci": { "url": url, "secretRef": { "name": secret } } });
        spec
    };
    let job = json!({ "seed": [{ "name": "tried", "fromJob": "theirs" }] });
    vec![
        ("a source that is granted", true, own(json!({})), "Ready"),
        ("one that is not", false, of("src-matrix-none", json!({})), "SourceNotGranted"),
        (
            "one that is granted to another namespace",
            false,
            of("src-matrix-other", json!({})),
            "SourceNotGranted",
        ),
        (
            "one whose grant is withdrawn, although the verb stays",
            true,
            of("src-matrix-gone", json!({})),
            "SourceNotGranted",
        ),
        ("the operator's own namespace", false, of("kulisse", json!({})), "SourceNotGranted"),
        ("the cluster's own namespace", false, of("kube-system", json!({})), "SourceNotGranted"),
        ("one that is not there", false, of("src-matrix-nowhere", json!({})), "SourceNotGranted"),
        (
            "a class that does not take the namespace",
            true,
            own(json!({ "className": "matrix-others" })),
            "NotAllowedByClass",
        ),
        ("a Secret of another namespace", true, own(from("theirs")), "SecretMissing"),
        (
            "a Secret beside it that is not marked usable",
            true,
            own(from("private")),
            "SecretMissing",
        ),
        ("a Copy that the owners did not grant", true, own(copy), "SourceNotGranted"),
        ("an overlay in another namespace", true, own(overlay("theirs")), "InvalidManifest"),
        ("an overlay that is not marked usable", true, own(overlay("private")), "InvalidManifest"),
        (
            "manifests in another namespace",
            true,
            manifests("theirs", "matrix-manifests"),
            "InvalidManifest",
        ),
        (
            "manifests where the class refuses them",
            true,
            manifests("theirs", "unprobed"),
            "NotAllowedByClass",
        ),
        (
            "an artefact of a registry that the class does not name",
            true,
            artifact("oci://evil.example.com/a/b:1", "theirs"),
            "NotAllowedByClass",
        ),
        (
            "a registry's credentials in another namespace",
            true,
            artifact("oci://registry.example.com/a/b:1", "theirs"),
            "SecretMissing",
        ),
        ("a Job that the source does not have", true, own(job), "InvalidSpec"),
    ]
}

/// The policy of the chart on who asks, while it is there.
async fn requester_policy(world: &World) -> Vec<Value> {
    let helm = helm().unwrap_or_else(|why| skip(&why));
    let mut command = std::process::Command::new(helm);
    command.current_dir(root()).args([
        "template",
        "kulisse",
        "charts/kulisse",
        "--namespace",
        "kulisse",
    ]);
    command.args([
        "--set",
        "requesterPolicy.enabled=true",
        "--show-only",
        "templates/policies.yaml",
    ]);
    let chart = tokio::task::block_in_place(|| run(&mut command, None)).ok("helm template");
    let mut objects = yaml(&chart);
    objects.retain(|it| it["metadata"]["name"] == "kulisse-requester");
    assert_eq!(objects.len(), 2, "a policy and its binding");
    for object in &objects {
        world.objects().try_apply(object, false).await.expect("a policy");
    }
    objects
}

/// What one door says to one who asks for one thing. Nothing is kept.
async fn door(
    objects: &Objects,
    who: &str,
    door: (&str, &str),
    requests: &str,
    spec: &Value,
) -> String {
    let all = format!("/apis/kulisse.dev/v1alpha1/namespaces/{requests}/stagingenvironments");
    let mut object = json!({ "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
        "metadata": { "name": "tried" }, "spec": spec });
    let path = if door.1 == "APPLY" { format!("{all}/tried") } else { all };
    if door.0.contains("generateName") {
        object["metadata"] = json!({ "generateName": "tried-" });
    }
    let (code, said) = ask(objects, who, door.1, &path, &object).await;
    stopped(code, &said)
}

/// What the operator says to an environment: that it is ready, or why not.
async fn answer(it: &Environment<'_>) -> String {
    it.until_that("the operator has answered", s(60), |it| {
        let status = it.status.as_ref()?;
        let ready = find(&status.conditions, Ready)?;
        let current = Some(status.observed_generation) == it.metadata.generation;
        if !current || ["Pending", "Progressing", "Reconciling"].contains(&ready.reason.as_str()) {
            return None;
        }
        match ready.status.as_str() {
            "True" => Some("Ready".to_owned()),
            "False"
                if find(
                    &status.conditions,
                    kulisse_core::api::condition::ConditionType::Stalled,
                )
                .is_some_and(|it| it.status == "True") =>
            {
                Some(ready.reason.clone())
            }
            _ => None,
        }
    })
    .await
}

/// Requests about a namespace, but for the question whether it is granted.
fn beyond_the_question(requests: &[Request], namespace: &str) -> Vec<String> {
    let about = requests.iter().filter(|it| it.within(namespace) && it.resource != "staginggrants");
    about.map(Request::line).collect()
}

pub async fn who_asks_for_what_by_which_door_is_answered_as_the_table_says(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("matrix", APPLICATION).await;
    let rights = RIGHTS.replace("{req}", &place.requests).replace("{ns}", &place.source);
    objects.apply(&rights).await;
    // Namespaces whose owners did not consent, each readable all the same: rights are no consent.
    let ungranted = ["src-matrix-none", "src-matrix-other", "src-matrix-gone"];
    for source in ungranted {
        objects.namespace(source).await;
        objects.apply(&readable(source)).await;
        objects.apply(&APPLICATION.replace("{ns}", source)).await;
    }
    let theirs = "src-matrix-other";
    objects.apply(&grant(theirs, "somebody-else")).await;
    objects.apply(&grant("src-matrix-gone", &place.requests)).await;
    objects.delete(GRANT, "src-matrix-gone", &format!("from-{}", place.requests)).await;
    for source in [place.source.as_str(), "src-matrix-gone"] {
        objects.apply(&clone_of(source, &place.requests)).await;
    }
    // What is usable in another namespace is of no use here.
    objects.apply(&format!("
{{ apiVersion: v1, kind: Secret, metadata: {{ name: theirs, namespace: {theirs}, labels: {{ kulisse.dev/usable: 'true' }} }}, stringData: {{ password: x }} }}
---
{{ apiVersion: v1, kind: ConfigMap, metadata: {{ name: theirs, namespace: {theirs}, labels: {{ kulisse.dev/usable: 'true' }} }}, data: {{ a.yaml: '' }} }}
")).await;
    world
        .class("matrix-others", &json!({ "requestFrom": { "matchLabels": { "team": "others" } } }))
        .await;
    let registries = json!([{ "repository": "registry.example.com/**" }]);
    world
        .class("matrix-manifests", &json!({ "manifests": "Allow", "registries": registries }))
        .await;
    let started = mark(world.audit_log());
    let policy = requester_policy(&world).await;
    let table = references(&place);
    let name_of = |who: &str| who.replace("{req}", &place.requests);

    // The server takes up a policy in its own time.
    eventually("the requester is asked", s(30), || async {
        let said =
            door(objects, "asks@tenant.example", DOORS[0], &place.requests, &table[0].2).await;
        if said == "policy requester" { Ok(()) } else { Err(said) }
    })
    .await;
    let mut wrong = Vec::new();
    let mut doors: BTreeMap<String, usize> = BTreeMap::new();
    for (what, may_clone, spec, _) in &table {
        for (who, name, expected) in &WHO {
            for (at, (granted, other)) in expected.iter().enumerate() {
                let expected = if *may_clone { granted } else { other };
                let said = door(objects, &name_of(name), DOORS[at], &place.requests, spec).await;
                if said != *expected {
                    wrong.push(format!(
                        "{who} asks for {what} by {}: {said}, not {expected}",
                        DOORS[at].0
                    ));
                }
                *doors.entry(said).or_default() += 1;
            }
        }
    }
    let warned = objects.get(POLICY, "", "kulisse-requester").await.data["status"]["typeChecking"]
        ["expressionWarnings"]
        .clone();
    assert!(warned.as_array().is_none_or(Vec::is_empty), "{warned:#}");
    for object in policy.iter().rev() {
        let kind = format!(
            "admissionregistration.k8s.io/v1 {}",
            object["kind"].as_str().unwrap_or_default()
        );
        objects.delete(&kind, "", "kulisse-requester").await;
    }
    // Behind the doors the operator's answer is the same for everybody.
    let mut all = Vec::new();
    for (at, (_, _, spec, _)) in table.iter().enumerate() {
        all.push(
            Environment::apply(objects, &place.requests, &format!("pr-{at}"), spec.clone()).await,
        );
    }
    for (it, (what, _, _, expected)) in all.iter().zip(&table) {
        let said = answer(it).await;
        told("anybody", what, &said);
        if said != *expected {
            wrong.push(format!("{what}: {said}, not {expected}"));
        }
    }
    for it in &all {
        it.delete().await;
    }
    for it in &all {
        it.gone(s(60)).await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let requests = of_operator(world.audit_log(), started);
    let mut read = Vec::new();
    for namespace in ungranted {
        read.extend(beyond_the_question(&requests, namespace));
    }
    // Others run beside this one: of the cluster's namespace nobody has any business.
    read.extend(beyond_the_question(&requests, "kube-system"));
    assert!(read.is_empty(), "read or written of what is not granted: {read:#?}");
    let cells = table.len() * WHO.len() * DOORS.len();
    println!(
        "figure: {cells} cells of who asks for what by which door, all as the table says ({doors:?}); 0 requests of the operator's of what is not granted"
    );
}

pub async fn a_source_whose_grant_is_withdrawn_is_not_looked_at_any_more(world: Arc<World>) {
    let place = world.source("unlooked", APPLICATION).await;
    let objects = world.objects();
    let it = place.environment("pr-1", json!({ "drift": { "interval": "10s" } })).await;
    it.ready(s(60)).await;
    let name = format!("from-{}", place.requests);
    let withdrawn = std::time::Instant::now();
    objects.delete(GRANT, &place.source, &name).await;
    it.until(Granted, "False", "GrantWithdrawn", s(60)).await;
    let took = withdrawn.elapsed();
    // What was on its way has ended.
    tokio::time::sleep(s(2)).await;
    let after = mark(world.audit_log());
    steadily("nothing of the source is read", s(25), || async {
        let seen = beyond_the_question(&of_operator(world.audit_log(), after), &place.source);
        if seen.is_empty() { Ok(()) } else { Err(format!("{seen:#?}")) }
    })
    .await;
    println!(
        "figure: {:.2} s from a withdrawn grant to the end of access; 0 reads of the source in 25 s after that",
        took.as_secs_f64()
    );
    it.remove().await;
}
