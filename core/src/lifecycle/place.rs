//! Places: how many environments there may be at a time, and whose turn is next.
//!
//! A place belongs to an environment with a target, one that is going included. It is asked for
//! only before a target is made; nobody loses one.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::{
    class::Limits,
    condition::{ConditionType, Reason, find},
    environment::StagingEnvironment,
};

/// An environment of a class that has a place or waits for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its UID.
    pub uid: String,
    /// Where it was asked for.
    pub namespace: String,
    /// Since when it waits.
    pub since: Timestamp,
}

/// Those that wait, in the order of their turns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// UIDs of those that may be made now.
    pub now: Vec<String>,
    /// UIDs of the others.
    pub later: Vec<String>,
}

/// Whether an environment waits for its turn, by its status. One with a number may not: it has waited
/// for too long, or something else keeps it back since.
pub fn waits(environment: &StagingEnvironment) -> bool {
    let Some(status) = environment.status.as_ref().filter(|it| it.queue.is_some()) else {
        return false;
    };
    let granted = find(&status.conditions, ConditionType::Granted);
    granted.is_some_and(|it| it.reason == Reason::Queued.as_str()) && !environment.spec.suspend
}

/// Whether an environment may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It may.
    Now,
    /// It has this place in the queue, counted from 1.
    Later(u32),
}

impl Line {
    /// The turn of one of them.
    pub fn turn(&self, uid: &str) -> Turn {
        match self.later.iter().position(|it| it == uid) {
            Some(at) => Turn::Later(u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1)),
            None => Turn::Now,
        }
    }
}

/// Lines up those that wait, where `taken` have a place already (their request namespaces).
///
/// The next place goes to the request namespace that has the fewest, counting those that it will
/// have got by then; within one, and among equals, to who has waited longest. So nobody starves,
/// however many environments somebody else asks for. A namespace at its own limit is passed over.
pub fn line(waiting: &[Entry], taken: &[String], limits: &Limits) -> Line {
    let mut has: BTreeMap<&str, u32> = BTreeMap::new();
    for namespace in taken {
        *has.entry(namespace).or_default() += 1;
    }
    let mut left: Vec<&Entry> = waiting.iter().collect();
    left.sort_by(|a, b| (a.since, &a.uid).cmp(&(b.since, &b.uid)));
    let used = u32::try_from(taken.len()).unwrap_or(u32::MAX);
    let mut free = limits.max_environments.map_or(u32::MAX, |most| most.saturating_sub(used));
    let mut line = Line::default();
    loop {
        let places = |it: &Entry| has.get(it.namespace.as_str()).copied().unwrap_or(0);
        let next = left
            .iter()
            .enumerate()
            .filter(|(_, it)| limits.max_per_namespace.is_none_or(|most| places(it) < most))
            .min_by_key(|(at, it)| (places(it), *at))
            .map(|(at, _)| at);
        let Some(at) = next else { break };
        let entry = left.remove(at);
        *has.entry(&entry.namespace).or_default() += 1;
        if free > 0 {
            free -= 1;
            line.now.push(entry.uid.clone());
        } else {
            line.later.push(entry.uid.clone());
        }
    }
    line.later.extend(left.into_iter().map(|it| it.uid.clone()));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(uid: &str, namespace: &str, since: i64) -> Entry {
        Entry {
            uid: uid.into(),
            namespace: namespace.into(),
            since: Timestamp::from_second(since).unwrap(),
        }
    }

    fn limits(environments: Option<u32>, per_namespace: Option<u32>) -> Limits {
        Limits {
            max_environments: environments,
            max_per_namespace: per_namespace,
            ..Limits::default()
        }
    }

    fn taken(namespaces: &[&str]) -> Vec<String> {
        namespaces.iter().map(|it| (*it).to_owned()).collect()
    }

    fn turn(uid: &str, waiting: &[Entry], taken: &[String], limits: &Limits) -> Turn {
        line(waiting, taken, limits).turn(uid)
    }

    #[test]
    fn without_limits_nobody_waits() {
        let waiting = [entry("a", "x", 2), entry("b", "x", 1)];
        assert_eq!(turn("a", &waiting, &taken(&["x"; 100]), &limits(None, None)), Turn::Now);
    }

    #[test]
    fn free_places_are_given_to_who_has_waited_longest() {
        let waiting = [entry("late", "x", 2), entry("early", "x", 1)];
        let limits = limits(Some(3), None);
        assert_eq!(turn("early", &waiting, &taken(&["x", "x"]), &limits), Turn::Now);
        assert_eq!(turn("late", &waiting, &taken(&["x", "x"]), &limits), Turn::Later(1));
        assert_eq!(turn("late", &waiting, &taken(&["x"; 3]), &limits), Turn::Later(2));
    }

    #[test]
    fn a_namespace_that_asks_for_many_does_not_starve_another() {
        let mut waiting: Vec<Entry> =
            (0..100).map(|at| entry(&format!("a{at}"), "greedy", at)).collect();
        waiting.push(entry("b", "modest", 1000));
        let limits = limits(Some(3), None);
        assert_eq!(turn("b", &waiting, &taken(&["greedy"; 2]), &limits), Turn::Now);
        assert_eq!(turn("a0", &waiting, &taken(&["greedy"; 2]), &limits), Turn::Later(1));
    }

    #[test]
    fn a_namespace_at_its_own_limit_is_passed_over_and_holds_up_nobody() {
        let waiting = [entry("a1", "full", 1), entry("a2", "full", 2), entry("b", "other", 3)];
        let limits = limits(Some(10), Some(2));
        let taken = taken(&["full", "full"]);
        assert_eq!(turn("b", &waiting, &taken, &limits), Turn::Now);
        assert_eq!(turn("a1", &waiting, &taken, &limits), Turn::Later(1));
        assert_eq!(turn("a2", &waiting, &taken, &limits), Turn::Later(2));
    }

    #[test]
    fn a_lowered_limit_takes_no_place_away_and_gives_none() {
        let waiting = [entry("a", "x", 1)];
        assert_eq!(turn("a", &waiting, &taken(&["x"; 5]), &limits(Some(2), None)), Turn::Later(1));
    }

    #[test]
    fn exactly_as_many_get_a_place_as_there_are() {
        let waiting: Vec<Entry> =
            (0..40).map(|at| entry(&format!("e{at}"), &format!("ns{}", at % 7), at)).collect();
        let limits = limits(Some(12), Some(2));
        let taken = taken(&["ns0", "ns1", "ns1"]);
        let line = line(&waiting, &taken, &limits);
        let now = waiting.iter().filter(|it| line.turn(&it.uid) == Turn::Now);
        assert_eq!(now.count(), 9);
    }

    #[test]
    fn a_place_that_is_given_counts_like_one_that_was_taken() {
        let waiting = [entry("a1", "x", 1), entry("a2", "x", 2), entry("b", "y", 3)];
        let given = |limits: &Limits| line(&waiting, &[], limits).now;
        assert_eq!(given(&limits(Some(2), None)), ["a1", "b"]);
        assert_eq!(given(&limits(None, Some(1))), ["a1", "b"]);
    }
}
