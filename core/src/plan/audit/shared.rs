//! Names of what two applications share if they reach the same server: topics, queues, consumer
//! groups, buckets, indices.
//!
//! In a target whose brokers are its own they are its own too. So a name counts only where something
//! outside is named as well: by the workload, or by what that reads.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::staging_plan::Severity,
    plan::{
        context::Context,
        kinds,
        log::Log,
        object::{Key, Object},
        places::Place,
        settle,
        texts::{self, Origin, Text},
    },
    secrets::redact,
};

/// Ends of names, squeezed, and what they name.
const NAMES: [(&[&str], &str); 7] = [
    (&["topic", "topics", "topicname"], "topic"),
    (&["queue", "queues", "queuename"], "queue"),
    (&["groupid", "consumergroup", "consumergroupid"], "consumer group"),
    (&["bucket", "buckets", "bucketname"], "bucket"),
    (&["streamname", "kinesisstream"], "stream"),
    (&["subscriptionname", "pubsubsubscription"], "subscription"),
    (&["elasticsearchindex", "esindex", "opensearchindex", "searchindex", "indexname"], "index"),
];

/// Names that a finding shows.
const SHOWN: usize = 6;

pub(super) fn names(
    objects: &BTreeMap<Key, &Object>,
    texts: &[Text],
    leading_out: &[Place],
    context: &Context,
    log: &mut Log,
) {
    let reach = reaching(objects, leading_out);
    let mut found: BTreeMap<&Key, (BTreeSet<String>, Vec<Place>)> = BTreeMap::new();
    let written = texts.iter().filter(|it| it.origin == Origin::Written);
    for text in written.filter(|it| reach.contains(&it.object)) {
        for (name, value) in settings(text) {
            let what = shares(name).filter(|_| is_name(value));
            let Some(what) = what.filter(|_| is_productions(&text.object, value, context)) else {
                continue;
            };
            let (names, places) = found.entry(&text.object).or_default();
            names.insert(format!("{what} {}", redact(value)));
            if !places.contains(&text.place()) {
                places.push(text.place());
            }
        }
    }
    for (object, (names, places)) in found {
        let names: Vec<String> = names.into_iter().collect();
        let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = match names.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let Some((_, path)) = places.first() else { continue };
        let nothing =
            "nothing while the fence stops it; before an opening, give staging names of its own";
        let whole =
            |(key, path): &Place| objects.get(key).is_none_or(|it| !it.text(path).contains('\n'));
        let what = if places.iter().all(whole) {
            "a name of staging's own"
        } else {
            "the text with names of staging's own"
        };
        let own = settle::texts(&places, objects, what, |_| None);
        log.find(
            Severity::Informs,
            object,
            path,
            "shared-name",
            format!(
                "{shown}{more}: if an opening leads to the server that production uses, the clone would read and write there too"
            ),
            own.map_or_else(|| nothing.to_owned(), |yaml| format!("# {nothing}\n{yaml}")),
        );
    }
}

/// Whether production's object has that name as well: a Secret's values are not looked at.
fn is_productions(object: &Key, name: &str, context: &Context) -> bool {
    let own = context.by_key.get(object).filter(|_| object.kind != "Secret");
    own.is_none_or(|it| texts::of_object(it).iter().any(|text| text.value.contains(name)))
}

/// What names something outside, and what shares a workload with that.
fn reaching(objects: &BTreeMap<Key, &Object>, leading_out: &[Place]) -> BTreeSet<Key> {
    let direct: BTreeSet<&Key> = leading_out.iter().map(|(object, _)| object).collect();
    if direct.is_empty() {
        return BTreeSet::new();
    }
    let mut all: BTreeSet<Key> = direct.iter().map(|it| (*it).clone()).collect();
    for object in objects.values() {
        let mut unit: Vec<Key> = kinds::references(object).into_iter().map(|it| it.to).collect();
        unit.push(object.key());
        if unit.iter().any(|it| direct.contains(it)) {
            all.extend(unit);
        }
    }
    all
}

/// What a text sets: itself under its name, or `name=value` in each of its lines.
fn settings(text: &Text) -> Vec<(&str, &str)> {
    if !text.value.contains('\n') {
        return vec![(&text.named, text.value.trim())];
    }
    text.value
        .lines()
        .filter_map(|it| it.split_once(['=', ':']))
        .map(|(name, value)| (name.trim(), value.trim().trim_matches(['"', '\''])))
        .collect()
}

fn shares(name: &str) -> Option<&'static str> {
    let squeezed = name.to_ascii_lowercase().replace(['-', '_', '.'], "");
    let (_, what) = NAMES.iter().find(|(ends, _)| ends.iter().any(|it| squeezed.ends_with(it)))?;
    Some(what)
}

/// Whether a value is the name of something, and no switch, number, place or reference.
fn is_name(value: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || "._-,".contains(c);
    (2..=255).contains(&value.len())
        && value.chars().all(part)
        && value.chars().any(|c| c.is_ascii_alphabetic())
        && !matches!(value, "true" | "false" | "null" | "none" | "default")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_known_by_the_end_of_its_name() {
        for (name, expected) in [
            ("KAFKA_TOPIC", Some("topic")),
            ("queue-name", Some("queue")),
            ("group.id", Some("consumer group")),
            ("S3_BUCKET", Some("bucket")),
            ("KINESIS_STREAM", Some("stream")),
            ("pubsub.subscription", Some("subscription")),
            ("ES_INDEX", Some("index")),
            ("TOPIC_COUNT", None),
            ("", None),
        ] {
            assert_eq!(shares(name), expected, "{name}");
        }
    }

    #[test]
    fn a_name_is_no_switch_number_place_or_reference() {
        let (long, longer) = ("a".repeat(255), "a".repeat(256));
        for (value, expected) in [
            ("orders", true),
            ("orders.v1,pay_ments-2", true),
            ("o1", true),
            (long.as_str(), true),
            (longer.as_str(), false),
            ("o", false),
            ("12", false),
            ("true", false),
            ("default", false),
            ("a b", false),
            ("/a/b", false),
            ("${TOPIC}", false),
            ("", false),
        ] {
            assert_eq!(is_name(value), expected, "{value}");
        }
    }

    #[test]
    fn a_text_of_lines_sets_something_on_each() {
        for (value, expected) in [
            (" orders ", vec![("TOPIC", "orders")]),
            ("a=b", vec![("TOPIC", "a=b")]),
            (
                "topic = orders\nnothing\n queue: 'jobs:x'\n",
                vec![("topic", "orders"), ("queue", "jobs:x")],
            ),
        ] {
            let text = Text {
                object: Key { group: String::new(), kind: "Pod".to_owned(), name: String::new() },
                path: String::new(),
                named: "TOPIC".to_owned(),
                value: value.to_owned(),
                secret: false,
                origin: Origin::Written,
            };
            assert_eq!(settings(&text), expected, "{value}");
        }
    }
}
