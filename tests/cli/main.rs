//! The command line as people use it, without a cluster: outputs, exit codes, errors.
//!
//! `BLESS=1` writes what it prints into the documents that show it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/documented.rs"]
mod documented;
mod run;
mod verbs;

use std::{fs, path::Path};

use run::{Folder, environment, kulisse, kulisse_with, plan, root, shop};
use serde_json::Value;

const REFERENCE: &str = "docs/reference/cli.md";

#[test]
fn the_documents_show_what_plan_prints() {
    let command = "kulisse plan -f examples/quickstart/30-environment.yaml \\\n    --class examples/quickstart/20-class.yaml --source examples/shop";
    is_shown(command, &["README.md", REFERENCE]);
}

#[test]
fn the_reference_shows_what_needs_no_cluster() {
    for command in [
        "kulisse version",
        "kulisse create pr-1234 --from shop --ttl 3d --image acme/api=ghcr.io/acme/api:pr-1234 --pr https://github.com/acme/shop/pull/1234 --dry-run=client -o yaml",
    ] {
        is_shown(command, &[REFERENCE]);
    }
}

/// Holds documents to what a command prints.
fn is_shown(command: &str, files: &[&str]) {
    let words: Vec<&str> = command.split_whitespace().filter(|it| *it != "\\").skip(1).collect();
    let printed = kulisse(&words);
    assert_eq!(printed.code, 0, "{}", printed.err);
    documented::is_shown(command, &printed.out, files);
}

#[test]
fn a_summary_fits_a_terminal() {
    let text = shop(&[]).out;
    assert!(text.lines().count() < 24, "{} lines", text.lines().count());
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.contains('\u{1b}'), "no colours without a terminal");
    }
}

#[test]
fn the_json_has_its_documented_fields_and_no_others() {
    let json: Value = serde_json::from_str(&shop(&["-o", "json"]).out).unwrap();
    let fields: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["changes", "clones", "digest", "findings", "leftBehind", "target"]);
    let of = |list: &str| -> Vec<String> {
        let mut fields: Vec<String> = json[list]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|it| it.as_object().unwrap().keys().cloned())
            .collect();
        fields.sort();
        fields.dedup();
        fields
    };
    assert_eq!(of("changes"), ["from", "object", "path", "rule", "to", "why"]);
    assert_eq!(of("leftBehind"), ["object", "reason", "why"]);
    assert_eq!(of("findings"), ["kind", "object", "path", "settle", "severity", "why"]);
    assert_eq!(json["target"], "stg-pr-1234");
    assert_eq!(json["digest"].as_str().unwrap().len(), 64);
}

#[test]
fn the_yaml_is_the_clones_in_order_with_secrets_as_comments() {
    let (yaml, json) = (shop(&["-o", "yaml"]).out, shop(&["-o", "json"]).out);
    let json: Value = serde_json::from_str(&json).unwrap();
    let mut documents: Vec<Value> = serde_saphyr::from_multiple(&yaml).unwrap();
    let namespace = documents.remove(0);
    assert_eq!(namespace["kind"], "Namespace");
    assert!(
        namespace.pointer("/metadata/labels/kulisse.dev~1environment-uid").is_none(),
        "the operator's policies would keep others from filling it"
    );
    let clones: Vec<Value> = json["clones"].as_array().unwrap().clone();
    let clones: Vec<Value> = clones.into_iter().filter(|it| it["kind"] != "Secret").collect();
    assert_eq!(documents, clones);
    assert!(
        yaml.contains(
            "# Secret/postgres, type Opaque, in stg-pr-1234\n#   POSTGRES_DB        kept"
        )
    );
}

#[test]
fn the_same_objects_give_the_same_bytes_in_whatever_files_they_stand() {
    let files = |folder: &str| fs::read_dir(root().join(folder)).unwrap();
    let documents: Vec<Value> = files("examples/shop")
        .chain(files("examples/shop/data"))
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "yaml"))
        .flat_map(|it| {
            let options = serde_saphyr::options! { legacy_octal_numbers: true };
            let text = fs::read_to_string(it).unwrap();
            serde_saphyr::from_multiple_with_options::<Value>(&text, options).unwrap()
        })
        .collect();
    let folder = Folder::new("shuffled");
    let (first, second) = documents.split_at(documents.len() / 2);
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": first});
    folder.write("deep/er/z.json", &list.to_string());
    for (at, document) in second.iter().enumerate() {
        folder.write(&format!("{:02}.yml", 99 - at), &serde_saphyr::to_string(document).unwrap());
    }
    let all: Vec<String> =
        documents.iter().rev().map(|it| serde_saphyr::to_string(it).unwrap()).collect();
    let stream = all.join("\n---\n# helm writes such comments\n---\n");
    for output in ["yaml", "json", "report", "summary"] {
        let one = shop(&["-o", output]).out;
        let args = |source: &str| {
            let env = root().join("examples/quickstart/30-environment.yaml");
            let class = root().join("examples/quickstart/20-class.yaml");
            [
                "plan".to_owned(),
                "-f".to_owned(),
                env.display().to_string(),
                "--class".to_owned(),
                class.display().to_string(),
                "-o".to_owned(),
                output.to_owned(),
                "--source".to_owned(),
                source.to_owned(),
            ]
        };
        let same = |args: &[String], stdin: &str| {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let out = kulisse_with(&args, stdin).out;
            // The summary says which file to apply: its path is another here.
            out.replace(&format!("{}/", root().display()), "")
        };
        assert!(one == same(&args(&folder.path()), ""), "{output} differs");
        assert!(one == same(&args("-"), &stream), "{output} from standard input differs");
    }
}

#[test]
fn values_of_secrets_are_in_no_output() {
    let folder = Folder::new("canaries");
    let env = folder.write("env.yaml", &environment(""));
    folder.write("source/all.yaml", include_str!("canaries.yaml"));
    for output in ["yaml", "json", "report", "summary"] {
        let printed = plan(&env, &folder.at("source"), &["-o", output]);
        assert_eq!(printed.code, 0, "{}", printed.err);
        for canary in run::CANARIES {
            let text = printed.out.clone() + &printed.err;
            assert!(!text.contains(canary), "{canary} is in -o {output}:\n{text}");
        }
    }
    // A file with a mistake in it is not quoted either.
    for broken in ["canaries: \"hunter2-canary-plain", "  hunter2-canary-plain: [}"] {
        folder.write("broken.yaml", &format!("{}\n{broken}\n", include_str!("canaries.yaml")));
        let printed = plan(&env, &folder.at("broken.yaml"), &[]);
        assert_eq!(printed.code, 1);
        assert!(!printed.err.contains("canary-plain"), "{}", printed.err);
    }
}

#[test]
fn exit_codes_tell_the_answer() {
    let folder = Folder::new("codes");
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    folder.write("source.yaml", map);
    let source = folder.at("source.yaml");
    let fine = folder.write("fine.yaml", &environment(""));
    let blocked = folder
        .write("blocked.yaml", &environment(", secrets: {rules: [{name: 'a[', policy: Omit}]}"));
    assert_eq!(plan(&fine, &source, &[]).code, 0);
    assert_eq!(plan("no-such.yaml", &source, &[]).code, 1);
    assert_eq!(kulisse(&["plan", "--source", &source]).code, 2);
    assert_eq!(plan(&fine, &source, &["-o", "nothing"]).code, 2);
    for output in ["summary", "report", "yaml", "json"] {
        assert_eq!(plan(&blocked, &source, &["-o", output]).code, 3, "{output}");
    }
    let said = plan(&blocked, &source, &[]).out;
    assert!(
        said.contains("blocks") && said.contains("invalid-rule") && said.contains("settle: "),
        "{said}"
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let folder = Folder::new("wrong");
    let map =
        |more: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a{more}}}\n");
    let env = folder.write("env.yaml", &environment(""));
    let classy = folder.write("classy.yaml", &environment(", className: fast"));
    let typo = folder.write("typo.yaml", &environment(", lifecylce: {ttl: 2h}"));
    let good = folder.write("good.yaml", &map(""));
    let told = |env: &str, name: &str, text: &str| {
        let source = folder.write(name, text);
        let printed = plan(env, &source, &[]);
        assert_eq!((printed.code, printed.out.as_str()), (1, ""), "{}", printed.err);
        printed.err.replace(&folder.path(), "…")
    };
    for (said, env, name, text) in [
        (
            "ConfigMap/a stands twice: …/twice.yaml:1 and …/twice.yaml:5",
            &env,
            "twice.yaml",
            map("") + "---\n" + &map(""),
        ),
        ("…/line.yaml:4:", &env, "line.yaml", "a: 1\nb:\n  - c\n d: 2\n".to_owned()),
        ("…/helm.yaml:", &env, "helm.yaml", "a: {{ .Values.x }}\nb: {{- end }}\n".to_owned()),
        (
            "there is no object of namespace shop: the files are of other: --source-namespace",
            &env,
            "other.yaml",
            map(", namespace: other"),
        ),
        ("the environment's class is fast: give it with --class FILE", &classy, "a.yaml", map("")),
        ("…/typo.yaml:1: unknown field spec.lifecylce", &typo, "b.yaml", map("")),
        ("…/kind.yaml:1:", &env, "kind.yaml", "apiVersion: v1\nmetadata: {name: a}\n".to_owned()),
    ] {
        let told = told(env, name, &text);
        assert!(told.contains(said), "«{said}» is not in: {told}");
    }
    folder.write("chart/Chart.yaml", "name: x\n");
    let chart = plan(&env, &folder.at("chart"), &[]);
    assert!(chart.err.contains("helm template"), "{}", chart.err);
    let other =
        plan(&env, &folder.at("other.yaml"), &["--source-namespace", "other", "--target", "stg-x"]);
    assert_eq!(other.code, 0, "{}", other.err);
    assert!(other.out.contains("other -> stg-x"), "{}", other.out);
    assert_eq!(plan(&env, &good, &["--target", "Not_One"]).code, 1);
}

/// With the UID that the cluster gave it, an environment's plan is the operator's, name and digest.
#[test]
fn an_environment_of_a_cluster_is_planned_with_its_own_names() {
    let folder = Folder::new("uid");
    let source = folder.write("s.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    let with = |rest: &str| {
        let text = environment("").replace("name: pr-1", &format!("name: pr-1, {rest}"));
        let env = folder.write("env.yaml", &text);
        let json: Value = serde_json::from_str(&plan(&env, &source, &["-o", "json"]).out).unwrap();
        json["target"].as_str().unwrap().to_owned()
    };
    assert_eq!(with("namespace: previews"), "stg-pr-1");
    let named = with("uid: 0b7f6a3e-5a52-4c7e-9a8e-000000000001");
    assert!(named.starts_with("stg-pr-1-") && named.len() == "stg-pr-1-".len() + 5, "{named}");
}

// That kubectl finds it so is shown on a cluster.
#[test]
fn under_the_name_of_a_plugin_it_prints_the_same() {
    let folder = Folder::new("plugin");
    folder.write("x", "");
    let plugin = Path::new(&folder.path()).join("kubectl-kulisse");
    fs::copy(env!("CARGO_BIN_EXE_kulisse"), &plugin).unwrap();
    let env = folder.write("env.yaml", &environment(""));
    let source = folder.write("s.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    let args = ["plan", "-f", &env, "--source", &source];
    let printed = run::run(&plugin, &args, "");
    assert_eq!(printed.out, kulisse(&args).out);
}

#[test]
fn diff_shows_what_differs_from_the_source_and_exits_with_3() {
    let folder = Folder::new("diff");
    let env = folder.write("env.yaml", &environment(""));
    folder.write("source.yaml", include_str!("canaries.yaml"));
    let source = folder.at("source.yaml");
    let printed = kulisse(&["diff", "-f", &env, "--source", &source]);
    assert_eq!(printed.code, 3, "{}", printed.err);
    for part in [
        "diff -u /dev/null plan/NetworkPolicy.networking.k8s.io/kulisse-default-deny\n--- /dev/null\n+++ plan/",
        "diff -u source/Secret/database plan/Secret/database\n",
        "-  password: (not shown)\n",
        "+  password: \"(not shown: generated)\"\n",
        "\nOnly in source: Secret/tls (",
    ] {
        assert!(printed.out.contains(part), "«{part}» is not in:\n{}", printed.out);
    }
    // What is the same but for the marks of every clone is no difference.
    assert!(!printed.out.contains("plan/Deployment.apps/web"), "{}", printed.out);
    for canary in run::CANARIES {
        assert!(
            !(printed.out.clone() + &printed.err).contains(canary),
            "{canary}:\n{}",
            printed.out
        );
    }
    assert_eq!(kulisse(&["diff"]).code, 2);
    assert_eq!(kulisse(&["diff", "-f", &env, "--source", &source, "--against", "target"]).code, 1);
}

#[test]
fn what_is_made_from_manifests_is_planned_from_the_same_ones() {
    let folder = Folder::new("artefact");
    let spec = "spec: { source: { namespace: shop, manifests: { oci: { url: \"oci://ghcr.io/acme/shop:pr-7\" } } } }";
    let environment = folder.write(
        "env.yaml",
        &format!("apiVersion: kulisse.dev/v1alpha1\nkind: StagingEnvironment\nmetadata: {{ name: pr-7 }}\n{spec}\n"),
    );
    let printed = kulisse(&["plan", "-f", &environment]);
    assert_eq!((printed.code, printed.out.as_str()), (1, ""));
    assert!(printed.err.contains("give the same ones with --source"), "{}", printed.err);
    let printed = kulisse(&["plan", "-f", &environment, "--source", "examples/shop"]);
    assert_eq!(printed.code, 0, "{}", printed.err);
}
