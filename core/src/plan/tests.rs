use serde_json::json;

use super::*;

#[test]
fn what_leads_back_only_warns_where_it_is_asked_for_and_the_class_allows_it() {
    let demoted = |mode: &str, allowed: bool| {
        let request = fixture::request(
            json!({"boundary": {"mode": mode}}),
            json!({"boundary": {"allowWarn": allowed}}),
        );
        let capture = fixture::capture();
        let context = Context::new(&request, &capture).unwrap();
        let mut log = Log::default();
        let key = Key { group: String::new(), kind: "ConfigMap".into(), name: "web".into() };
        for kind in [RESIDUAL, "invalid-rule"] {
            log.find(Severity::Blocks, &key, "/data", kind, "why", "settle");
        }
        warn_only(&context, &mut log)?;
        Ok::<_, PlanError>(log.findings.iter().map(|it| it.severity).collect::<Vec<_>>())
    };
    assert_eq!(demoted("Enforce", true), Ok(vec![Severity::Blocks, Severity::Blocks]));
    assert_eq!(demoted("Warn", true), Ok(vec![Severity::Warns, Severity::Blocks]));
    let refused = demoted("Warn", false).unwrap_err().to_string();
    assert!(refused.contains("boundary.allowWarn"), "{refused}");
}

/// A plan of a source that holds nothing, with these findings: severity and kind.
fn with_findings(findings: &[(Severity, &str)]) -> Plan {
    let mut made = plan(&fixture::request(json!({}), json!({})), &fixture::capture()).unwrap();
    let key = Key { group: String::new(), kind: "ConfigMap".into(), name: "web".into() };
    let mut log = Log::default();
    for (severity, kind) in findings {
        log.find(*severity, &key, "/data", kind, "why", "settle");
    }
    made.findings = log.findings;
    made
}

fn clone(
    wave: Wave,
    version: &str,
    kind: &str,
    name: &str,
    rest: serde_json::Value,
) -> PlannedClone {
    PlannedClone { wave, object: fixture::object(version, kind, name, rest) }
}

#[test]
fn a_plan_may_hold_as_many_objects_as_the_class_allows() {
    let planned = |most: usize| {
        let class = json!({"limits": {"maxObjects": most}});
        plan(&fixture::request(json!({}), class), &fixture::capture())
    };
    let objects = planned(2000).unwrap().clones.len();
    assert_eq!(planned(objects).unwrap().clones.len(), objects);
    let allowed = objects - 1;
    assert_eq!(planned(allowed), Err(PlanError::TooLarge { objects, allowed }));
}

#[test]
fn what_warns_what_blocks_and_what_stays_are_told_apart() {
    let made = with_findings(&[
        (Severity::Blocks, RESIDUAL),
        (Severity::Warns, RESIDUAL),
        (Severity::Warns, "other"),
        (Severity::Blocks, "other"),
        (Severity::Informs, preflight::RETAINED),
    ]);
    let shown = |it: &Finding| (it.severity, it.kind.clone());
    let found = |severity, kind: &str| (severity, kind.to_owned());
    assert_eq!(made.warned().map(shown).collect::<Vec<_>>(), [found(Severity::Warns, RESIDUAL)]);
    assert_eq!(
        made.blocking().map(shown).collect::<Vec<_>>(),
        [found(Severity::Blocks, RESIDUAL), found(Severity::Blocks, "other")]
    );
    assert_eq!(
        made.retained().map(shown).collect::<Vec<_>>(),
        [found(Severity::Informs, preflight::RETAINED)]
    );
}

#[test]
fn only_secrets_that_pods_read_and_that_hold_productions_own_values_are_copies() {
    let from = |origin| {
        PlannedValue::From(crate::secrets::Place {
            origin,
            secret: "a".to_owned(),
            key: "k".to_owned(),
        })
    };
    let text = || PlannedValue::Parts(Vec::new());
    let mut made = with_findings(&[]);
    for (name, kind, values) in [
        ("copied", "Opaque", vec![text(), from(Origin::Source)]),
        ("given", "Opaque", vec![from(Origin::Request), from(Origin::Operator)]),
        ("made", "Opaque", vec![text()]),
    ] {
        let secret = clone(Wave::Config, "v1", "Secret", name, json!({"type": kind}));
        made.clones.push(secret);
        let keys = values.into_iter().enumerate().map(|(at, it)| (at.to_string(), it)).collect();
        made.secrets.insert(name.to_owned(), PlannedSecret { keys });
    }
    let pull = "kubernetes.io/dockerconfigjson";
    for (name, keys) in
        [("pull", &[".dockerconfigjson"][..]), ("pull-and-more", &[".dockerconfigjson", "x"])]
    {
        made.clones.push(clone(Wave::Config, "v1", "Secret", name, json!({"type": pull})));
        let keys = keys.iter().map(|it| ((*it).to_owned(), from(Origin::Source))).collect();
        made.secrets.insert(name.to_owned(), PlannedSecret { keys });
    }
    // What is called as a copied Secret is none.
    made.clones.push(clone(Wave::Config, "v1", "ConfigMap", "copied", json!({})));
    assert_eq!(made.copied(), ["copied", "pull-and-more"]);
}

#[test]
fn workloads_are_what_runs_all_the_time_and_stores_are_among_them() {
    let mut made = with_findings(&[]);
    made.clones = vec![
        clone(Wave::Config, "v1", "Service", "web", json!({})),
        clone(Wave::Stores, "apps/v1", "StatefulSet", "db", json!({})),
        clone(Wave::Workloads, "apps/v1", "Deployment", "web", json!({})),
        clone(Wave::Workloads, "batch/v1", "CronJob", "report", json!({})),
    ];
    let found = made.workloads();
    let shown: Vec<_> = found.iter().map(|(key, store)| (key.to_string(), *store)).collect();
    let expected = [("StatefulSet.apps/db", true), ("Deployment.apps/web", false)];
    assert_eq!(shown, expected.map(|(key, store)| (key.to_owned(), store)));
}

#[test]
fn the_report_of_a_plan_says_of_what_it_is() {
    let mut made = with_findings(&[(Severity::Warns, "other")]);
    made.clones = vec![clone(Wave::Config, "v1", "Service", "web", json!({}))];
    made.artifact = Some("oci://r.io/shop:1".to_owned());
    let report = made.report(3);
    assert_eq!((report.generation, report.digest), (3, made.digest));
    assert_eq!((report.source.as_str(), report.target.as_str()), ("shop", "stg-pr-7-abcde"));
    assert_eq!((report.artifact, report.findings), (made.artifact, made.findings));
    assert_eq!(report.clones, ["Service/web"]);
}
