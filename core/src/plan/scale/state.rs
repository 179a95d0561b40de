//! What a set is told of the state that production's is in. The volumes of the clone start empty: one
//! that is told to join what runs already waits for ever.

use serde_json::json;

use super::{
    super::{
        log::{Log, Rule},
        object::Object,
    },
    figures, texts,
};

/// Names of settings, as their last words; what they say of a set that runs already, and of one that is
/// set up anew.
const STATES: &[(&str, &str, &str)] = &[("INITIAL_CLUSTER_STATE", "existing", "new")];

const FRESH: Rule = Rule {
    name: "quorum",
    why: "its volumes start empty: there is nothing yet that it could join",
};

/// Tells every set that it is new.
pub(super) fn fresh(object: &mut Object, log: &mut Log) {
    for path in texts::of(object) {
        let new = anew(&texts::name(object, &path), object.text(&path));
        if let Some(new) = new {
            log.set(object, &path, json!(new), &FRESH);
        }
    }
}

/// A text with other states; `None` if none is to be changed. One that knows both decides by itself.
fn anew(name: &str, text: &str) -> Option<String> {
    let mut places = Vec::new();
    for (setting, old, new) in STATES.iter().filter(|it| text.contains(it.1)) {
        let found = figures::values(name, text).into_iter();
        let said: Vec<&str> = found
            .filter(|(name, _)| figures::ends(&figures::words(name), &[*setting]))
            .map(|(_, value)| value)
            .collect();
        if said.iter().all(|it| it == old) {
            places.extend(said.into_iter().map(|it| (figures::place(text, it), *new)));
        }
    }
    (!places.is_empty()).then(|| figures::replaced(text, places))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_join_what_runs_already_is_set_up_anew() {
        for (name, text, expected) in [
            ("ETCD_INITIAL_CLUSTER_STATE", "existing", Some("new")),
            ("--initial-cluster-state", "existing", Some("new")),
            ("", "--initial-cluster-state=existing", Some("--initial-cluster-state=new")),
            (
                "",
                "exec etcd --initial-cluster-state existing --name $A",
                Some("exec etcd --initial-cluster-state new --name $A"),
            ),
            (
                "etcd.yml",
                "initial-cluster-state: 'existing'\n",
                Some("initial-cluster-state: 'new'\n"),
            ),
            ("ETCD_INITIAL_CLUSTER_STATE", "new", None),
            (
                "",
                "if $A; then INITIAL_CLUSTER_STATE=existing; else INITIAL_CLUSTER_STATE=new; fi",
                None,
            ),
            ("PATRONI_STATE", "existing", None),
            ("", "--initial-cluster-state=$STATE # existing", None),
        ] {
            assert_eq!(anew(name, text).as_deref(), expected, "{name} {text}");
        }
    }
}
