//! The command line beside the operator: it shows what the operator does.

use std::{path::Path, process::Command, sync::Arc};

use serde_json::{Value, json};

use crate::{
    support::{
        canary::sings,
        tools::{Answer, run},
        wait::s,
    },
    world::{APPLICATION, World},
};

const KULISSE: &str = env!("CARGO_BIN_EXE_kulisse");

/// Runs the command line as the administrator. No value of a Secret is ever in what it prints.
fn kulisse(world: &World, arguments: &[&str]) -> Answer {
    let mut command = Command::new(KULISSE);
    command.env("KUBECONFIG", &world.cluster.kubeconfig).env_remove("NO_COLOR");
    let answer = tokio::task::block_in_place(|| run(command.args(arguments), None));
    assert!(!sings(&(answer.out.clone() + &answer.err)), "{arguments:?} shows a value");
    answer
}

pub async fn plan_diff_and_report_show_what_the_operator_does(world: Arc<World>) {
    let place = world.source("looked-at", APPLICATION).await;
    let objects = world.objects();
    let it = place.environment("pr-1", json!({})).await;
    let status = it.ready(s(45)).await;
    let (digest, target) = (status.plan.map(|it| it.digest).unwrap_or_default(), it.target().await);

    // The environment as the cluster has it, planned from the live source: the operator's digest.
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("looked-at.json");
    let text = serde_json::to_string(&it.get().await).expect("JSON");
    std::fs::write(&file, text).expect("a file");
    let file = file.display().to_string();
    let planned = kulisse(&world, &["plan", "-f", &file, "-o", "json"]).ok("plan");
    let planned: Value = serde_json::from_str(&planned).expect("JSON");
    assert_eq!(planned["target"], target);
    assert_eq!(planned["digest"], digest);

    let report = kulisse(&world, &["report", "pr-1", "-n", &place.requests]).ok("report");
    assert!(report.contains("### Staging environment `pr-1`"), "{report}");
    assert!(report.contains(&digest[..12]) && report.contains("service-host"), "{report}");

    // What was applied is what is planned, although the API server has filled it in.
    let diff = || kulisse(&world, &["diff", "pr-1", "-n", &place.requests]);
    let same = diff();
    assert_eq!((same.code, same.out.as_str()), (0, ""), "{}", same.err);
    objects.merge("v1 ConfigMap", &target, "settings", json!({"data": {"WORD": "by hand"}})).await;
    objects.delete("v1 Service", &target, "api").await;
    let differs = diff();
    assert_eq!(differs.code, 3, "{}", differs.err);
    assert!(differs.out.contains("-  WORD: by hand\n"), "{}", differs.out);
    assert!(differs.out.contains("--- /dev/null\n+++ plan/Service/api\n"), "{}", differs.out);
    assert!(differs.err.contains("1 to make, 1 to change, 0 to remove"), "{}", differs.err);
    let source = kulisse(&world, &["diff", "-f", &file, "--against", "source"]);
    assert_eq!(source.code, 3, "{}", source.err);
    assert!(source.out.contains(&format!("+  API: http://api.{target}.svc.cluster.local:8080\n")));
    it.remove().await;
}
