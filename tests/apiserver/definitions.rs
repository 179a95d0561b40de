//! The definitions on a real API server.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    support::{
        refusals::{Refusal, accepted, limits::limits, rules},
        tools::{files, yaml_file},
    },
    world::World,
};

pub async fn what_the_definitions_refuse_is_refused_by_the_server_in_the_same_words(
    world: Arc<World>,
) {
    for object in accepted() {
        let answer = world.objects().try_create(&object, true).await;
        assert!(answer.is_ok(), "{object}: {answer:?}");
    }
    for case in rules().into_iter().filter(|it| it.before.is_none()).chain(limits()) {
        let answer = world.objects().try_create(&case.object, true).await;
        expect(&case, answer);
    }
}

pub async fn changes_that_the_definitions_refuse_are_refused_by_the_server(world: Arc<World>) {
    let objects = world.objects();
    objects.namespace("req-changes").await;
    let at = |mut object: Value, number: usize| {
        object["metadata"]["namespace"] = "req-changes".into();
        object["metadata"]["name"] = format!("change-{number}").into();
        object
    };
    for (number, case) in rules().into_iter().filter(|it| it.before.is_some()).enumerate() {
        let before = at(case.before.clone().unwrap_or_default(), number);
        objects.try_apply(&before, false).await.expect("what it was before");
        let answer = objects.try_apply(&at(case.object.clone(), number), true).await;
        expect(&case, answer);
        let name = before["metadata"]["name"].as_str().unwrap_or_default();
        objects.delete("kulisse.dev/v1alpha1 StagingEnvironment", "req-changes", name).await;
    }
}

fn expect<T>(case: &Refusal, answer: Result<T, kube::Error>) {
    match answer {
        Ok(_) => panic!("{}: accepted", case.what),
        Err(kube::Error::Api(status)) => assert!(
            status.code == 422 && status.message.contains(case.sentence),
            "{}: {} {}",
            case.what,
            status.code,
            status.message
        ),
        Err(error) => panic!("{}: {error}", case.what),
    }
}

pub async fn examples_are_accepted_by_the_server(world: Arc<World>) {
    let objects = world.objects();
    let mut seen = 0;
    for path in files("examples", &["yaml"]) {
        // Templates and workflows are not manifests; the kinds of other tools are not installed.
        let skip = ["preview/", "github-actions", "applicationset", "resourceset", "argocd-cm"];
        if skip.iter().any(|it| path.to_string_lossy().contains(it)) {
            continue;
        }
        for mut object in yaml_file(&path) {
            let version = object["apiVersion"].as_str().unwrap_or_default().to_owned();
            if ["argoproj.io", "fluxcd", "source.toolkit", "kustomize"]
                .iter()
                .any(|it| version.contains(it))
            {
                continue;
            }
            // Its namespace does not exist here; what is checked is the object.
            if object["metadata"]["namespace"].is_string() {
                object["metadata"]["namespace"] = "default".into();
            }
            let answer = objects.try_apply(&object, true).await;
            assert!(answer.is_ok(), "{}: {answer:?}", path.display());
            seen += usize::from(version.starts_with("kulisse.dev/"));
        }
    }
    assert!(seen >= 4, "only {seen} objects of ours were found in examples/");
}
