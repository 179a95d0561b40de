//! Claims get volumes of their own.

use super::super::{
    log::{Log, Rule},
    object::Object,
};

const FRESH: Rule = Rule {
    name: "claim-class",
    why: "it would look for a volume made by hand, such as production's; a new one is made instead",
};

/// Takes from a claim, or the template of one, what chooses among volumes that exist.
pub(super) fn fresh(object: &mut Object, base: &str, log: &mut Log) {
    log.remove(object, &format!("{base}/spec/selector"), &FRESH);
    let class = format!("{base}/spec/storageClassName");
    if object.get(&class).is_some_and(|it| it == "") {
        log.remove(object, &class, &FRESH);
    }
}
