//! How many of each there are.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{
    context::Context,
    log::{Log, Rule},
    object::{Key, Object},
};
use crate::api::environment::ScaleProfile;

/// Annotations in which tools that put workloads to sleep remember how many replicas there were.
const ORIGINALS: &[&str] =
    &["downscaler/original-replicas", "idling.alpha.openshift.io/previous-scale"];

const MINIMAL: Rule = Rule { name: "scale", why: "the profile Minimal runs one of everything" };
const PROPORTIONAL: Rule = Rule {
    name: "scale",
    why: "the profile Proportional runs this part of production, rounded up",
};
const OVERRIDE: Rule = Rule { name: "scale", why: "spec.scale.overrides says so" };
const ASLEEP: Rule =
    Rule { name: "scale", why: "production was asleep when it was read, and would run again" };

/// Gives a workload its number of replicas.
pub(super) fn scale(
    object: &mut Object,
    pointer: &str,
    sizes: &BTreeMap<Key, i64>,
    context: &Context,
    log: &mut Log,
) {
    let said = object.get(pointer).and_then(Value::as_i64);
    let (mut count, rule) = planned(object, said, context);
    count = sizes.get(&object.key()).copied().unwrap_or(count);
    // Left out, it is 1: saying so is no change.
    if said.unwrap_or(1) == count {
        object.set(pointer, json!(count));
    } else {
        log.set(object, pointer, json!(count), rule);
    }
}

/// How many replicas a workload has when production is awake, and how many are planned.
pub(super) fn before_and_after(object: &Object, pointer: &str, context: &Context) -> (i64, i64) {
    let said = object.get(pointer).and_then(Value::as_i64);
    (awake(object, said, context), planned(object, said, context).0)
}

fn awake(object: &Object, said: Option<i64>, context: &Context) -> i64 {
    match said.unwrap_or(1).max(0) {
        0 => slept(&object.key(), context).unwrap_or(0),
        count => count,
    }
}

fn planned(object: &Object, said: Option<i64>, context: &Context) -> (i64, &'static Rule) {
    let key = object.key();
    if let Some(count) = context.scaled(&key).and_then(|it| it.replicas) {
        return (i64::from(count), &OVERRIDE);
    }
    let awake = awake(object, said, context);
    let scale = &context.request.spec.scale;
    let (count, rule) = match scale.profile {
        ScaleProfile::Minimal => (awake.min(1), &MINIMAL),
        ScaleProfile::Proportional => (part(awake, scale.percent()), &PROPORTIONAL),
        ScaleProfile::Full => (awake, &ASLEEP),
    };
    (count, if said.is_some_and(|it| it <= 0) { &ASLEEP } else { rule })
}

/// That many percent of `count`, rounded up: some of what runs at all.
pub(super) fn part(count: i64, percent: u32) -> i64 {
    let whole = i128::from(count) * i128::from(percent);
    i64::try_from((whole + 99) / 100).unwrap_or(count)
}

/// How many there are when the source is awake, if it only sleeps: a tool has put it to sleep, or
/// an autoscaler found nothing to do. The tool's mark is already stripped from the clone.
fn slept(key: &Key, context: &Context) -> Option<i64> {
    let source = context.by_key.get(key)?;
    let noted = ORIGINALS.iter().find_map(|key| source.annotation(key));
    if let Some(noted) = noted {
        return Some(noted.parse().ok().filter(|count| (1..=i64::from(u16::MAX)).contains(count)))
            .map(|count| count.unwrap_or(1));
    }
    context.autoscaled.contains(key).then_some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_rounded_up_so_that_something_of_everything_runs() {
        let parts: Vec<i64> = [0, 1, 2, 3, 10].iter().map(|count| part(*count, 34)).collect();
        assert_eq!(parts, [0, 1, 1, 2, 4]);
        assert_eq!(part(i64::MAX, 100), i64::MAX);
    }
}
