//! The same scripts by Argo CD's own code: what it shows of an environment, and what its actions write.

use std::process::Command;

use serde_json::Value;

use crate::{
    actions::{asked, name, offered},
    health::{EXPECTED, health, recorded},
    support::tools::{program, root, run},
};

#[test]
fn argo_cd_itself_sees_the_same() {
    let look = match program("KULISSE_ARGOCD", "dev/argocd/build.sh") {
        Ok(look) => look,
        Err(why) => {
            eprintln!("skipped: examples: {why}");
            return;
        }
    };
    let config = root().join("examples/argocd/argocd-cm.yaml");
    let file = |name: &str| root().join("tests/fixtures/statuses").join(format!("{name}.yaml"));
    let files = EXPECTED.iter().map(|(name, _)| file(name));
    let told = run(Command::new(look).arg(config).args(files), None).ok("argocd-look");
    let told: Vec<Value> =
        told.lines().map(|it| serde_json::from_str(it).expect("a line of JSON")).collect();
    assert_eq!(told.len(), EXPECTED.len());
    for ((state, expected), seen) in EXPECTED.iter().zip(&told) {
        let object = recorded(state);
        assert_eq!(seen["health"], *expected, "{state}");
        assert_eq!(seen["message"], health(&object).1, "{state}");
        let ours = offered(&object);
        let theirs = seen["offered"].as_object().expect("actions");
        assert_eq!(theirs.len(), ours.len(), "{state}: {theirs:?}");
        for verb in ours {
            let written = &theirs[name(verb)][verb.annotation()];
            // Some write a time, which goes on between the two.
            let (written, mine) = (written.as_str().unwrap_or_default(), asked(verb, &object));
            let shape = |text: &str| text.replace(|it: char| it.is_ascii_digit(), "0");
            assert_eq!(shape(written), shape(&mine), "{state}: {verb:?}");
        }
    }
}
