//! What the passes did: nothing is changed or left behind without an entry here.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fmt::Write,
};

use rayon::prelude::*;
use serde_json::Value;

use super::{
    object::{Key, Object, unescape},
    places::listed,
};
use crate::{
    api::staging_plan::{Change, Finding, LeftBehind, Severity},
    secrets::{MASK, is_credential, redact},
};

/// Longest text of a changed value in a report, in characters.
const SHOWN: usize = 200;

/// What the passes did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// Changed fields.
    pub changes: Vec<Change>,
    /// Objects left behind.
    pub left_behind: Vec<LeftBehind>,
    /// What a person should look at.
    pub findings: Vec<Finding>,
    /// Entries of `spec.hosts` that a host of the clone came under.
    pub(super) met: BTreeSet<usize>,
}

/// The reason of a change: a word to group by, and a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// A word in kebab-case: `cluster-ip`.
    pub name: &'static str,
    /// Why, as a clause without a full stop.
    pub why: &'static str,
}

impl Log {
    /// What becomes of each of some things, looked at by itself, on all processors. It is noted in
    /// their order; `None` drops one.
    pub(super) fn each<T: Send, M: Send>(
        &mut self,
        things: Vec<T>,
        one: impl Fn(T, &mut Self) -> Option<M> + Sync,
    ) -> Vec<M> {
        let noting = |thing| {
            let mut own = Self::default();
            (one(thing, &mut own), own)
        };
        let done: Vec<(Option<M>, Self)> = things.into_par_iter().map(noting).collect();
        let mut kept = Vec::with_capacity(done.len());
        for (made, own) in done {
            kept.extend(made);
            self.append(own);
        }
        kept
    }

    /// Takes over what another log holds.
    fn append(&mut self, other: Self) {
        let Self { changes, left_behind, findings, met } = other;
        self.changes.extend(changes);
        self.left_behind.extend(left_behind);
        self.findings.extend(findings);
        self.met.extend(met);
    }

    /// Sets a field and notes it, unless it has that value already or cannot have it (a map is
    /// missing where a list or a text stands).
    #[allow(clippy::needless_pass_by_value, reason = "callers make the value for this")]
    pub fn set(&mut self, object: &mut Object, path: &str, value: Value, rule: &Rule) {
        if object.get(path) == Some(&value) {
            return;
        }
        let from = object.set(path, value.clone());
        if object.get(path) == Some(&value) {
            self.changed(object.key(), path, from.as_ref(), Some(&value), rule);
        }
    }

    /// Removes a field and notes it, if it was there.
    pub fn remove(&mut self, object: &mut Object, path: &str, rule: &Rule) {
        if let Some(from) = object.remove(path) {
            self.changed(object.key(), path, Some(&from), None, rule);
        }
    }

    /// Notes a change made by other means.
    #[allow(clippy::needless_pass_by_value, reason = "callers make the key for this")]
    pub fn changed(
        &mut self,
        object: Key,
        path: &str,
        from: Option<&Value>,
        to: Option<&Value>,
        rule: &Rule,
    ) {
        self.changes.push(Change {
            object: object.to_string(),
            path: path.to_owned(),
            from: from.map(|it| shown(path, it)),
            to: to.map(|it| shown(path, it)),
            rule: rule.name.to_owned(),
            why: rule.why.to_owned(),
        });
    }

    /// What was noted of one object is from now on told of another, which takes its place.
    pub(super) fn moved(&mut self, from: &Key, to: &Key) {
        let (from, to) = (from.to_string(), to.to_string());
        let changes = self.changes.iter_mut().map(|it| &mut it.object);
        let findings = self.findings.iter_mut().map(|it| &mut it.object);
        for object in changes.chain(findings).filter(|it| **it == from) {
            object.clone_from(&to);
        }
    }

    /// Notes that an object stays behind.
    pub fn leave(&mut self, object: &Key, reason: &str, why: impl Into<String>) {
        self.left_behind.push(LeftBehind {
            object: object.to_string(),
            reason: reason.to_owned(),
            why: why.into(),
        });
    }

    /// Notes something that a person should look at.
    pub fn find(
        &mut self,
        severity: Severity,
        object: &Key,
        path: &str,
        kind: &str,
        why: impl Into<String>,
        settle: impl Into<String>,
    ) {
        self.findings.push(Finding {
            severity,
            object: object.to_string(),
            path: path.to_owned(),
            kind: kind.to_owned(),
            why: why.into(),
            settle: settle.into(),
        });
    }

    /// One order whatever the passes' own, so that the same input gives the same report.
    pub(super) fn sort(&mut self) {
        self.left_behind.sort();
        // What became of an object on its way to being left behind is no difference to anyone.
        let left = &self.left_behind;
        self.changes
            .retain(|it| left.binary_search_by(|left| left.object.cmp(&it.object)).is_err());
        self.changes.par_sort();
        self.findings.sort();
        self.findings.dedup();
        self.gather();
    }

    /// What says the same of several fields, and is settled by the same, is one finding. Whole
    /// objects have one each.
    fn gather(&mut self) {
        let mut places: BTreeMap<(Severity, String, String, String), Vec<String>> = BTreeMap::new();
        let said = |it: &Finding| (it.severity, it.kind.clone(), it.why.clone(), it.settle.clone());
        self.findings.retain(|it| {
            if it.path.is_empty() {
                return true;
            }
            let others = places.entry(said(it));
            let first = matches!(others, Entry::Vacant(_));
            let others = others.or_default();
            if !first {
                others.push(format!("{} {}", it.object, it.path));
            }
            first
        });
        for finding in &mut self.findings {
            let others = places.remove(&said(finding)).unwrap_or_default();
            if !others.is_empty() {
                let _ = write!(finding.why, "; also in {}", listed(&others));
            }
        }
    }
}

/// A value as a report shows it. Credential-like parts of URLs never stand in a report, wherever
/// they were read, nor what its field's name calls a credential.
fn shown(path: &str, value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let name = unescape(path.rsplit('/').next().unwrap_or_default());
    // `auth-secret: shop/users` names a Secret.
    let is_plain = value.is_string() && !name.ends_with("secret");
    if is_plain && is_credential(&name, &text) {
        return MASK.to_owned();
    }
    let text = redact(&text);
    if text.chars().count() <= SHOWN {
        return text;
    }
    text.chars().take(SHOWN - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULE: Rule = Rule { name: "rule", why: "because" };

    fn key(name: &str) -> Key {
        Key { group: String::new(), kind: "ConfigMap".to_owned(), name: name.to_owned() }
    }

    fn object() -> Object {
        Object::made("v1", "ConfigMap", "web", json!({"data": {"a": "1"}}))
    }

    #[test]
    fn only_what_changes_is_noted() {
        let (mut object, mut log) = (object(), Log::default());
        log.set(&mut object, "/data/a", json!("1"), &RULE);
        log.remove(&mut object, "/data/b", &RULE);
        // A text has no fields.
        log.set(&mut object, "/data/a/b", json!("1"), &RULE);
        assert_eq!(log, Log::default());
        log.set(&mut object, "/data/a", json!("2"), &RULE);
        log.set(&mut object, "/data/b", json!("3"), &RULE);
        log.remove(&mut object, "/data/a", &RULE);
        let noted = log.changes.iter().map(|it| (&*it.path, it.from.as_deref(), it.to.as_deref()));
        assert_eq!(
            noted.collect::<Vec<_>>(),
            [
                ("/data/a", Some("1"), Some("2")),
                ("/data/b", None, Some("3")),
                ("/data/a", Some("2"), None),
            ]
        );
        assert_eq!(object.get("/data"), Some(&json!({"b": "3"})));
    }

    #[test]
    fn what_is_noted_of_each_stands_in_the_order_of_things() {
        let mut log = Log::default();
        let kept = log.each((0..100).collect(), |at: u32, log| {
            log.leave(&key(&at.to_string()), "reason", "why");
            log.find(Severity::Informs, &key("x"), &format!("/{at}"), "kind", "why", "settle");
            log.set(&mut object(), "/data/a", json!(at), &RULE);
            log.met.insert(at as usize);
            at.is_multiple_of(2).then_some(at)
        });
        assert_eq!(kept, (0..100).step_by(2).collect::<Vec<u32>>());
        assert!(
            log.left_behind
                .iter()
                .map(|it| it.object.clone())
                .eq((0..100).map(|at| format!("ConfigMap/{at}")))
        );
        assert!(
            log.findings.iter().map(|it| it.path.clone()).eq((0..100).map(|at| format!("/{at}")))
        );
        assert_eq!((log.changes.len(), log.met.len()), (100, 100));
    }

    #[test]
    fn what_is_said_of_one_object_is_told_of_the_one_in_its_place() {
        let mut log = Log::default();
        for name in ["old", "other"] {
            log.changed(key(name), "/data", None, Some(&json!("a")), &RULE);
            log.find(Severity::Informs, &key(name), "/data", "kind", "why", "settle");
        }
        log.moved(&key("old"), &key("new"));
        let expected = ["ConfigMap/new", "ConfigMap/other"];
        assert_eq!(log.changes.iter().map(|it| it.object.as_str()).collect::<Vec<_>>(), expected);
        assert_eq!(log.findings.iter().map(|it| it.object.as_str()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_stays_behind_has_no_changes_and_what_is_said_twice_is_said_once() {
        let mut log = Log::default();
        for name in ["b", "a", "c"] {
            log.changed(key(name), "/data", None, Some(&json!("a")), &RULE);
        }
        log.leave(&key("b"), "reason", "why");
        let mut find = |name: &str, path: &str, why: &str| {
            log.find(Severity::Informs, &key(name), path, "kind", why, "settle");
        };
        find("b", "/x", "same");
        find("a", "/x", "same");
        find("a", "/x", "same");
        find("a", "/y", "other");
        // Whole objects have one each.
        find("a", "", "whole");
        find("b", "", "whole");
        log.sort();
        let changed: Vec<_> = log.changes.iter().map(|it| it.object.as_str()).collect();
        assert_eq!(changed, ["ConfigMap/a", "ConfigMap/c"]);
        let found: Vec<_> =
            log.findings.iter().map(|it| (&*it.object, &*it.path, &*it.why)).collect();
        assert_eq!(
            found,
            [
                ("ConfigMap/a", "", "whole"),
                ("ConfigMap/a", "/x", "same; also in ConfigMap/b /x"),
                ("ConfigMap/a", "/y", "other"),
                ("ConfigMap/b", "", "whole"),
            ]
        );
    }

    #[test]
    fn a_value_whose_field_is_a_credential_is_not_shown() {
        let told = |path| shown(path, &json!("hunter2-of-elastic"));
        assert_eq!(told("/metadata/annotations/co.elastic.metrics~1password"), "•••");
        assert_eq!(told("/metadata/annotations/co.elastic.metrics~1hosts"), "hunter2-of-elastic");
    }

    #[test]
    fn a_value_is_shown_without_credentials_and_not_at_length() {
        for (value, expected) in [
            (json!("a"), "a".to_owned()),
            (json!({"a": 1}), "{\"a\":1}".to_owned()),
            (json!("é".repeat(SHOWN)), "é".repeat(SHOWN)),
            (json!("é".repeat(SHOWN + 1)), format!("{}…", "é".repeat(SHOWN - 1))),
        ] {
            assert_eq!(shown("/a", &value), expected);
        }
        let url = shown("/a", &json!("postgres://shop:kaiX2ohthieWoh4e@db:5432/shop"));
        assert!(!url.contains("kaiX2ohthieWoh4e") && url.contains("@db"), "{url}");
    }
}
