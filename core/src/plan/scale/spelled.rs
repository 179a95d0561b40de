//! Members whose names are put together when a container starts: of variables
//! (`${SET}-0,${SET}-1`), and in loops (`db-$i`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::Regex;

use super::{
    super::{kinds, object::Object, texts::filled::Known},
    texts::Place,
};

/// The name of a set, or what stands for it, and what stands for a number behind it.
const MEMBER: &str = r"((?:\$\([^()\s]+\)|\$\{[^{}\s]+\}|\$\w+|[A-Za-z0-9-])+)-(?:(\d+)|\$\{?([A-Za-z_]\w*)|(%[\d.]*[dgf]))";
/// The variable of a loop over numbers.
const LOOP: &str = r#"\bfor\s+(\w+)\s+in\s+["'`]?(?:\d|\{\d|\$|seq\b)|\bfor\s*\(\(\s*(\w+)|\bwhile\b[^\n;]*?\$\{?([A-Za-z_]\w*)"#;
/// What makes a row of numbers.
const ROW: &str = r"\bseq\b|\{\d+\.\.";

static PATTERNS: LazyLock<Option<[Regex; 3]>> = LazyLock::new(|| {
    Some([Regex::new(MEMBER).ok()?, Regex::new(LOOP).ok()?, Regex::new(ROW).ok()?])
});

/// How a text names members of a set.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Spelled {
    /// What stands before their numbers.
    pub(super) written: String,
    /// The set that it means; `None` if a variable is not known.
    set: Option<String>,
    numbers: BTreeSet<u64>,
    /// It names them in a loop.
    looped: bool,
}

impl Spelled {
    /// Whether it stands for this set.
    pub(super) fn means(&self, set: &str) -> bool {
        self.set.as_deref() == Some(set)
    }

    /// Whether it may name members of a set besides the `first` in a way that nobody can shorten.
    pub(super) fn is_vague(&self, set: &str, first: u64) -> bool {
        match &self.set {
            Some(_) => self.looped && self.means(set),
            None => {
                self.looped
                    || [first, first.saturating_add(1)].iter().all(|it| self.numbers.contains(it))
            }
        }
    }
}

/// How the texts of these places do it, which set up `object`.
pub(super) fn of(
    objects: &[Object],
    object: &Object,
    places: &[Place],
    known: &Known,
) -> BTreeMap<Place, Vec<Spelled>> {
    let containers = kinds::containers(object);
    let meant = |written: &str| {
        let mut filled = containers.iter().filter_map(|it| known.filled(object, it, written));
        filled.find(|it| !it.contains('$'))
    };
    let found = places.iter().filter_map(|place| {
        let spelled = read(objects[place.0].text(&place.1), meant);
        (!spelled.is_empty()).then(|| (place.clone(), spelled))
    });
    found.collect()
}

/// A Pod's own name.
const OWN: [&str; 6] =
    ["$HOSTNAME", "${HOSTNAME}", "$(hostname)", "$POD_NAME", "${POD_NAME}", "$(POD_NAME)"];

/// How a text does it; `meant` says what variables stand for.
fn read(text: &str, meant: impl Fn(&str) -> Option<String>) -> Vec<Spelled> {
    let Some([member, over, row]) = &*PATTERNS else { return Vec::new() };
    if !text.contains(['$', '%']) {
        return Vec::new();
    }
    let named = over.captures_iter(text).filter_map(|it| it.iter().skip(1).flatten().next());
    let loops: BTreeSet<&str> = named.map(|it| it.as_str()).collect();
    let in_row = row.is_match(text);
    let mut found: BTreeMap<&str, Spelled> = BTreeMap::new();
    for it in member.captures_iter(text) {
        let Some(written) = it.get(1).map(|it| it.as_str()) else { continue };
        // Behind a Pod's own name stands no number of a member.
        if OWN.iter().any(|it| written.ends_with(it)) {
            continue;
        }
        let number: Option<u64> = it.get(2).and_then(|it| it.as_str().parse().ok());
        let looped = it.get(3).is_some_and(|it| loops.contains(it.as_str()))
            || (it.get(4).is_some() && in_row);
        if !looped && (number.is_none() || !written.contains('$')) {
            continue;
        }
        let spelled = found.entry(written).or_default();
        spelled.numbers.extend(number);
        spelled.looped |= looped;
    }
    let found = found.into_iter().map(|(written, it)| {
        let set = if written.contains('$') { meant(written) } else { Some(written.to_owned()) };
        Spelled { written: written.to_owned(), set, ..it }
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a text names members of `db` so that they may be taken out, or so that it is not certain.
    fn shown(text: &str) -> &'static str {
        let meant = |it: &str| match it {
            "${SET}" | "$(SET)" | "$SET" | "${APP}-db" => Some("db".to_owned()),
            "${OTHER}" | "${APP}" => Some("app".to_owned()),
            _ => None,
        };
        let found = read(text, meant);
        match () {
            () if found.iter().any(|it| it.is_vague("db", 0)) => "vague",
            () if found.iter().any(|it| it.means("db")) => "named",
            () => "",
        }
    }

    #[test]
    fn members_are_named_by_variables_and_in_loops() {
        for (text, expected) in [
            ("${SET}-0=http://${SET}-0.${SET}-headless,${SET}-1=http://${SET}-1.x", "named"),
            ("--join=$(SET)-0.x,$(SET)-1.x", "named"),
            ("$SET-0,$SET-1", "named"),
            ("-peers=${APP}-db-0.${APP}-db:9333,${APP}-db-1.${APP}-db:9333", "named"),
            ("${UNKNOWN}-0,${UNKNOWN}-1", "vague"),
            ("${HOSTNAME%-*}-0,${HOSTNAME%-*}-1", "vague"),
            ("A=$(seq -s, -f \"db-%g.db:7000\" 0 2); exec db --peers $A", "vague"),
            ("for i in `seq 0 $((N-1))`; do A=\"$A,db-$i=http://db-$i.db\"; done", "vague"),
            ("for i in 0 1 2; do A=\"$A,${SET}-${i}.db\"; done", "vague"),
            ("for i in {0..2}; do join $S-$i; done", "vague"),
            ("for ((i=0; i<3; i++)); do join db-$i; done", "vague"),
            ("while [ $i -lt 3 ]; do join db-$i; done", "vague"),
            ("printf 'db-%d ' {0..2}", "vague"),
            // Of others, of the member itself, and of other things.
            ("${OTHER}-0,${OTHER}-1", ""),
            ("zk-0,zk-1 for i in 0 1; do join zk-$i; done", ""),
            ("run --advertise=db-${ORDINAL}.db", ""),
            ("printf 'db-%d' $ORDINAL", ""),
            ("for it in orders users; do create db-$it; done", ""),
            ("image:${VERSION}-1 $((N-1)) $(date)-2", ""),
            ("join ${UNKNOWN}-0", ""),
            ("for f in $FILES; do cp $f /out/${HOSTNAME}-$f; done", ""),
            ("db-0,db-1", ""),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
