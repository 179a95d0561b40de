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
        texts::filled::Known,
    },
    clients::{self, Smaller},
    figures, members, replicas,
    spelled::{self, Spelled},
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

impl Set {
    /// Whether a text may call others in a way that cannot be taken apart.
    fn is_vague(&self, name: &str, spelled: &Spellings, place: &Place) -> bool {
        spelled.get(place).into_iter().flatten().any(|it| it.is_vague(name, self.first))
    }
}

/// How texts put the names of members together.
type Spellings = BTreeMap<Place, Vec<Spelled>>;

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
    let told: Vec<(Vec<Place>, Spellings)> = {
        let (objects, nothing) = (&*objects, BTreeMap::new());
        let known = Known::of(objects, &nothing);
        let of = |set: &Set| {
            let own = texts::own(objects, &numbers, set.at);
            let spelled = spelled::of(objects, &objects[set.at], &own, &known);
            (own, spelled)
        };
        sets.iter().map(of).collect()
    };
    let mut sizes = BTreeMap::new();
    let mut shrunk = Vec::new();
    let mut smaller = Vec::new();
    for (set, (own, spelled)) in sets.into_iter().zip(told) {
        let left = decide(objects, &set, &own, &spelled, log);
        if left != set.planned {
            sizes.insert(objects[set.at].key(), left);
        }
        if left < set.size {
            let own: BTreeSet<Place> = own.into_iter().collect();
            shrunk.push((objects[set.at].name().to_owned(), set.first + left.unsigned_abs(), own));
            smaller.push(Smaller { at: set.at, size: set.size, left });
        }
    }
    forget(objects, &shrunk, log);
    clients::settle(objects, &numbers, &smaller, log);
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
fn decide(
    objects: &mut [Object],
    set: &Set,
    own: &[Place],
    spelled: &Spellings,
    log: &mut Log,
) -> i64 {
    let name = objects[set.at].name().to_owned();
    let known = |place: &&Place| {
        let (at, path) = place;
        let (object, text) = (&objects[*at], objects[*at].text(path));
        let names = called(&name, spelled, place);
        names.iter().any(|it| members::named(text, it).iter().any(|it| it.0 > set.first))
            || !figures::counts(&texts::name(object, path), text, set.size).is_empty()
            || set.is_vague(&name, spelled, place)
    };
    let Some((at, path)) = own.iter().find(known).cloned() else { return set.planned };
    // Nobody is there to agree with anybody.
    if set.planned == 0 {
        return 0;
    }
    let wanted = if set.asked { set.planned } else { 1 };
    let rewritten = if wanted == 1 { alone(objects, &name, set, own, spelled) } else { None };
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

/// Names by which a text calls the members of a set: its own, and what stands for that.
fn called<'s>(name: &'s str, spelled: &'s Spellings, place: &Place) -> Vec<&'s str> {
    let others = spelled.get(place).into_iter().flatten().filter(|it| it.means(name));
    std::iter::once(name).chain(others.map(|it| it.written.as_str())).collect()
}

/// What the first member is told once it is alone; `None` if that is not certain.
fn alone(
    objects: &[Object],
    name: &str,
    set: &Set,
    own: &[Place],
    spelled: &Spellings,
) -> Option<Rewritten> {
    let mut rewritten = Rewritten::new();
    for place in own {
        let (object, path) = (&objects[place.0], &place.1);
        if set.is_vague(name, spelled, place) {
            return None;
        }
        let old = object.text(path);
        let mut new = old.to_owned();
        for name in called(name, spelled, place) {
            new = members::shortened(&new, name, set.first + 1)?;
        }
        let figures = figures::counts(&texts::name(object, path), &new, set.size).into_iter();
        let figures = figures.map(|it| Some((it.place, it.alone?))).collect::<Option<_>>()?;
        new = figures::replaced(&new, figures);
        if new != old {
            rewritten.insert(place.clone(), new);
        }
    }
    Some(rewritten)
}

/// Takes members that are not there out of what everything else is told.
fn forget(objects: &mut [Object], shrunk: &[(String, u64, BTreeSet<Place>)], log: &mut Log) {
    if shrunk.is_empty() {
        return;
    }
    let starts = shrunk.iter().map(|it| format!("{}-", it.0));
    let Ok(finder) = aho_corasick::AhoCorasick::new(starts) else { return };
    let spelled = spellings(objects);
    for (at, object) in objects.iter_mut().enumerate() {
        for path in texts::of(object) {
            let place = (at, path);
            let path = &place.1;
            let text = object.text(path);
            let met: BTreeSet<usize> =
                finder.find_overlapping_iter(text).map(|it| it.pattern().as_usize()).collect();
            let by_name = met.into_iter().filter_map(|it| shrunk.get(it));
            let by_variables = spelled.get(&place).into_iter().flatten().flat_map(|spelled| {
                let meant = shrunk.iter().filter(|it| spelled.means(&it.0));
                meant.map(|it| (spelled.written.as_str(), it))
            });
            for (name, (set, end, own)) in by_name.map(|it| (it.0.as_str(), it)).chain(by_variables)
            {
                let text = object.text(path).to_owned();
                let Some((missing, _)) =
                    members::named(&text, name).into_iter().find(|it| it.0 >= *end)
                else {
                    continue;
                };
                if let Some(new) = members::shortened(&text, name, *end) {
                    log.set(object, path, json!(new), &GONE);
                } else if !own.contains(&place) {
                    log.find(
                        Severity::Warns,
                        &object.key(),
                        path,
                        "missing-member",
                        format!("it names {set}-{missing}, which the clone does not have"),
                        format!(
                            "spec:\n  scale:\n    overrides:\n      - {{ target: {{ name: {set} }}, replicas: {} }}",
                            missing.saturating_add(1)
                        ),
                    );
                }
            }
        }
    }
}

/// How everything puts the names of members together by what it is told itself.
fn spellings(objects: &[Object]) -> Spellings {
    let nothing = BTreeMap::new();
    let known = Known::of(objects, &nothing);
    let of = |(at, object)| {
        let places: Vec<Place> = texts::of(object).into_iter().map(|path| (at, path)).collect();
        spelled::of(objects, object, &places, &known)
    };
    objects.iter().enumerate().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    /// A set `db` of so many, whose container has these arguments.
    fn set_of(replicas: i64, args: &[&str]) -> Object {
        let pod = json!({"containers": [{"name": "db", "args": args}]});
        let spec = json!({"replicas": replicas, "template": {"spec": pod}});
        fixture::object("apps/v1", "StatefulSet", "db", json!({ "spec": spec }))
    }

    /// What a scale makes of objects, and what is found.
    fn scaled(scale: &Value, objects: Vec<Object>) -> (Vec<Object>, Vec<String>) {
        let request = fixture::request(json!({ "scale": scale }), json!({}));
        let mut capture = fixture::capture();
        capture.objects = objects;
        let context = Context::new(&request, &capture).unwrap();
        let mut log = Log::default();
        let made = super::super::scale(capture.objects.clone(), &context, &mut log);
        (made, log.findings.into_iter().map(|it| it.kind).collect())
    }

    #[test]
    fn a_set_goes_to_one_if_it_is_told_of_its_members_and_else_to_what_was_planned() {
        let half = json!({"profile": "Proportional", "percent": 50});
        for (args, size, told) in [
            (&[][..], 2, &[][..]),
            (&["--log", "info"], 2, &["--log", "info"]),
            (&["--port", "3"], 2, &["--port", "3"]),
            (&["replicas", "3"], 2, &["replicas", "3"]),
            (&["--join=db-0.db"], 2, &["--join=db-0.db"]),
            (&["--join=db-0.db,db-1.db"], 1, &["--join=db-0.db"]),
            (&["--replicas=4"], 1, &["--replicas=1"]),
            (&["--replicas=4", "3"], 1, &["--replicas=1", "3"]),
            (&["--bootstrap-expect", "3"], 1, &["--bootstrap-expect", "1"]),
            (&["--bootstrap-expect", "5"], 2, &["--bootstrap-expect", "5"]),
        ] {
            let (made, findings) = scaled(&half, vec![set_of(4, args)]);
            assert_eq!(made[0].get("/spec/replicas"), Some(&json!(size)), "{args:?}");
            let found = made[0].get("/spec/template/spec/containers/0/args");
            assert_eq!(found, Some(&json!(told)), "{args:?}");
            assert!(findings.is_empty(), "{args:?}: {findings:?}");
        }
    }

    #[test]
    fn a_set_as_large_as_production_is_told_what_production_is_told() {
        let whole = set_of(3, &["--join=db-0.db,db-1.db,db-2.db"]);
        let (made, findings) = scaled(&json!({"profile": "Full"}), vec![whole.clone()]);
        assert_eq!(made, [whole]);
        assert!(findings.is_empty(), "{findings:?}");
    }

    #[test]
    fn of_a_set_that_stays_whole_no_member_is_missed() {
        let env = json!([{"name": "DB", "value": "db-7.db"}]);
        let pod = json!({"containers": [{"name": "web", "env": env}]});
        let web = fixture::deployment("web", json!({}), pod);
        let uncertain = set_of(3, &["for it in db-1 db-2; do join $it; done"]);
        let (made, findings) = scaled(&json!({}), vec![uncertain, web]);
        assert_eq!(made[0].get("/spec/replicas"), Some(&json!(3)));
        assert_eq!(findings, ["quorum"]);
    }
}
