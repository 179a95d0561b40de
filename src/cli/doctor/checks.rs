//! What is good, what is missing, and what to do about it. Pure.

use k8s_openapi::api::{apps::v1::Deployment, core::v1::ResourceQuota, storage::v1::StorageClass};
use kube::ResourceExt;
use kulisse_core::api::{class::StagingClass, names};

use super::{
    Check,
    definitions::definitions,
    enforcement::enforcement,
    look::{Facts, Known},
    rights::Right,
};

/// The oldest Kubernetes: from there on a namespace that goes keeps its fence until its Pods are gone.
const OLDEST: (u32, u32) = (1, 33);
/// By which a StorageClass says that it is the default.
const DEFAULT_STORAGE: &str = "storageclass.kubernetes.io/is-default-class";
/// How a quota counts environments.
const COUNTED: &str = "count/stagingenvironments.kulisse.dev";
/// What helps where something may not be read.
const ASK: &str = "ask somebody who may";

/// Judges all that was found, in the order in which a person would set it up.
pub fn checks(facts: &Facts) -> Vec<Check> {
    let environments = facts.environments.as_deref().unwrap_or_default();
    let classes = facts.classes.as_deref().unwrap_or_default();
    let mut checks = vec![
        kubernetes(&facts.version),
        known("definitions", &facts.definitions, |it| definitions(it)),
        known("operator", &facts.operator, |it| operator(it, &facts.account)),
        known("rights", &facts.lacking, |it| rights(it)),
        known("account", &facts.fenced, |it| account(*it)),
        enforcement(environments, &facts.daemon_sets, &facts.version),
        known("classes", &facts.classes, |it| classes_are(it)),
        previews(classes, &facts.ingress_classes, &facts.gateways),
        known("storage", &facts.storage_classes, |it| {
            storage(it, classes, &facts.snapshot_classes)
        }),
        known("quota", &facts.quotas, |it| quota(it, &facts.namespace)),
    ];
    checks.push(known("you", &facts.may_ask, |it| you(*it, &facts.namespace)));
    checks
}

fn known<T>(name: &'static str, fact: &Known<T>, judge: impl FnOnce(&T) -> Check) -> Check {
    match fact {
        Ok(fact) => judge(fact),
        Err(why) => Check::doubt(name, format!("not known: {why}"), ASK),
    }
}

fn kubernetes(version: &str) -> Check {
    const NAME: &str = "kubernetes";
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse);
    let (major, minor) = OLDEST;
    match (numbers.next(), numbers.next()) {
        (Some(Ok(a)), Some(Ok(b))) if (a, b) >= OLDEST => Check::fine(NAME, version),
        (Some(Ok::<u32, _>(_)), Some(Ok::<u32, _>(_))) => Check::wrong(
            NAME,
            format!("{version} is too old"),
            format!("Kulisse needs {major}.{minor} or newer"),
        ),
        _ => Check::doubt(
            NAME,
            format!("{version} is no version that is known"),
            format!("Kulisse needs {major}.{minor} or newer"),
        ),
    }
}

fn operator(there: &[Deployment], (namespace, account): &(String, String)) -> Check {
    const NAME: &str = "operator";
    let Some(deployment) = there.first() else {
        return Check::wrong(
            NAME,
            format!("no Deployment in namespace {namespace} runs as ServiceAccount {account}"),
            "install the chart; if it is elsewhere: --operator-namespace, --operator-account",
        );
    };
    let name = deployment.name_any();
    let status = deployment.status.clone().unwrap_or_default();
    if status.available_replicas.unwrap_or_default() < 1 {
        let conditions = status.conditions.unwrap_or_default();
        let why = conditions.into_iter().find(|it| it.status == "False").and_then(|it| it.message);
        return Check::wrong(
            NAME,
            format!("it does not run: {}", why.unwrap_or_else(|| "no Pod is ready".to_owned())),
            format!(
                "«kubectl describe deployment {name} -n {namespace}», «kubectl logs -n {namespace} deploy/{name}»"
            ),
        );
    }
    let here = env!("CARGO_PKG_VERSION");
    match deployment.labels().get("app.kubernetes.io/version") {
        Some(there) if there != here => Check::doubt(
            NAME,
            format!("version {there} runs in {namespace}; this kulisse is {here}"),
            "bring the older one up to date",
        ),
        _ => Check::fine(NAME, format!("it runs in {namespace}, version {here}")),
    }
}

fn rights(lacking: &[Right]) -> Check {
    if lacking.is_empty() {
        return Check::fine("rights", "the operator may do all that it must");
    }
    let named: Vec<String> =
        lacking.iter().map(|it| format!("{} {}", it.verb, it.resource)).collect();
    Check::wrong(
        "rights",
        format!("the operator may not {}", named.join(", ")),
        "install the chart's ClusterRole and its binding, or bring them up to date",
    )
}

fn account(fenced: bool) -> Check {
    if fenced {
        return Check::fine(
            "account",
            "admission policies hold the operator's account to its own targets",
        );
    }
    Check::wrong(
        "account",
        "the ValidatingAdmissionPolicies that fence the operator's account are not in force: nothing is created",
        "install the chart's policies; «kubectl get validatingadmissionpolicybinding» lists those there are",
    )
}

fn classes_are(classes: &[StagingClass]) -> Check {
    const NAME: &str = "classes";
    let is_default = |it: &&StagingClass| {
        it.annotations().get(names::DEFAULT_CLASS_ANNOTATION).is_some_and(|it| it == "true")
    };
    let default: Vec<String> =
        classes.iter().filter(is_default).map(ResourceExt::name_any).collect();
    let open: Vec<String> =
        classes.iter().filter(|it| it.spec.quota.is_none()).map(ResourceExt::name_any).collect();
    match (&default[..], &open[..]) {
        _ if classes.is_empty() => Check::doubt(
            NAME,
            "no StagingClass: the built-in values hold for all, without previews and without a quota",
            "write one: docs/reference/stagingclass.md, examples/quickstart/20-class.yaml",
        ),
        ([_, _, ..], _) => Check::doubt(
            NAME,
            format!("{} are all marked as default", default.join(", ")),
            format!("take the annotation {} off all but one", names::DEFAULT_CLASS_ANNOTATION),
        ),
        (_, [_, ..]) => Check::doubt(
            NAME,
            format!(
                "without a quota, so that one environment may take all there is: {}",
                open.join(", ")
            ),
            "spec.quota of the StagingClass",
        ),
        ([one], []) => Check::fine(NAME, format!("{}, {one} is the default", classes.len())),
        ([], []) => Check::fine(NAME, format!("{}, none is the default", classes.len())),
    }
}

fn previews(
    classes: &[StagingClass],
    ingress_classes: &Known<Vec<String>>,
    gateways: &Known<Vec<String>>,
) -> Check {
    const NAME: &str = "previews";
    let exposing: Vec<_> =
        classes.iter().filter_map(|it| Some((it.name_any(), it.spec.expose.as_ref()?))).collect();
    for (class, expose) in &exposing {
        let ingress =
            expose.ingress_class_name.clone().map(|it| ("IngressClass", it, ingress_classes));
        let gateway = expose.gateway_ref.as_ref();
        let gateway =
            gateway.map(|it| ("Gateway", format!("{}/{}", it.namespace, it.name), gateways));
        for (kind, wanted, there) in ingress.into_iter().chain(gateway) {
            match there {
                Ok(there) if !there.contains(&wanted) => {
                    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
                    return Check::wrong(
                        NAME,
                        format!("StagingClass {class} names {kind} {wanted}, which is not there"),
                        format!("make it, or name one of: {there}"),
                    );
                }
                Ok(_) => {}
                Err(why) => return Check::doubt(NAME, format!("not known: {why}"), ASK),
            }
        }
    }
    let domains: Vec<&str> = exposing.iter().map(|(_, it)| it.domain.as_str()).collect();
    if domains.is_empty() {
        return Check::doubt(
            NAME,
            "no StagingClass has a domain: environments get no URL",
            "spec.expose of a StagingClass, and a wildcard DNS record",
        );
    }
    Check::fine(NAME, format!("below {}", domains.join(", ")))
}

fn storage(
    there: &[StorageClass],
    classes: &[StagingClass],
    snapshots: &Known<Vec<String>>,
) -> Check {
    const NAME: &str = "storage";
    let names: Vec<String> = there.iter().map(ResourceExt::name_any).collect();
    for class in classes {
        if let Some(wanted) =
            class.spec.storage.class_name.as_ref().filter(|it| !names.contains(it))
        {
            return Check::wrong(
                NAME,
                format!(
                    "StagingClass {} names StorageClass {wanted}, which is not there",
                    class.name_any()
                ),
                format!("make it, or name one of: {}", names.join(", ")),
            );
        }
    }
    let default = there
        .iter()
        .find(|it| it.annotations().get(DEFAULT_STORAGE).is_some_and(|it| it == "true"));
    let snapshots = match snapshots.as_deref() {
        Ok([]) => "no volume snapshots".to_owned(),
        Ok(all) => format!("volume snapshots by {}", all.join(", ")),
        Err(why) => why.clone(),
    };
    match default {
        Some(it) => {
            Check::fine(NAME, format!("{} is the default StorageClass; {snapshots}", it.name_any()))
        }
        None if names.is_empty() => Check::doubt(
            NAME,
            "no StorageClass: stores that claim a volume never start",
            "install a provisioner, if what is cloned claims volumes",
        ),
        None => Check::doubt(
            NAME,
            format!("no StorageClass is the default; {snapshots}"),
            format!(
                "mark one of {}, or spec.storage.className of a StagingClass",
                names.join(", ")
            ),
        ),
    }
}

fn quota(quotas: &[ResourceQuota], namespace: &str) -> Check {
    const NAME: &str = "quota";
    for quota in quotas {
        let status = quota.status.clone().unwrap_or_default();
        let at = |list: &Option<std::collections::BTreeMap<_, _>>| {
            let amount: &k8s_openapi::apimachinery::pkg::api::resource::Quantity =
                list.as_ref()?.get(COUNTED)?;
            amount.0.parse::<u64>().ok()
        };
        if let (Some(used), Some(hard)) = (at(&status.used), at(&status.hard)) {
            let said = format!("{used} of {hard} environments in {namespace}");
            return if used < hard {
                Check::fine(NAME, said)
            } else {
                let todo = format!(
                    "delete one, or raise it: «kubectl edit quota {} -n {namespace}»",
                    quota.name_any()
                );
                Check::wrong(NAME, said, todo)
            };
        }
    }
    Check::fine(NAME, format!("none on the number of environments in {namespace}"))
}

fn you(may: bool, namespace: &str) -> Check {
    if may {
        return Check::fine("you", format!("you may ask for environments in {namespace}"));
    }
    Check::doubt(
        "you",
        format!("you may not ask for environments in {namespace}"),
        format!(
            "«kubectl create rolebinding USER-edit -n {namespace} --clusterrole edit --user USER» by its administrator; another namespace: -n"
        ),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        super::{
            super::{screen::Screen, shown::is_documented},
            Mark,
            rights::RIGHTS,
            shown,
        },
        *,
    };

    fn of<T: serde::de::DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).unwrap()
    }

    fn class(spec: &Value) -> StagingClass {
        of(json!({
            "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingClass",
            "metadata": { "name": "preview" }, "spec": spec
        }))
    }

    #[test]
    fn the_reference_shows_what_is_printed() {
        let names = |names: &[&str]| Ok(names.iter().map(ToString::to_string).collect());
        let expose =
            json!({ "expose": { "domain": "staging.example.com", "ingressClassName": "nginx" } });
        let facts = Facts {
            version: "v1.34.2".to_owned(),
            namespace: "previews".to_owned(),
            account: ("kulisse".to_owned(), "kulisse".to_owned()),
            definitions: Ok(super::super::definitions::served()),
            operator: Ok(vec![of(json!({
                "metadata": { "name": "kulisse" }, "status": { "availableReplicas": 1 }
            }))]),
            fenced: Err("you may not act as the operator's account".to_owned()),
            lacking: Ok(Vec::new()),
            environments: Ok(Vec::new()),
            daemon_sets: vec!["cilium".to_owned()],
            classes: Ok(vec![class(&expose)]),
            ingress_classes: names(&["traefik"]),
            gateways: Ok(Vec::new()),
            storage_classes: Ok(vec![of(json!({
                "metadata": { "name": "standard", "annotations": { DEFAULT_STORAGE: "true" } },
                "provisioner": "x"
            }))]),
            snapshot_classes: Ok(Vec::new()),
            quotas: Ok(Vec::new()),
            may_ask: Ok(true),
        };
        let text = shown(&checks(&facts), Screen::terminal(false), 80);
        is_documented("kulisse doctor -n previews", &text);
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, mark) in [
            ("v1.33.1", Mark::Fine),
            ("v1.33.0-gke.1", Mark::Fine),
            ("v1.32.9", Mark::Wrong),
            ("v1.9.6", Mark::Wrong),
            ("main", Mark::Doubt),
        ] {
            assert_eq!(kubernetes(version).mark, mark, "{version}");
        }
    }

    #[test]
    fn an_operator_that_does_not_run_says_why() {
        let account = ("kulisse".to_owned(), "kulisse".to_owned());
        assert!(operator(&[], &account).said.contains("no Deployment in namespace kulisse"));
        let down: Deployment = of(json!({ "metadata": { "name": "kulisse" }, "status": {
            "conditions": [{ "type": "Available", "status": "False", "message": "no quota left" }]
        } }));
        let check = operator(&[down], &account);
        assert!(check.mark == Mark::Wrong && check.said.contains("no quota left"), "{check:?}");
        let up: Deployment = of(json!({
            "metadata": { "name": "kulisse", "labels": { "app.kubernetes.io/version": "9.9.9" } },
            "status": { "availableReplicas": 1 }
        }));
        let check = operator(&[up], &account);
        assert!(check.mark == Mark::Doubt && check.said.contains("version 9.9.9"), "{check:?}");
    }

    #[test]
    fn rights_that_are_lacking_are_named() {
        assert_eq!(rights(&[]).mark, Mark::Fine);
        let check = rights(&RIGHTS[7..8]);
        assert_eq!(
            (check.mark, check.said.as_str()),
            (Mark::Wrong, "the operator may not create namespaces")
        );
    }

    #[test]
    fn a_class_that_names_what_is_not_there_is_told() {
        let ingress = class(&json!({ "expose": { "domain": "a.b", "ingressClassName": "nginx" } }));
        let there = |names: &[&str]| Ok(names.iter().map(ToString::to_string).collect());
        let none = Ok(Vec::new());
        assert_eq!(
            previews(std::slice::from_ref(&ingress), &there(&["nginx"]), &none).mark,
            Mark::Fine
        );
        let check = previews(std::slice::from_ref(&ingress), &there(&["traefik"]), &none);
        assert!(check.mark == Mark::Wrong && check.todo.unwrap().contains("traefik"));
        assert_eq!(previews(&[ingress], &Err("no".to_owned()), &none).mark, Mark::Doubt);
        assert_eq!(previews(&[class(&json!({}))], &none, &none).mark, Mark::Doubt);
        let stored = class(&json!({ "storage": { "className": "fast" } }));
        let slow: StorageClass = of(json!({
            "metadata": { "name": "slow", "annotations": { DEFAULT_STORAGE: "true" } }, "provisioner": "x"
        }));
        assert_eq!(storage(std::slice::from_ref(&slow), &[stored], &none).mark, Mark::Wrong);
        assert_eq!(storage(&[slow], &[], &none).mark, Mark::Fine);
        assert_eq!(storage(&[], &[], &none).mark, Mark::Doubt);
    }

    #[test]
    fn a_full_quota_is_told() {
        let full = |used: &str| -> ResourceQuota {
            of(json!({ "metadata": { "name": "q" }, "status": {
                "hard": { COUNTED: "5" }, "used": { COUNTED: used }
            } }))
        };
        assert_eq!(quota(&[full("5")], "previews").mark, Mark::Wrong);
        assert_eq!(quota(&[full("3")], "previews").said, "3 of 5 environments in previews");
        assert_eq!(quota(&[], "previews").mark, Mark::Fine);
    }
}
