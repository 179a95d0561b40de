//! Verbs about environments, as far as they go without a cluster: usage, and what is said.

use std::{fs, path::Path, process::Command};

use crate::run::{Folder, kulisse, root, run};

/// Verbs about one environment, with what they need beside its name.
const VERBS: [(&str, &[&str]); 14] = [
    ("status", &[]),
    ("wait", &[]),
    ("logs", &[]),
    ("events", &[]),
    ("open", &[]),
    ("extend", &["24h"]),
    ("sleep", &[]),
    ("wake", &[]),
    ("retry", &[]),
    ("reseed", &[]),
    ("approve", &[]),
    ("suspend", &[]),
    ("resume", &[]),
    ("delete", &[]),
];

#[test]
fn what_is_not_usage_is_said_with_what_is() {
    for (arguments, said) in [
        (&["extend", "pr-1"][..], "<TIME>"),
        (&["extend", "pr-1", "soon"], "write 90s, 10m, 24h, 1h30m or 2d"),
        (&["extend", "pr-1", "--until", "18:00"], "write 2026-11-23T18:00:00Z"),
        (&["extend", "pr-1", "1h", "--until", "2026-11-23T18:00:00Z"], "cannot be used with"),
        (&["status", "pod/x"], "pod is no StagingEnvironment"),
        (&["create", "pr-1"], "--from <NAMESPACE>"),
        (&["create", "pr-1", "--from", "a", "--image", "b"], "write NAME=IMAGE"),
        (&["create", "pr-1", "--from", "a", "--pr", "x"], "write the number"),
        (&["create", "pr-1", "--from", "a", "--ttl", "long"], "is not a span of time"),
        (&["delete", "pr-1", "--timeout", "5m"], "--wait"),
        (&["list", "-o", "xml"], "json, yaml, name, wide"),
        (&["logs", "pr-1", "--task", "a", "--workload", "b"], "cannot be used with"),
        (&["completion", "tcsh"], "bash, zsh, fish, powershell"),
        (&["revoke", "shop"], "--from <NAMESPACE>"),
        (&["fly", "pr-1"], "unrecognized subcommand"),
    ] {
        let printed = kulisse(arguments);
        assert_eq!((printed.code, printed.out.as_str()), (2, ""), "{arguments:?}");
        assert!(printed.err.contains(said), "«{said}» is not in: {}", printed.err);
    }
    for (arguments, said) in [
        (&["create", "PR_1", "--from", "a", "--dry-run=client"][..], "at most 40 of a-z, 0-9"),
        (&["create", "pr-1", "--from", "A_B", "--dry-run=client"], "A_B"),
    ] {
        let printed = kulisse(arguments);
        assert_eq!((printed.code, printed.out.as_str()), (1, ""), "{arguments:?}");
        assert!(printed.err.contains(said), "«{said}» is not in: {}", printed.err);
    }
}

#[test]
fn every_verb_explains_itself_and_takes_kubectls_options() {
    for (verb, more) in VERBS {
        let help = kulisse(&[verb, "--help"]);
        assert_eq!(help.code, 0);
        for part in ["Usage: kulisse ", "--namespace <NAMESPACE>", "--context", "--kubeconfig"] {
            assert!(help.out.contains(part), "{verb}: «{part}» is not in:\n{}", help.out);
        }
        // Without a cluster each says that, and not that it is used wrongly.
        let printed = kulisse(&[&[verb, "pr-1", "-n", "previews"], more].concat());
        assert_eq!((printed.code, printed.out.as_str()), (1, ""), "{verb}");
        assert!(printed.err.contains("no cluster: set KUBECONFIG"), "{verb}: {}", printed.err);
    }
}

#[test]
fn every_verb_is_in_the_reference() {
    let text = std::fs::read_to_string(root().join("docs/reference/cli.md")).unwrap();
    let heads: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("## kulisse ")).collect();
    let told: Vec<&str> = heads.iter().flat_map(|it| it.split(", ")).collect();
    let help = kulisse(&["--help"]).out;
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let verbs = list.lines().filter_map(|it| it.strip_prefix("  ")?.split_whitespace().next());
    for verb in verbs.filter(|it| *it != "help") {
        assert!(told.contains(&verb), "docs/reference/cli.md: no section «## kulisse {verb}»");
    }
}

#[test]
fn shells_get_a_script_that_asks_this_program() {
    for (shell, part) in [
        ("bash", "complete -o"),
        ("zsh", "#compdef kulisse"),
        ("fish", "complete --keep-order"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let printed = kulisse(&["completion", shell]);
        assert_eq!(printed.code, 0, "{}", printed.err);
        assert!(printed.out.contains(part) && printed.out.contains("COMPLETE"), "{}", printed.out);
    }
    // What such a script asks for, with the words before it.
    let output = Command::new(env!("CARGO_BIN_EXE_kulisse"))
        .args(["--", "kulisse", "sl"])
        .env("COMPLETE", "fish")
        .output()
        .unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(words.starts_with("sleep\t"), "{words}");
}

#[test]
fn kubectl_completes_the_words_of_its_plugin() {
    let folder = Folder::new("completion");
    folder.write("x", "");
    let helper = Path::new(&folder.path()).join("kubectl_complete-kulisse");
    fs::copy(env!("CARGO_BIN_EXE_kulisse"), &helper).unwrap();
    let words = |line: &[&str]| run(&helper, line, "").out;
    assert!(words(&["ex"]).starts_with("extend\t"), "{}", words(&["ex"]));
    assert!(words(&["list", "--all"]).starts_with("--all-namespaces\t"));
    // Names are asked for where there is a cluster, and nothing is said where there is none.
    assert_eq!(words(&["status", "pr-"]), ":4\n");
}

#[test]
fn every_verb_has_a_page_in_the_manual() {
    let folder = Folder::new("man");
    let dir = folder.at("man1");
    let printed = kulisse(&["man", "--dir", &dir]);
    assert_eq!(printed.code, 0, "{}", printed.err);
    for (verb, _) in VERBS {
        let page = fs::read_to_string(Path::new(&dir).join(format!("kulisse-{verb}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{verb}");
    }
    assert!(kulisse(&["man"]).out.contains(".TH kulisse 1"));
}

#[test]
fn a_plugin_is_called_as_kubectl_calls_it() {
    let folder = Folder::new("called");
    folder.write("x", "");
    let plugin = Path::new(&folder.path()).join("kubectl-kulisse");
    fs::copy(env!("CARGO_BIN_EXE_kulisse"), &plugin).unwrap();
    let help = run(&plugin, &["status", "--help"], "").out;
    assert!(help.contains("Usage: kubectl kulisse status"), "{help}");
    let wrong = run(&plugin, &["extend", "pr-1"], "").err;
    assert!(wrong.contains("Usage: kubectl kulisse extend"), "{wrong}");
}
