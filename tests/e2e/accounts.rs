//! The accounts at the end of the whole run, by the API server's own log.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use kube::ResourceExt;

use crate::{
    support::{
        audit::{Request, of_operator, strange_writes, unlisted_rights, unused_rights},
        canary::sings,
        suite::skip,
    },
    world::World,
};

fn log(world: &World) -> &Path {
    let none = || skip("a cluster that was given does not show its audit log");
    world.cluster.audit_log.as_deref().unwrap_or_else(none)
}

pub async fn nothing_was_written_outside_what_is_the_operators_own(world: Arc<World>) {
    let requests = of_operator(log(&world), 0);
    assert!(requests.len() > 100, "there is a log");
    let wrong = strange_writes(&requests);
    assert!(wrong.is_empty(), "{} requests: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}

pub async fn every_right_that_was_used_is_in_the_chart(world: Arc<World>) {
    let requests = of_operator(log(&world), 0);
    let unlisted = unlisted_rights(&world.cluster, &requests).await;
    assert!(unlisted.is_empty(), "{unlisted:#?}");
}

pub async fn no_right_of_the_chart_is_unused(world: Arc<World>) {
    let log = log(&world);
    if std::env::args().skip(1).any(|it| !it.starts_with('-')) {
        skip("only a run of all scenarios uses all rights");
    }
    let unused = unused_rights(&world.cluster, &of_operator(log, 0)).await;
    assert!(unused.is_empty(), "{unused:#?}");
}

pub async fn production_was_only_read(world: Arc<World>) {
    let namespaces = world.objects().names("v1 Namespace", "").await;
    let sources: BTreeSet<String> =
        namespaces.into_iter().filter(|it| it == "shop" || it.starts_with("src-")).collect();
    let requests = of_operator(log(&world), 0);
    let wrong: Vec<String> = requests
        .iter()
        .filter(|it| it.writes() && sources.contains(&it.namespace))
        .map(Request::line)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let read = requests.iter().any(|it| it.namespace == "shop" && it.verb == "list");
    assert!(read, "the source was read");
}

pub async fn no_secret_of_production_is_in_a_log_line_an_event_or_a_metric(world: Arc<World>) {
    let text = std::fs::read_to_string(&world.operator_log).expect("the operator's log");
    assert!(text.contains("\"TRACE\""), "the log is at trace level");
    let sings = |text: &str| {
        sings(text) || ["Gr8-and-Secret-1977", "7hQ2mXv9LpR4"].iter().any(|it| text.contains(it))
    };
    let lines = text.lines().filter(|it| sings(it)).count();
    assert_eq!(lines, 0, "{lines} lines of {} hold a secret value", world.operator_log.display());
    for event in world.objects().list("events.k8s.io/v1 Event", "").await {
        assert!(!sings(&event.data.to_string()), "Event {} holds a secret value", event.name_any());
    }
    let metrics =
        ["get", "--raw", "/api/v1/namespaces/kulisse/services/kulisse:http/proxy/metrics"];
    let metrics = world.kubectl(&metrics).await.ok("metrics");
    assert!(metrics.contains("kulisse_") && !sings(&metrics));
}

pub async fn the_operator_never_restarted(world: Arc<World>) {
    let pods = world.objects().list("v1 Pod", "kulisse").await;
    assert_eq!(pods.len(), 1);
    for pod in pods {
        let restarts = &pod.data["status"]["containerStatuses"][0]["restartCount"];
        assert_eq!(*restarts, 0, "{}", pod.name_any());
    }
}
