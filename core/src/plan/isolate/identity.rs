//! By what a clone is known outside the cluster: in a cloud, in a vault.
//!
//! Production's identities go with their annotations (`strip`); the class may give others. A token
//! for an audience of its own is made for the clone's ServiceAccount in the target. Where a cloud or a
//! vault trusts by wildcard, the clone would act as production; so it is shown. The volume stays: the
//! Pod would not start without it, and the fence lets nobody be asked.

use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    api::{class::ClassAccount, staging_plan::Severity},
    plan::{
        context::Context,
        log::{Log, Rule},
        object::{Object, escape},
        pattern,
    },
};

const OF_CLASS: Rule =
    Rule { name: "staging-identity", why: "the class gives an identity of staging" };

/// Drivers of volumes by which a Pod gets an identity: the one of its own namespace and account.
pub(super) const DRIVERS: [&str; 2] = ["csi.spiffe.io", "spiffe.csi.cert-manager.io"];

/// What the class gives to a ServiceAccount.
pub(super) fn account(object: &mut Object, context: &Context, log: &mut Log) {
    if let Some(given) = of_class(object.name(), context) {
        put(object, "/metadata/annotations", &given.annotations, context, log);
    }
}

/// What the class gives to the Pods of an object; `spec` is the JSON pointer of their spec.
pub(super) fn pods(object: &mut Object, spec: &str, context: &Context, log: &mut Log) {
    let account = object.text(&format!("{spec}/serviceAccountName"));
    let Some(given) = of_class(account, context) else { return };
    let Some(template) = spec.strip_suffix("/spec") else { return };
    put(object, &format!("{template}/metadata/labels"), &given.pod_labels, context, log);
    put(object, &format!("{template}/metadata/annotations"), &given.pod_annotations, context, log);
}

fn put(
    object: &mut Object,
    path: &str,
    values: &BTreeMap<String, String>,
    context: &Context,
    log: &mut Log,
) {
    for (key, value) in values {
        // A label that a selector uses says which Pods a workload has.
        if path.ends_with("/labels") && context.selected.contains(key.as_str()) {
            continue;
        }
        log.set(object, &format!("{path}/{}", escape(key)), json!(value), &OF_CLASS);
    }
}

/// The first entry of the class for an account of the source. What is no glob fits nothing.
fn of_class<'a>(account: &str, context: &Context<'a>) -> Option<&'a ClassAccount> {
    let fits = |glob: &str, name: &str| pattern::glob("", glob).is_ok_and(|it| it.is_match(name));
    let named = !matches!(account, "" | "default");
    context.request.class.service_accounts.iter().filter(|_| named).find(|it| {
        fits(&it.name, account) && it.source.as_deref().is_none_or(|it| fits(it, context.source()))
    })
}

/// Shows by what its Pods are known.
pub(super) fn tokens(object: &Object, spec: &str, log: &mut Log) {
    let audiences = object
        .expand(&format!("{spec}/volumes/*/projected/sources/*/serviceAccountToken/audience"));
    for path in audiences {
        let audience = object.text(&path);
        if !audience.is_empty() && !audience.starts_with("https://kubernetes.default") {
            told(object, &path, &format!("a token for {audience}"), audience, log);
        }
    }
    for path in object.expand(&format!("{spec}/volumes/*/csi/driver")) {
        let driver = object.text(&path);
        if DRIVERS.contains(&driver) {
            told(object, &path, &format!("an identity from {driver}"), "whoever trusts it", log);
        }
    }
}

fn told(object: &Object, path: &str, what: &str, whom: &str, log: &mut Log) {
    log.find(
        Severity::Warns,
        &object.key(),
        path,
        "token-audience",
        format!(
            "its Pods get {what}: who trusts any namespace there would take the clone for production"
        ),
        format!(
            "nothing, while the fence keeps {whom} out of reach; where it is opened, trust the production namespace by name there"
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{self, deployment, service};

    #[test]
    fn a_label_of_the_class_never_takes_the_place_of_one_that_a_selector_uses() {
        let class = json!({"serviceAccounts": [{
            "name": "robot",
            "podLabels": {"app": "x", "team": "x"},
            "podAnnotations": {"app": "x"},
        }]});
        let request = fixture::request(json!({}), class);
        let mut capture = fixture::capture();
        capture.objects = vec![service("web")];
        let context = Context::new(&request, &capture).unwrap();
        let pod = json!({"serviceAccountName": "robot"});
        let mut web = deployment("web", json!({"app": "web"}), pod);
        pods(&mut web, "/spec/template/spec", &context, &mut Log::default());
        let expected = json!({
            "labels": {"app": "web", "team": "x"}, "annotations": {"app": "x"}
        });
        assert_eq!(web.get("/spec/template/metadata"), Some(&expected));
    }

    #[test]
    fn the_first_entry_for_an_account_of_the_source_counts() {
        let class = json!({"serviceAccounts": [
            {"name": "web", "source": "bank-*"},
            {"name": "web", "source": "sh*", "annotations": {"of": "web"}},
            {"name": "["},
            {"name": "*", "source": "shop", "annotations": {"of": "all"}},
        ]});
        let (request, capture) = (fixture::request(json!({}), class), fixture::capture());
        let context = Context::new(&request, &capture).unwrap();
        for (account, expected) in
            [("web", Some("web")), ("api", Some("all")), ("default", None), ("", None)]
        {
            let found = of_class(account, &context).map(|it| it.annotations["of"].as_str());
            assert_eq!(found, expected, "{account}");
        }
    }
}
