//! Sets whose members know of each other: one of three never agrees on anything.
//!
//! Such a set goes to one member, with what it is told of the others taken out, or stays as large as
//! it is: never in between, unless an override says so. What the rest of the clone is told of
//! members that are not there is taken out as well, or named.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    super::{
        context::Context,
        kinds,
        log::{Log, Rule},
        object::{Key, Object},
    },
    members, replicas,
    texts::{self, Place},
};
use crate::api::staging_plan::Severity;

const ALONE: Rule =
    Rule { name: "quorum", why: "one member agrees with itself only if it is told of no others" };
const GONE: Rule = Rule { name: "missing-member", why: "the clone has no such member" };

/// A set that would have fewer members than in production.
struct Set {
    /// The number of its object.
    at: usize,
    /// The number of its first member.
    first: u64,
    /// How many there are in production.
    size: i64,
    /// How many are planned.
    planned: i64,
    /// An override says so.
    asked: bool,
}

/// Texts that are written anew.
type Rewritten = BTreeMap<Place, String>;

/// Decides on the size of every set whose members know of each other, and rewrites what is said of
/// members that go. Answers the sizes of sets that differ from what was planned.
pub(super) fn settle(
    objects: &mut [Object],
    context: &Context,
    log: &mut Log,
) -> BTreeMap<Key, i64> {
    let sets: Vec<Set> = (0..objects.len()).filter_map(|at| set(objects, at, context)).collect();
    if sets.is_empty() {
        return BTreeMap::new();
    }
    let numbers = texts::numbered(objects);
    let mut sizes = BTreeMap::new();
    let mut shrunk = Vec::new();
    for set in sets {
        let own = texts::own(objects, &numbers, set.at);
        let size = decide(objects, &set, &own, log);
        if size != set.planned {
            sizes.insert(objects[set.at].key(), size);
        }
        if size < set.size {
            let own: BTreeSet<Place> = own.into_iter().collect();
            shrunk.push((objects[set.at].name().to_owned(), set.first + size.unsigned_abs(), own));
        }
    }
    forget(objects, &shrunk, log);
    sizes
}

fn set(objects: &[Object], at: usize, context: &Context) -> Option<Set> {
    let object = &objects[at];
    let profile = kinds::profile(object)?;
    profile.claim_templates?;
    let (size, planned) = replicas::before_and_after(object, profile.replicas?, context);
    let first = object.get("/spec/ordinals/start").and_then(Value::as_u64).unwrap_or(0);
    let asked = context.scaled(&object.key()).is_some_and(|it| it.replicas.is_some());
    (size > 1 && (0..size).contains(&planned)).then_some(Set { at, first, size, planned, asked })
}

/// How many members a set gets. What is said of the others is taken out.
fn decide(objects: &mut [Object], set: &Set, own: &[Place], log: &mut Log) -> i64 {
    let name = objects[set.at].name().to_owned();
    let known = |place: &&Place| {
        let (at, path) = place;
        let (object, text) = (&objects[*at], objects[*at].text(path));
        members::named(text, &name).iter().any(|it| it.0 > set.first)
            || !members::counts(&texts::name(object, path), text, set.size).is_empty()
            || flag_before(object, path, set.size)
    };
    let Some((at, path)) = own.iter().find(known).cloned() else { return set.planned };
    // Nobody is there to agree with anybody.
    if set.planned == 0 {
        return 0;
    }
    let wanted = if set.asked { set.planned } else { 1 };
    let rewritten = if wanted == 1 { alone(objects, &name, set, own) } else { None };
    if let Some(rewritten) = rewritten {
        for ((at, path), text) in rewritten {
            log.set(&mut objects[at], &path, json!(text), &ALONE);
        }
        return 1;
    }
    let place = format!("{} of {}", path, objects[at].key());
    let key = objects[set.at].key();
    let size = set.size;
    if set.asked {
        let why = format!(
            "its {size} members know of each other ({place}), and spec.scale.overrides gives it {wanted}: it may wait for the others for ever"
        );
        let settle = format!("give it {size} replicas, or settings that fit {wanted}");
        log.find(Severity::Warns, &key, "/spec/replicas", "quorum", why, settle);
        return wanted;
    }
    let why = format!(
        "its {size} members know of each other ({place}), and it is not certain how one would be set up alone: it stays at {size}"
    );
    let settle = format!(
        "# if one member runs alone; otherwise leave it so\nspec:\n  scale:\n    overrides:\n      - {{ target: {{ kind: {}, name: {name} }}, replicas: 1 }}",
        key.kind
    );
    log.find(Severity::Informs, &key, "/spec/replicas", "quorum", why, settle);
    size
}

/// What the first member is told once it is alone; `None` if that is not certain.
fn alone(objects: &[Object], name: &str, set: &Set, own: &[Place]) -> Option<Rewritten> {
    let mut rewritten = Rewritten::new();
    for (at, path) in own {
        let object = &objects[*at];
        let old = object.text(path);
        let mut new = members::shortened(old, name, set.first + 1)?;
        let figures = members::counts(&texts::name(object, path), &new, set.size);
        for range in figures.into_iter().rev() {
            new.replace_range(range, "1");
        }
        if flag_before(object, path, set.size) {
            "1".clone_into(&mut new);
        }
        if new != old {
            rewritten.insert((*at, path.clone()), new);
        }
    }
    Some(rewritten)
}

/// Whether an argument is the figure of the flag before it: `--bootstrap-expect`, `3`.
fn flag_before(object: &Object, path: &str, size: i64) -> bool {
    let Some((list, at)) = path.rsplit_once('/') else { return false };
    let Some(before) = at.parse::<usize>().ok().and_then(|at| at.checked_sub(1)) else {
        return false;
    };
    let flag = object.text(&format!("{list}/{before}"));
    flag.starts_with('-')
        && !flag.contains('=')
        && members::is_count(flag)
        && object.text(path).parse().is_ok_and(|it: i64| (2..=size).contains(&it))
}

/// Takes members that are not there out of what everything else is told.
fn forget(objects: &mut [Object], shrunk: &[(String, u64, BTreeSet<Place>)], log: &mut Log) {
    let starts = shrunk.iter().map(|it| format!("{}-", it.0));
    let Ok(finder) = aho_corasick::AhoCorasick::new(starts) else { return };
    for (at, object) in objects.iter_mut().enumerate() {
        for path in texts::of(object) {
            let text = object.text(&path).to_owned();
            let met: BTreeSet<usize> =
                finder.find_overlapping_iter(&text).map(|it| it.pattern().as_usize()).collect();
            for (name, end, own) in met.into_iter().filter_map(|it| shrunk.get(it)) {
                let text = object.text(&path).to_owned();
                let Some((missing, _)) =
                    members::named(&text, name).into_iter().find(|it| it.0 >= *end)
                else {
                    continue;
                };
                if let Some(new) = members::shortened(&text, name, *end) {
                    log.set(object, &path, json!(new), &GONE);
                } else if !own.contains(&(at, path.clone())) {
                    log.find(
                        Severity::Warns,
                        &object.key(),
                        &path,
                        "missing-member",
                        format!("it names {name}-{missing}, which the clone does not have"),
                        format!(
                            "spec:\n  scale:\n    overrides:\n      - {{ target: {{ name: {name} }}, replicas: {} }}",
                            missing.saturating_add(1)
                        ),
                    );
                }
            }
        }
    }
}
