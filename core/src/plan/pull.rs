//! With what images are pulled: the class's own pull secrets; else production's, if the source's
//! owners granted them or the environment gives others; else with nothing, since wrong credentials
//! would fail even public pulls.

use serde_json::{Value, json};

use super::{
    context::Context,
    kinds,
    log::{Log, Rule},
    object::{Key, Object},
    ours,
    secret::{Consent, comes_along},
};
use crate::{
    api::{class::StagingClassSpec, names, staging_plan::Severity},
    secrets::{Origin, Place, PlannedSecret, PlannedValue},
};

const DROPPED: Rule = Rule {
    name: "pull-secret",
    why: "credentials of production's registry stay there; wrong ones would fail even public pulls",
};
const OF_CLASS: Rule = Rule {
    name: "pull-secret",
    why: "the class gives pull credentials of its own, instead of production's",
};
const OF_ACCOUNT: Rule = Rule {
    name: "pull-secret",
    why: "it stood at a ServiceAccount that every namespace has and that is not cloned",
};

/// The key of a Secret of the type below.
const KEY: &str = ".dockerconfigjson";
const TYPE: &str = "kubernetes.io/dockerconfigjson";

/// What the Pods of an object pull with; `base` is the JSON pointer of their spec.
pub(super) fn pods(object: &mut Object, base: &str, context: &Context, log: &mut Log) {
    let path = format!("{base}/imagePullSecrets");
    let class = of_class(context);
    if !class.is_empty() {
        log.set(object, &path, references(&class), &OF_CLASS);
        return;
    }
    let own = listed(object, base);
    if own.is_empty() {
        from_account(object, base, context, log);
    } else {
        only_what_comes(object, base, context, log);
    }
}

/// What a ServiceAccount gives to its Pods to pull with.
pub(super) fn account(object: &mut Object, context: &Context, log: &mut Log) {
    if of_class(context).is_empty() {
        only_what_comes(object, "", context, log);
    } else {
        log.remove(object, "/imagePullSecrets", &OF_CLASS);
    }
}

/// The Secrets that the class gives, and what they will hold.
pub(super) fn secrets(context: &Context) -> Vec<(Object, PlannedSecret)> {
    let request = context.request;
    let made = |name: &String, given: &str| {
        // Before the probe, whose Pod pulls with it.
        let object = ours::fence(request, "v1", "Secret", name, json!({ "type": TYPE }));
        let place =
            Place { origin: Origin::Operator, secret: given.to_owned(), key: KEY.to_owned() };
        let keys = [(KEY.to_owned(), PlannedValue::From(place))].into();
        (object, PlannedSecret { keys })
    };
    let given = request.class.image_pull_secrets.iter().map(|it| it.name.as_str());
    of_class(context).iter().zip(given).map(|(name, given)| made(name, given)).collect()
}

/// What the Pods of a task pull with if they say nothing: all that the clones do.
pub(super) fn of_tasks(clones: &[Object], context: &Context) -> Option<Value> {
    let mut names = of_class(context);
    for clone in clones {
        let base = kinds::pod_spec(clone)
            .or_else(|| (kinds::shape(clone) == kinds::Shape::Account).then(String::new));
        names.extend(base.iter().flat_map(|base| listed(clone, base)));
    }
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| references(&names))
}

/// What the Pods of the operator's own image pull with.
pub(super) fn own(class: &StagingClassSpec) -> Option<Value> {
    let names = given(class);
    (!names.is_empty()).then(|| references(&names))
}

/// Names in the target of the class's pull secrets.
fn of_class(context: &Context) -> Vec<String> {
    given(&context.request.class)
}

fn given(class: &StagingClassSpec) -> Vec<String> {
    class.image_pull_secrets.iter().map(|it| names::pull_secret(&it.name)).collect()
}

fn references(names: &[String]) -> Value {
    names.iter().map(|name| json!({ "name": name })).collect()
}

fn listed(object: &Object, base: &str) -> Vec<String> {
    let paths = object.expand(&format!("{base}/imagePullSecrets/*/name"));
    paths.iter().map(|path| object.text(path).to_owned()).collect()
}

/// Pods without pull secrets get their account's from the API server. The account `default` is the
/// target's own, so what it gives in production is written into the Pods.
fn from_account(object: &mut Object, base: &str, context: &Context, log: &mut Log) {
    let account = match object.text(&format!("{base}/serviceAccountName")) {
        "" => "default",
        name => name,
    };
    let account =
        Key { group: String::new(), kind: "ServiceAccount".to_owned(), name: account.to_owned() };
    if !super::select::is_given(&account) {
        return;
    }
    let Some(account) = context.by_key.get(&account) else { return };
    let path = format!("{base}/imagePullSecrets");
    let consent = Consent::of(context);
    let (comes, stays): (Vec<_>, Vec<_>) =
        listed(account, "").into_iter().partition(|name| comes_along(name, &consent, context));
    if !comes.is_empty() {
        log.set(object, &path, references(&comes), &OF_ACCOUNT);
    }
    for name in stays {
        missed(object, &path, &name, log);
    }
}

fn only_what_comes(object: &mut Object, base: &str, context: &Context, log: &mut Log) {
    let consent = Consent::of(context);
    let paths = object.expand(&format!("{base}/imagePullSecrets/*"));
    // From the end, so that what is still to be looked at keeps its place.
    for path in paths.iter().rev() {
        let name = object.text(&format!("{path}/name")).to_owned();
        if !comes_along(&name, &consent, context) {
            log.remove(object, path, &DROPPED);
            missed(object, path, &name, log);
        }
    }
    let list = format!("{base}/imagePullSecrets");
    if object.get(&list).and_then(Value::as_array).is_some_and(Vec::is_empty) {
        object.remove(&list);
    }
}

fn missed(object: &Object, path: &str, name: &str, log: &mut Log) {
    log.find(
        Severity::Warns,
        &object.key(),
        path,
        "pull-secret",
        format!("images are pulled without {name}: private ones cannot be pulled"),
        format!(
            "spec:\n  secrets:\n    rules:\n      - {{ name: {name}, policy: From, from: {{ name: <a Secret of this namespace> }} }}\n\
             # or, in a StagingGrant of the source: spec.secrets: [{name}]\n\
             # or, in the StagingClass: spec.imagePullSecrets: [{{ name: <a Secret of the operator's namespace> }}]"
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{self, deployment, object};

    #[test]
    fn a_task_pulls_with_all_that_the_class_gives_and_the_clones_pull_with() {
        let clones = [
            deployment(
                "web",
                json!({}),
                json!({"imagePullSecrets": [{"name": "b"}, {"name": "a"}]}),
            ),
            object("v1", "ServiceAccount", "web", json!({"imagePullSecrets": [{"name": "c"}]})),
            object("v1", "ServiceAccount", "api", json!({"imagePullSecrets": [{"name": "b"}]})),
            object("v1", "ConfigMap", "web", json!({"imagePullSecrets": [{"name": "none"}]})),
        ];
        let of = |clones: &[Object], class: &Value| {
            let request = fixture::request(json!({}), class.clone());
            let capture = fixture::capture();
            of_tasks(clones, &Context::new(&request, &capture).unwrap())
        };
        let named = |names: &[&str]| -> Option<Value> {
            Some(names.iter().map(|name| json!({ "name": name })).collect())
        };
        assert_eq!(of(&clones, &json!({})), named(&["a", "b", "c"]));
        assert_eq!(of(&clones[3..], &json!({})), None);
        let given = json!({"imagePullSecrets": [{"name": "registry"}]});
        let pull = names::pull_secret("registry");
        assert_eq!(of(&[], &given), named(&[pull.as_str()]));
    }
}
