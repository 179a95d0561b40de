//! The command line, used as people use it.

use std::{process::Command, sync::Arc};

use crate::{
    support::{
        tools::{Answer, run, yaml},
        wait::s,
    },
    world::World,
};

const KULISSE: &str = env!("CARGO_BIN_EXE_kulisse");

/// Runs the command line as the administrator.
pub fn kulisse(world: &World, arguments: &[&str]) -> Answer {
    tokio::task::block_in_place(|| {
        let mut command = Command::new(KULISSE);
        command.env("KUBECONFIG", &world.cluster.kubeconfig).env_remove("NO_COLOR");
        run(command.args(arguments), None)
    })
}

pub async fn status_shows_an_environment(world: Arc<World>) {
    let (target, status) = world.clone_of_the_shop().await;
    world.shop().ready(s(120)).await;
    let answer = kulisse(&world, &["status", "pr-1234", "-n", "previews"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    for part in
        ["pr-1234", "Ready", &status.url.unwrap_or_default(), &target, "orders", "expires in"]
    {
        assert!(answer.out.contains(part), "«{part}» is not in:\n{}", answer.out);
    }
    assert!(!answer.out.contains('\u{1b}'), "no colours without a terminal");
    let watched = kulisse(&world, &["status", "-w", "pr-1234", "-n", "previews"]);
    assert_eq!(watched.code, 0, "{}", watched.err);
    // On a busy machine a Pod of the shop may be late at that very moment: then this is what it ends with.
    let last = watched.out.lines().last().unwrap_or_default();
    assert!(last.starts_with("pr-1234 Ready: "), "{}", watched.out);
    let json =
        kulisse(&world, &["status", "pr-1234", "-n", "previews", "-o", "json"]).ok("as JSON");
    let object: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(object["metadata"]["name"], "pr-1234");
    let text =
        kulisse(&world, &["status", "pr-1234", "-n", "previews", "-o", "yaml"]).ok("as YAML");
    assert_eq!(yaml(&text)[0]["kind"], "StagingEnvironment");
    let name =
        kulisse(&world, &["status", "pr-1234", "-n", "previews", "-o", "name"]).ok("its name");
    assert_eq!(name.trim(), "stagingenvironment.kulisse.dev/pr-1234");
}

pub async fn wait_tells_the_verdict_by_its_exit_code(world: Arc<World>) {
    world.clone_of_the_shop().await;
    world.shop().ready(s(120)).await;
    let at = |arguments: &[&str]| {
        let mut all = vec!["wait", "-n", "previews"];
        all.extend(arguments);
        let answer = kulisse(&world, &all);
        (answer.code, answer.out + &answer.err)
    };
    let (code, said) = at(&["pr-1234"]);
    assert_eq!(code, 0, "ready: {said}");
    let (code, said) = at(&["pr-1234", "--for", "Gone", "--timeout", "1s"]);
    assert_eq!(code, 3, "not gone in time: {said}");
    let (code, said) = at(&["no-such"]);
    assert_eq!(code, 1, "no such environment: {said}");
    assert!(said.contains("no-such"), "{said}");
    let (code, said) = at(&["no-such", "--for", "Gone"]);
    assert_eq!(code, 0, "gone already: {said}");
    let (code, said) = at(&["pr-1234", "--for", "Lunch"]);
    assert_eq!(code, 2, "wrong usage: {said}");
    let (code, said) = at(&["pr-1234", "--timeout", "soon"]);
    assert_eq!(code, 2, "wrong usage: {said}");
}

pub async fn grant_prints_what_the_owners_apply(world: Arc<World>) {
    let printed = kulisse(&world, &["grant", "shop", "--from", "team-a"]).ok("kulisse grant");
    let kinds: Vec<_> = yaml(&printed).iter().map(|it| it["kind"].to_string()).collect();
    assert_eq!(kinds, ["\"StagingGrant\"", "\"RoleBinding\"", "\"RoleBinding\""]);
    // What is printed is what kubectl takes, and what --apply does.
    let apply = ["apply", "--server-side", "--dry-run=server", "-f", "-"];
    let answer = tokio::task::block_in_place(|| world.cluster.kubectl_with(&apply, &printed));
    answer.ok("kubectl apply");
    world.objects().namespace("src-by-command").await;
    let applied = kulisse(
        &world,
        &["grant", "src-by-command", "--from", "team-a", "--apply", "--without-secrets"],
    );
    assert!(applied.ok("--apply").contains("applied"));
    let kind = "rbac.authorization.k8s.io/v1 RoleBinding";
    let names = world.objects().names(kind, "src-by-command").await;
    assert_eq!(names, ["kulisse-source-reader"]);
    let wrong = kulisse(&world, &["grant", "Not A Namespace", "--from", "team-a"]);
    assert_eq!(wrong.code, 1, "{}", wrong.err);
    assert_eq!(kulisse(&world, &["grant", "shop"]).code, 2);
}

pub async fn it_is_a_plugin_of_kubectl(world: Arc<World>) {
    world.clone_of_the_shop().await;
    world.shop().ready(s(120)).await;
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin");
    std::fs::create_dir_all(&folder).expect("a folder");
    let link = folder.join("kubectl-kulisse");
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(KULISSE, &link).expect("a link");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let answer = tokio::task::block_in_place(|| {
        let mut command = Command::new(world.cluster.bin.join("kubectl"));
        command.env("PATH", path).env("KUBECONFIG", &world.cluster.kubeconfig);
        run(command.args(["kulisse", "status", "pr-1234", "-n", "previews"]), None)
    });
    assert!(answer.ok("kubectl kulisse status").contains("Ready"));
}
