//! A plan on one screen: what comes along, what is changed, what stays behind, what a person should
//! look at. What there is no room for is counted.

use kulisse_core::api::staging_plan::{Finding, Severity};

use super::{
    Parity, count,
    group::{by_kind, by_word},
    plural,
};
use crate::cli::{
    screen::{Mark, Screen},
    text::{cut, filled},
};

/// The space there is.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Columns.
    pub width: usize,
    /// Lines.
    pub height: usize,
}

/// Column of the words beside a section's head.
const WORDS: usize = 23;
/// Column of a group's sentence.
const SENTENCE: usize = 31;
/// Longest word of a group that is shown whole.
const WORD: usize = 20;
/// Lines that a section gets however little room there is: cloned, changed, left behind, findings. A
/// finding takes three.
const LEAST: [usize; 4] = [0, 3, 2, 4];

/// One line of the summary and what belongs below it.
struct Item {
    lines: Vec<String>,
    entries: usize,
}

/// A part of the summary.
struct Section {
    head: Vec<String>,
    items: Vec<Item>,
    /// What one item is.
    one: &'static str,
}

/// The summary. `next` is what to do next.
pub fn summary(parity: Parity, next: &str, screen: Screen, room: Room) -> String {
    let sections = [
        cloned(parity, screen, room.width),
        changed(parity, screen, room.width),
        left_behind(parity, screen, room.width),
        found(parity, screen, room.width),
    ];
    let mut lines = head(parity, screen, room.width);
    // A blank line before each section and before what comes next, and a line for the prompt.
    let fixed = lines.len() + sections.iter().map(|it| it.head.len() + 1).sum::<usize>() + 3;
    let wanted = [0, 1, 2, 3].map(|at| height(&sections[at].items));
    let given = share(room.height.saturating_sub(fixed), wanted);
    for (section, room) in sections.into_iter().zip(given) {
        lines.push(String::new());
        lines.extend(section.head);
        lines.extend(fitted(section.items, room, section.one, screen));
    }
    lines.push(String::new());
    lines.push(format!("    next  {next}"));
    lines.iter().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Whose plan it is, and where the clone will answer.
fn head(parity: Parity, screen: Screen, width: usize) -> Vec<String> {
    let plan = parity.plan;
    let arrow = if screen.live { "→" } else { "->" };
    let way = format!("{} {arrow} {}", plan.source, plan.target);
    let digest = format!("plan {}", parity.digest());
    let used = parity.name.chars().count() + 3 + way.chars().count() + digest.len();
    let gap = " ".repeat(width.saturating_sub(used).max(3));
    let mut lines =
        vec![format!("{}   {way}{gap}{}", screen.strong(parity.name), screen.faint(&digest))];
    lines.extend(parity.urls.first().map(|url| screen.faint(url)));
    lines
}

fn cloned(parity: Parity, screen: Screen, width: usize) -> Section {
    let objects = &parity.plan.clones;
    let mut words = Vec::new();
    let kinds = by_kind(objects);
    let last = kinds.len().saturating_sub(1);
    for (at, (kind, names)) in kinds.iter().enumerate() {
        let word = if names.len() == 1 { (*kind).to_owned() } else { plural(kind) };
        words.push(format!("{} {word}{}", names.len(), if at == last { "" } else { "," }));
    }
    let words = filled(words.iter().map(String::as_str), width.saturating_sub(WORDS));
    let head = section(screen, Mark::Fine, objects.len(), "cloned", &words);
    Section { head, items: Vec::new(), one: "" }
}

fn changed(parity: Parity, screen: Screen, width: usize) -> Section {
    let plan = parity.plan;
    let more = plan.truncated.as_ref().map_or(0, |it| it.changes as usize);
    let groups = by_word(&plan.changes);
    let words = if groups.is_empty() {
        String::new()
    } else {
        format!("by {}", count(groups.len(), "rule"))
    };
    let head = section(screen, Mark::Going, plan.changes.len() + more, "changed", &[words]);
    let items =
        groups.iter().map(|it| item(it.word, it.why, it.entries.len(), screen, width)).collect();
    Section { head, items, one: "more rule" }
}

fn left_behind(parity: Parity, screen: Screen, width: usize) -> Section {
    let plan = parity.plan;
    let more = plan.truncated.as_ref().map_or(0, |it| it.left_behind as usize);
    let groups = by_word(&plan.left_behind);
    let words = if groups.is_empty() {
        String::new()
    } else {
        format!("for {}", count(groups.len(), "reason"))
    };
    let head = section(screen, Mark::Open, plan.left_behind.len() + more, "left behind", &[words]);
    let items =
        groups.iter().map(|it| item(it.word, it.why, it.entries.len(), screen, width)).collect();
    Section { head, items, one: "more reason" }
}

/// What is found, the worst first, one of each kind with what settles it.
fn found(parity: Parity, screen: Screen, width: usize) -> Section {
    let findings = &parity.plan.findings;
    let worst = findings.iter().map(|it| it.severity).min();
    let mark = worst.map_or(Mark::Fine, mark_of);
    let head = section(screen, mark, findings.len(), "findings", &[parity.findings()]);
    let mut items = Vec::new();
    for severity in [Severity::Blocks, Severity::Warns, Severity::Informs] {
        let of: Vec<Finding> =
            findings.iter().filter(|it| it.severity == severity).cloned().collect();
        items.extend(
            by_word(&of).iter().map(|it| finding(it.word, &it.entries, severity, screen, width)),
        );
    }
    Section { head, items, one: "more kind" }
}

fn finding(
    word: &str,
    entries: &[&Finding],
    severity: Severity,
    screen: Screen,
    width: usize,
) -> Item {
    let said = match severity {
        Severity::Blocks => "blocks",
        Severity::Warns => "warns",
        Severity::Informs => "informs",
    };
    let many = entries.len();
    let mut lines = Vec::new();
    if let Some(first) = entries.first() {
        let more = if many == 1 { String::new() } else { format!(" and {} more", many - 1) };
        let object = cut(&first.object, width.saturating_sub(SENTENCE + 9 + more.len()));
        let said = screen.tinted(&format!("{said:<7}"), mark_of(severity));
        lines.push(format!("{many:>8}  {said}  {:<WORD$} {object}{more}", cut(word, WORD)));
        let below = |text: &str| format!("{:19}{}", "", cut(text, width.saturating_sub(19)));
        lines.push(screen.faint(&below(&first.why)));
        if severity != Severity::Informs && !first.settle.is_empty() {
            lines.push(below(&format!("settle: {}", in_a_line(&first.settle))));
        }
    }
    Item { lines, entries: many }
}

/// What settles a finding, in one line: of YAML, the fields that it sets.
fn in_a_line(settle: &str) -> String {
    let Some((comment, spec)) = settle.split_once("spec:\n") else {
        return settle.split_whitespace().collect::<Vec<_>>().join(" ");
    };
    let field = |line: &str| {
        let field = line.strip_prefix("  ")?.split_once(':')?.0;
        (!field.starts_with([' ', '-', '#'])).then(|| format!("spec.{field}"))
    };
    let fields: Vec<String> = spec.lines().filter_map(field).collect();
    let whose = comment.lines().find_map(|it| it.strip_prefix("# in the ")).unwrap_or_default();
    let whose = if whose.is_empty() { String::new() } else { format!(" in the {whose}") };
    format!("{}{whose}; -o report has the YAML", fields.join(", "))
}

fn mark_of(severity: Severity) -> Mark {
    match severity {
        Severity::Blocks => Mark::Wrong,
        Severity::Warns => Mark::Going,
        Severity::Informs => Mark::Open,
    }
}

/// A section's first line: mark, number, name, words; further words below them.
fn section(screen: Screen, mark: Mark, number: usize, name: &str, words: &[String]) -> Vec<String> {
    // As a word a mark is two columns wide, as a glyph one.
    let gap = if screen.live { " " } else { "" };
    let first = words.first().map(String::as_str).unwrap_or_default();
    let name = screen.strong(&format!("{name:<11}"));
    let mut lines = vec![format!(" {}{gap}{number:>5}  {name}  {first}", screen.mark(mark))];
    lines.extend(words.iter().skip(1).map(|it| format!("{:WORDS$}{it}", "")));
    lines
}

fn item(word: &str, why: &str, entries: usize, screen: Screen, width: usize) -> Item {
    let why = screen.faint(&cut(why, width.saturating_sub(SENTENCE)));
    Item { lines: vec![format!("{entries:>8}  {:<WORD$} {why}", cut(word, WORD))], entries }
}

fn height(items: &[Item]) -> usize {
    items.iter().map(|it| it.lines.len()).sum()
}

/// The items that fit into `room` lines; the rest is counted in the last of them.
fn fitted(items: Vec<Item>, room: usize, one: &str, screen: Screen) -> Vec<String> {
    let all = height(&items) <= room;
    let room = if all { room } else { room.saturating_sub(1) };
    let (mut lines, mut left, mut kinds) = (Vec::new(), 0, 0);
    for item in items {
        if kinds == 0 && lines.len() + item.lines.len() <= room {
            lines.extend(item.lines);
        } else {
            left += item.entries;
            kinds += 1;
        }
    }
    if kinds > 0 {
        lines.push(screen.faint(&format!("{left:>8}  by {}", count(kinds, one))));
    }
    lines
}

/// Shares lines among sections: what they want, or one after the other until there are no more.
fn share(free: usize, wanted: [usize; 4]) -> [usize; 4] {
    let mut given = [0, 1, 2, 3].map(|at| wanted[at].min(LEAST[at]));
    let mut left = free.saturating_sub(given.iter().sum());
    while left > 0 && given != wanted {
        for (given, wanted) in given.iter_mut().zip(wanted) {
            if *given < wanted && left > 0 {
                *given += 1;
                left -= 1;
            }
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shared_and_none_is_given_twice() {
        assert_eq!(share(20, [0, 4, 2, 5]), [0, 4, 2, 5]);
        assert_eq!(share(12, [0, 20, 4, 20]), [0, 4, 3, 5]);
        assert_eq!(share(0, [0, 20, 20, 20]), [0, 3, 2, 4]);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let items = || {
            let item = |entries, height| Item { lines: vec!["x".to_owned(); height], entries };
            vec![item(7, 1), item(5, 2), item(1, 1)]
        };
        let plain = Screen::plain();
        assert_eq!(fitted(items(), 4, "more rule", plain).len(), 4);
        assert_eq!(fitted(items(), 3, "more rule", plain), ["x", "       6  by 2 more rules"]);
    }
}
