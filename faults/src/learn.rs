//! Makes plans from what a clean run has shown: every single fault, at every request and event.

use std::collections::BTreeMap;

use crate::{
    plan::{EventType, Match, ResourceMatch},
    request::{Request, Resource},
};

/// A request that has passed, or an event of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The request, or the watch that the event came by.
    pub request: Request,
    /// The event.
    pub event: Option<EventType>,
}

/// A family of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The client is killed before, after and between all of its writes.
    Kills,
    /// Every request is answered wrongly or not at all.
    Answers,
    /// Every event of a watch is lost, doubled and late.
    Events,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kills, Self::Answers, Self::Events];

    /// As it is written on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kills => "kills",
            Self::Answers => "answers",
            Self::Events => "events",
        }
    }

    /// What happens, one plan for each.
    pub fn actions(self) -> &'static [&'static str] {
        match self {
            Self::Kills => &["kill-before", "kill-after", "kill-answered"],
            Self::Answers => &[
                "status 409",
                "status 429 retry-after 1s",
                "status 500",
                "status 503",
                "status-after 504",
                "reset",
                "drop-after",
                "hang",
            ],
            Self::Events => &["drop", "duplicate", "delay 5s"],
        }
    }

    fn concerns(self, seen: &Seen) -> bool {
        match self {
            Self::Kills => seen.event.is_none() && seen.request.writes(),
            Self::Answers => seen.event.is_none(),
            Self::Events => matches!(
                seen.event,
                Some(EventType::Added | EventType::Modified | EventType::Deleted)
            ),
        }
    }
}

/// All plans with one fault of this family, as text, in the order in which things were seen. What is
/// in `except` is left out.
///
/// A fault says verb, kind and number (`create secrets.core no-dry-run #2`) and no names: those have
/// random parts, and the order of requests about different kinds differs from run to run.
pub fn plans(seen: &[Seen], family: Family, except: &[Match]) -> Vec<String> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut plans = Vec::new();
    for it in seen.iter().filter(|it| family.concerns(it)) {
        let matches = alike(it);
        let count = counts.entry(matches.clone()).or_default();
        *count += 1;
        if !except.iter().any(|except| except.fits(&it.request)) {
            let actions = family.actions().iter();
            plans.extend(actions.map(|action| format!("{matches} #{count}: {action}")));
        }
    }
    plans
}

/// What was asked, and how often, the most frequent first.
pub fn summary(seen: &[Seen]) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for it in seen {
        *counts.entry(alike(it)).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

/// What matches this and all of its sort, as text.
fn alike(seen: &Seen) -> String {
    let request = &seen.request;
    let Some(kind) = &request.resource else {
        return format!("{} path {}", request.verb, sayable(&request.path));
    };
    let kept = match (request.verb.writes(), request.dry_run) {
        (true, true) => " dry-run",
        (true, false) => " no-dry-run",
        (false, _) => "",
    };
    let event = if seen.event.is_some() { " event" } else { "" };
    format!("{} {}{kept}{event}", request.verb, exactly(kind))
}

/// The kind, of this group alone.
fn exactly(kind: &Resource) -> String {
    let sayable = |text: &str| -> String {
        let allowed =
            |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || "-.".contains(it);
        text.chars().map(|it| if allowed(it) { it } else { '*' }).collect()
    };
    let group = if kind.group.is_empty() { "core".to_owned() } else { sayable(&kind.group) };
    let bare = format!("{}.{group}", sayable(&kind.plural));
    match &kind.subresource {
        // What no plan can say stands for any part.
        Some(_) if ResourceMatch::of(kind).is_err() => format!("{bare}/*"),
        Some(part) => format!("{bare}/{part}"),
        None => bare,
    }
}

/// A path as a pattern: what no pattern can say stands for any text.
fn sayable(path: &str) -> String {
    let allowed = |it: char| it.is_ascii_alphanumeric() || "-._/:~%@=+,".contains(it);
    let path: String = path.chars().map(|it| if allowed(it) { it } else { '*' }).collect();
    path.replace("->", "-*")
}

/// How many requests of a clean run write: W of the figures that are made of this.
pub fn writes(seen: &[Seen]) -> usize {
    seen.iter().filter(|it| Family::Kills.concerns(it)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Fault, Plan};

    fn seen(method: &str, uri: &str) -> Seen {
        Seen { request: Request::new(method, uri, None), event: None }
    }

    fn life() -> Vec<Seen> {
        let watch = seen("GET", "/api/v1/pods?watch=true");
        let event = |it| Seen { event: Some(it), ..watch.clone() };
        vec![
            seen("GET", "/healthz"),
            seen("POST", "/api/v1/namespaces/a/secrets?dryRun=All"),
            seen("POST", "/api/v1/namespaces/a/secrets"),
            watch.clone(),
            event(EventType::Added),
            event(EventType::Bookmark),
            seen("PUT", "/apis/coordination.k8s.io/v1/namespaces/a/leases/us"),
            seen("POST", "/api/v1/namespaces/b/secrets"),
            event(EventType::Deleted),
            seen("PATCH", "/apis/apps/v1/namespaces/b/deployments/web/scale"),
        ]
    }

    #[test]
    fn every_write_is_killed_before_after_and_between() {
        let except = ["any leases: pass".parse::<Fault>().expect("a fault").matches];
        let plans = plans(&life(), Family::Kills, &except);
        assert_eq!(
            plans,
            [
                "create secrets.core no-dry-run #1: kill-before",
                "create secrets.core no-dry-run #1: kill-after",
                "create secrets.core no-dry-run #1: kill-answered",
                "create secrets.core no-dry-run #2: kill-before",
                "create secrets.core no-dry-run #2: kill-after",
                "create secrets.core no-dry-run #2: kill-answered",
                "patch deployments.apps/scale no-dry-run #1: kill-before",
                "patch deployments.apps/scale no-dry-run #1: kill-after",
                "patch deployments.apps/scale no-dry-run #1: kill-answered",
            ]
        );
        assert_eq!(writes(&life()), 4);
    }

    #[test]
    fn every_request_and_every_event_of_an_object_has_its_plans() {
        let answers = plans(&life(), Family::Answers, &[]);
        assert_eq!(answers.len(), 7 * Family::Answers.actions().len());
        assert!(answers.contains(&"get path /healthz #1: hang".to_owned()), "{answers:?}");
        let events = plans(&life(), Family::Events, &[]);
        assert_eq!(events.len(), 2 * Family::Events.actions().len());
        assert_eq!(events.last().map(String::as_str), Some("watch pods.core event #2: delay 5s"));
    }

    #[test]
    fn also_what_nobody_would_write_in_a_plan_can_be_learnt() {
        for uri in ["/api/v1/Pods", "/api/v1/pods/a/v1", "/apis/Ex_ample/v1/things/a/%20"] {
            for text in plans(&[seen("GET", uri)], Family::Answers, &[]) {
                let plan: Plan = text.parse().unwrap_or_else(|error| panic!("{error}"));
                assert!(plan.faults[0].matches.fits(&seen("GET", uri).request), "{text}");
            }
        }
    }

    #[test]
    fn what_is_learnt_is_a_plan_and_strikes_each_request_once() {
        for family in Family::ALL {
            for text in plans(&life(), family, &[]) {
                let plan: Plan = text.parse().unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(plan.to_string(), text);
                let mut schedule = crate::schedule::Schedule::new(plan);
                for it in life() {
                    match it.event {
                        None => schedule.request(&it.request),
                        Some(event) => schedule.event(&it.request, event),
                    };
                }
                assert_eq!(schedule.struck(), 1, "{text}");
            }
        }
    }
}
