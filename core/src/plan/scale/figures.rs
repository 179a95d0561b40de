//! Settings that say how many members a set has, how many of them must agree, or how many others there
//! must be: in variables, flags, commands and files.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

/// Names of settings that say how many members there are, or how many must agree, as their last
/// words. They are the same in variables, flags and files, whatever stands between the words.
const COUNTS: &[&str] = &[
    "BOOTSTRAP_EXPECT",
    "CLUSTER_SIZE",
    "EXPECTED_NODES",
    "MINIMUM_MASTER_NODES",
    "NODE_COUNT",
    "QUORUM",
    "QUORUM_SIZE",
    "RECOVER_AFTER_NODES",
    "REPLICAS",
    "REPLICA_COUNT",
    "TOTAL_NODES",
];
/// The same, of how often what is stored is stored: those who use a store ask it for that as well.
const COPIES: &[&str] = &["IN_SYNC_REPLICAS", "INSYNC_REPLICAS", "MIN_ISR", "REPLICATION_FACTOR"];
/// The same, of how many others there must be.
const OTHERS: &[&str] = &["MIN_REPLICAS_TO_WRITE", "MIN_SLAVES_TO_WRITE"];
/// The same, of how many copies each part of what is stored has: there are several parts.
const OF_EACH_PART: &[&str] = &["CLUSTER_REPLICAS"];

/// Names that may speak of the number of members. What such a setting takes besides is not known: some
/// do not take 1.
static VAGUE: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    const MEMBER: &str = "SERVER|NODE|MEMBER|PEER|VOTER|BROKER|INSTANCE|REPLICA|MASTER";
    patterns(&[
        &format!(r"(?:^|_)(?:(?:{MEMBER})S|ENSEMBLE|EXPECT)(?:_(?:COUNT|EXPECTED|NUM))?$"),
        &format!(
            r"(?:^|_)(?:{MEMBER}|PRIMARIES|VOTERS|CLUSTER|ENSEMBLE|RAFT|STATEFULSET)_?(?:MIN_?)?(?:SIZE|COUNT)(?:_AT_[A-Z]+)?$"
        ),
    ])
});
/// Words of names that speak of no member.
const LIMITS: [&str; 3] = ["MAX_", "POOL", "THREAD"];
/// A figure that stands behind more than its name.
static AGREE: LazyLock<Vec<Regex>> =
    LazyLock::new(|| patterns(&[r"(?m)^\s*sentinel\s+monitor(?:[ \t]+\S+){3}[ \t]+(\d+)\s*$"]));
/// What says that each member holds a part of what is stored: one alone never has it all.
static PARTS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    patterns(&[
        r#"(?im)^[^#\n]*?(?:\b|_)cluster[-_]enabled["']?[\s:=]+["']?yes\b"#,
        r"(?m)^[^#\n]*--cluster[\s=]+create\b",
    ])
});

/// How long a name may be, with what stands between it and its value, in bytes.
const LONGEST: usize = 128;

fn patterns(texts: &[&str]) -> Vec<Regex> {
    texts.iter().filter_map(|it| Regex::new(it).ok()).collect()
}

/// A place in a text that says how many there are.
#[derive(Debug, PartialEq)]
pub(super) struct Count {
    /// Where it stands.
    pub(super) place: Range<usize>,
    /// What one member alone is told instead; `None` if that is not certain.
    pub(super) alone: Option<&'static str>,
}

/// What a text says of how many of `size` members there are. `name` is what the text itself is called.
pub(super) fn counts(name: &str, text: &str, size: i64) -> Vec<Count> {
    let told = format!("{name} {text}");
    let parts = PARTS.iter().filter(|it| it.is_match(&told));
    let mut found: Vec<Count> = parts.map(|_| Count { place: 0..0, alone: None }).collect();
    found.extend(values(name, text).into_iter().filter_map(|(name, value)| {
        let figure = figure(value)?;
        let words = words(name);
        let alone = if ends(&words, OTHERS) && (1..size).contains(&figure) {
            Some("0")
        } else if ends(&words, OF_EACH_PART) && (0..size).contains(&figure) {
            None
        } else if (ends(&words, COUNTS) || ends(&words, COPIES)) && (2..=size).contains(&figure) {
            Some("1")
        } else if figure == size
            && !LIMITS.iter().any(|it| words.contains(it))
            && VAGUE.iter().any(|it| it.is_match(&words))
        {
            None
        } else {
            return None;
        };
        Some(Count { place: place(text, value), alone })
    }));
    let agree = AGREE.iter().flat_map(|it| it.captures_iter(text));
    found.extend(agree.filter_map(|it| it.get(1)).filter_map(|it| {
        let some = figure(it.as_str()).is_some_and(|it| (2..=size).contains(&it));
        some.then(|| Count { place: it.range(), alone: Some("1") })
    }));
    found
}

/// Places in a text that ask for more than `left` copies of what is stored, of a store that had `size`
/// members.
pub(super) fn copies(name: &str, text: &str, left: i64, size: i64) -> Vec<Range<usize>> {
    let too_many = |value: &str| figure(value).is_some_and(|it| left < it && it <= size);
    let found = values(name, text).into_iter();
    found
        .filter(|(name, value)| too_many(value) && ends(&words(name), COPIES))
        .map(|(_, value)| place(text, value))
        .collect()
}

/// Writes something else in these places, which do not overlap.
pub(super) fn replaced(text: &str, mut places: Vec<(Range<usize>, &str)>) -> String {
    places.sort_by_key(|it| it.0.start);
    let mut new = text.to_owned();
    for (range, value) in places.into_iter().rev() {
        new.replace_range(range, value);
    }
    new
}

/// Words in a text that are the value of something, behind what that is called (as the end of what
/// stands before them): `name=word`, `"name": "word"`, `--name word`, and a line of both. A text that
/// is one word has the name of the text. What is commented out says nothing.
pub(super) fn values<'t>(name: &'t str, text: &'t str) -> Vec<(&'t str, &'t str)> {
    let whole = text.trim();
    if !whole.is_empty() && whole.chars().all(is_part) {
        return vec![(name, whole)];
    }
    let lines = text.lines().filter(|it| !it.trim_start().starts_with('#'));
    let found = lines.flat_map(|line| {
        let first = line.split_whitespace().next().unwrap_or_default();
        line.split(|c| !is_part(c)).filter(|it| !it.is_empty()).filter_map(move |value| {
            let Range { start, end } = place(line, value);
            let after = &line[end..];
            let apart = |c: char| c.is_whitespace() || "\"',;}])&|\\".contains(c);
            if !after.is_empty() && !after.starts_with(apart) {
                return None;
            }
            let mut before =
                (start.saturating_sub(LONGEST)..=start).find_map(|from| line.get(from..start))?;
            before = before.trim_end_matches(['"', '\'', '\\']);
            let name = before.trim_end();
            if let Some(name) = ["=", ":-", ":"].iter().find_map(|it| name.strip_suffix(it)) {
                return Some((name, value));
            }
            let last = name.split_whitespace().next_back()?;
            let is_name = last.starts_with('-') || name.trim_start() == first;
            (name.len() < before.len() && is_name).then_some((last, value))
        })
    });
    found.collect()
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

fn figure(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// Where a part of a text stands in it.
pub(super) fn place(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

/// The words of a name, as those of variables are written.
pub(super) fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len());
    let mut lower = false;
    for c in name.trim().chars() {
        if !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && lower) {
            // What stands between words may be doubled.
            if !words.ends_with('_') {
                words.push('_');
            }
        }
        lower = c.is_ascii_lowercase();
        if c.is_ascii_alphanumeric() {
            words.push(c.to_ascii_uppercase());
        }
    }
    words.trim_matches('_').to_owned()
}

/// Whether a name ends with one of these.
pub(super) fn ends(words: &str, names: &[&str]) -> bool {
    names.iter().any(|it| {
        words.strip_suffix(it).is_some_and(|before| before.is_empty() || before.ends_with('_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found, and what one alone is told instead (`?` if that is not certain).
    fn of(name: &str, text: &str) -> Vec<String> {
        let found = counts(name, text, 3).into_iter();
        found.map(|it| format!("{}->{}", &text[it.place], it.alone.unwrap_or("?"))).collect()
    }

    #[test]
    fn figures_are_known_by_the_last_words_of_their_names() {
        for (name, text, expected) in [
            ("REPLICAS", "3", vec!["3->1"]),
            ("KAFKA_DEFAULT_REPLICATION_FACTOR", " 2 ", vec!["2->1"]),
            ("discovery.zen.minimum_master_nodes", "2", vec!["2->1"]),
            ("--bootstrap-expect", "3", vec!["3->1"]),
            ("", "--bootstrap-expect=3", vec!["3->1"]),
            ("", "consul agent --bootstrap-expect 3 -server", vec!["3->1"]),
            ("", "exec db --replicas=3 --data-dir=/var/3", vec!["3->1"]),
            (
                "server.properties",
                "a=1\nmin.insync.replicas=2\nreplicationFactor: \"3\",\n",
                vec!["2->1", "3->1"],
            ),
            ("x.json", r#"{"a":"0.0.0.0","bootstrap_expect":3,"b":[1]}"#, vec!["3->1"]),
            ("x.json", r#"{"bootstrap_expect" : "3"}"#, vec!["3->1"]),
            ("", r#"echo "{\"bootstrap_expect\": 3}""#, vec!["3->1"]),
            ("", "N=${REPLICAS:-3}", vec!["3->1"]),
            ("x.cql", "{'class':'SimpleStrategy','replication_factor':3};", vec!["3->1"]),
            ("x.conf", "quorum 2\nport 3", vec!["2->1"]),
            ("REPLICAS", "1", vec![]),
            ("REPLICAS", "5", vec![]),
            ("PORT", "3", vec![]),
            ("NOREPLICAS", "3", vec![]),
            ("REPLICAS", "3s", vec![]),
            ("", "replicas=3.5 replicas=3/4 replicas=3:1 replicas=3s", vec![]),
            ("", "two of the replicas 3 times", vec![]),
            ("x.conf", "# quorum 2\n  #replicas=3", vec![]),
        ] {
            assert_eq!(of(name, text), expected, "{name} {text}");
        }
    }

    #[test]
    fn of_what_may_be_a_figure_it_is_not_certain_what_one_alone_takes() {
        for name in [
            "NEO4J_causal__clustering_minimum__core__cluster__size__at__formation",
            "NUM_NODES",
            "CLUSTER_MEMBERS",
            "EXPECT",
            "ENSEMBLE_SIZE",
            "INITIAL_NODES",
            "VOTERS",
            "NUM_BROKERS",
            "HZ_CLUSTER_MINSIZE",
            "ZK_SERVERS_COUNT",
            "MIN_SYSTEM_PRIMARIES_COUNT",
            "numberOfMembers",
        ] {
            assert_eq!(of(name, "3"), ["3->?"], "{name}");
            assert_eq!(of(name, "2"), [""; 0], "{name}");
        }
        assert_eq!(of("", "start-zookeeper --servers=3 --heap=512M"), ["3->?"]);
        for name in [
            "POOL_SIZE",
            "SERVER_ID",
            "NODE_ID",
            "BATCH_SIZE",
            "MAX_RETRIES",
            "CLUSTER_ID",
            "PEERS_TIMEOUT",
            "REPLICATION_SLOTS",
            "INSTANCE",
            "OFFSET_SIZE",
            "UNEXPECTED",
        ] {
            assert_eq!(of(name, "3"), [""; 0], "{name}");
        }
    }

    #[test]
    fn what_needs_others_is_told_of_none_and_what_has_parts_is_not_one() {
        for (name, text, expected) in [
            ("x.conf", "port 1\nmin-replicas-to-write 1\nmin-replicas-max-lag 2", vec!["1->0"]),
            ("--min-slaves-to-write", "2", vec!["2->0"]),
            ("x.conf", "min-replicas-to-write 0\n# min-replicas-to-write 3", vec![]),
            ("x.conf", "sentinel monitor main db-0.db 6379 2\n", vec!["2->1"]),
            ("x.conf", "sentinel monitor main db-0.db 6379 1\n", vec![]),
            ("x.conf", "port 1\ncluster-enabled yes\n", vec!["->?"]),
            ("REDIS_CLUSTER_ENABLED", "yes", vec!["->?"]),
            ("--cluster-enabled", "yes", vec!["->?"]),
            ("", "valkey-cli --cluster create $A", vec!["->?"]),
            ("", "export REDIS_CLUSTER_REPLICAS=\"1\"", vec!["1->?"]),
            ("REDIS_CLUSTER_REPLICAS", "0", vec!["0->?"]),
            ("x.conf", "# cluster-enabled yes\ncluster-enabled no", vec![]),
            ("", "redis-cli --cluster info", vec![]),
        ] {
            assert_eq!(of(name, text), expected, "{name} {text}");
        }
    }

    #[test]
    fn clients_ask_for_copies_and_for_nothing_else() {
        let of = |name: &str, text: &str| copies(name, text, 1, 3).len();
        assert_eq!(of("CONNECT_CONFIG_STORAGE_REPLICATION_FACTOR", "3"), 1);
        assert_eq!(of("x", "status.storage.replication.factor=3\nmin.insync.replicas=2"), 2);
        for (name, text) in [("REPLICAS", "3"), ("A_REPLICATION_FACTOR", "1"), ("QUORUM", "2")] {
            assert_eq!(of(name, text), 0, "{name}");
        }
        assert!(copies("REPLICATION_FACTOR", "5", 1, 3).is_empty());
    }
}
