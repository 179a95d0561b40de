//! The parity report as Markdown that one pastes into a pull request: short at the top, all details
//! folded. It fits into one comment; what does not is counted.

use std::fmt::Write;

use kulisse_core::api::{
    drift::{Became, Drifted},
    staging_plan::{Change, Finding, LeftBehind, Severity},
};

use super::{
    Parity, count,
    failed::failed,
    group::{by_kind, by_word},
    plural,
};

/// GitHub takes 65,536 characters in a comment; people write something around it.
const LONGEST: usize = 60_000;
/// Rows of a table that are tried until the report is short enough.
const ROWS: [usize; 5] = [usize::MAX, 40, 12, 4, 1];
/// Longest value in a table, in characters.
const SHOWN: usize = 90;

/// The report.
pub fn markdown(parity: Parity) -> String {
    let mut text = String::new();
    for rows in ROWS {
        text = report(parity, rows);
        if text.len() <= LONGEST {
            break;
        }
    }
    text
}

fn report(parity: Parity, rows: usize) -> String {
    let plan = parity.plan;
    let truncated = plan.truncated.clone().unwrap_or_default();
    let changes = plan.changes.len() + truncated.changes as usize;
    let left = plan.left_behind.len() + truncated.left_behind as usize;
    let mut text = format!("### Staging environment {}\n\n", code(parity.name));
    let _ = write!(text, "{} → {}", code(&plan.source), code(&plan.target));
    for url in parity.urls {
        let _ = write!(text, " · <{url}>");
    }
    let _ = writeln!(text, "\n\n**{}**", verdict(parity));
    let _ = writeln!(
        text,
        "\n| cloned | changed | left behind | findings |\n|---|---|---|---|\n| {} | {} | {} | {} |",
        count(plan.clones.len(), "object"),
        count(changes, "field"),
        count(left, "object"),
        if plan.findings.is_empty() { "none".to_owned() } else { parity.findings() },
    );
    if !plan.evidence.is_empty() {
        let head = format!("Failed: {}", plan.evidence.len());
        text += &fold(&head, &failed(&plan.evidence, rows));
    }
    text += &findings(&plan.findings, rows);
    if !plan.drift.is_empty() {
        let drift = plan.drift.len() + truncated.drift as usize;
        let head = format!("Production has moved on: {}", count(drift, "object"));
        text += &fold(
            &head,
            &drifted(&plan.drift, "a new plan", ["adds it", "removes it", "changes it"], rows),
        );
    }
    if !plan.edited.is_empty() {
        let head = format!("Changed by hand: {}", count(plan.edited.len(), "object"));
        text += &fold(
            &head,
            &drifted(&plan.edited, "somebody", ["made it", "deleted it", "changed it"], rows),
        );
    }
    text +=
        &fold(&format!("Cloned: {}", count(plan.clones.len(), "object")), &clones(&plan.clones));
    text += &fold(&format!("Changed: {}", count(changes, "field")), &changed(&plan.changes, rows));
    text += &fold(
        &format!("Left behind: {}", count(left, "object")),
        &left_behind(&plan.left_behind, rows),
    );
    for (number, what) in
        [(truncated.changes, "change"), (truncated.left_behind, "object left behind")]
    {
        if number > 0 {
            let _ = writeln!(
                text,
                "\n{number} more of what is listed above as {what} did not fit into the StagingPlan."
            );
        }
    }
    let _ = writeln!(
        text,
        "\n<sub>Plan {} by Kulisse {}. Values of Secrets are nowhere in it.</sub>",
        code(parity.digest()),
        env!("CARGO_PKG_VERSION")
    );
    text
}

fn verdict(parity: Parity) -> &'static str {
    let is = |severity| parity.plan.findings.iter().any(|it| it.severity == severity);
    match (is(Severity::Blocks), is(Severity::Warns)) {
        (true, _) => "Nothing is applied until it is settled what blocks.",
        (false, true) => "Nothing blocks; there are warnings.",
        (false, false) => "Nothing blocks.",
    }
}

/// What blocks stands open, the rest is folded.
fn findings(findings: &[Finding], rows: usize) -> String {
    let mut text = String::new();
    for (severity, head) in [
        (Severity::Blocks, "Blocks until it is settled"),
        (Severity::Warns, "Warnings"),
        (Severity::Informs, "Good to know"),
    ] {
        let of: Vec<Finding> =
            findings.iter().filter(|it| it.severity == severity).cloned().collect();
        if of.is_empty() {
            continue;
        }
        let list = list(&of, rows);
        if severity == Severity::Blocks {
            let _ = write!(text, "\n#### {head}: {}\n\n{list}", of.len());
        } else {
            text += &fold(&format!("{head}: {}", of.len()), &list);
        }
    }
    text
}

/// Findings by kind; those that are settled alike stand in one table.
fn list(findings: &[Finding], rows: usize) -> String {
    let mut text = String::new();
    for group in by_word(findings) {
        let mut alike: Vec<(&str, Vec<&Finding>)> = Vec::new();
        for it in &group.entries {
            match alike.iter_mut().find(|(settled, _)| *settled == it.settle) {
                Some((_, entries)) => entries.push(it),
                None => alike.push((&it.settle, vec![it])),
            }
        }
        let _ = writeln!(text, "**{}** ({})\n", group.word, group.entries.len());
        for (settled, entries) in alike.iter().take(rows) {
            text += "| object | field | why |\n|---|---|---|\n";
            for it in entries.iter().take(rows) {
                let _ = writeln!(
                    text,
                    "| {} | {} | {} |",
                    code(&it.object),
                    place(&it.path),
                    plain(&it.why)
                );
            }
            more(&mut text, "\n", entries.len(), rows);
            text += &settle(settled);
        }
        more(&mut text, "", alike.len(), rows);
    }
    text
}

fn place(path: &str) -> String {
    if path.is_empty() { String::new() } else { code(path) }
}

/// One line as a sentence, YAML as a block.
fn settle(settle: &str) -> String {
    if settle.is_empty() {
        return String::new();
    }
    if !settle.contains('\n') {
        return format!("\nSettle: {}\n\n", plain(settle));
    }
    let fence = fence(settle);
    format!("\nSettle:\n\n{fence}yaml\n{}\n{fence}\n\n", settle.trim_end())
}

fn clones(objects: &[String]) -> String {
    let mut text = "| kind | number | names |\n|---|---|---|\n".to_owned();
    for (kind, names) in by_kind(objects) {
        let listed: Vec<String> = names.iter().map(|name| code(name)).collect();
        let _ = writeln!(text, "| {} | {} | {} |", plural(kind), names.len(), listed.join(", "));
    }
    text
}

fn changed(changes: &[Change], rows: usize) -> String {
    let mut text = String::new();
    for group in by_word(changes) {
        let _ =
            writeln!(text, "**{}** ({}): {}\n", group.word, group.entries.len(), plain(group.why));
        text += "| object | field | production | clone |\n|---|---|---|---|\n";
        for it in group.entries.iter().take(rows) {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                code(&it.object),
                code(&it.path),
                value(it.from.as_deref()),
                value(it.to.as_deref())
            );
        }
        more(&mut text, "\n", group.entries.len(), rows);
        text.push('\n');
    }
    text
}

fn left_behind(left: &[LeftBehind], rows: usize) -> String {
    let mut text = "| reason | objects | why |\n|---|---|---|\n".to_owned();
    for group in by_word(left) {
        let mut names: Vec<String> =
            group.entries.iter().take(rows).map(|it| code(&it.object)).collect();
        if group.entries.len() > rows {
            names.push(format!("{} more", group.entries.len() - rows));
        }
        let _ = writeln!(text, "| {} | {} | {} |", group.word, names.join(", "), plain(group.why));
    }
    text
}

/// What `who` did or would do: in these words for what came, went, changed.
fn drifted(drift: &[Drifted], who: &str, words: [&str; 3], rows: usize) -> String {
    let mut text = format!("| object | {who} | fields |\n|---|---|---|\n");
    for it in drift.iter().take(rows) {
        let what = match it.what {
            Became::Came => words[0],
            Became::Went => words[1],
            Became::Changed => words[2],
        };
        let paths: Vec<String> = it.paths.iter().map(|it| code(it)).collect();
        let _ = writeln!(text, "| {} | {what} | {} |", code(&it.object), paths.join(", "));
    }
    if drift.len() > rows {
        let _ = writeln!(text, "\n… and {} more: the StagingPlan lists all", drift.len() - rows);
    }
    text
}

fn more(text: &mut String, before: &str, all: usize, rows: usize) {
    if all > rows {
        let _ =
            writeln!(text, "{before}… and {} more: «kulisse plan -o json» lists all", all - rows);
    }
}

fn fold(head: &str, body: &str) -> String {
    format!("\n<details><summary>{head}</summary>\n\n{}\n\n</details>\n", body.trim_end())
}

/// A value in a table.
fn value(value: Option<&str>) -> String {
    let Some(value) = value else { return String::new() };
    let cut: String = if value.chars().count() > SHOWN {
        value.chars().take(SHOWN - 1).chain(['…']).collect()
    } else {
        value.to_owned()
    };
    code(&cut)
}

/// Text as code, whatever is in it: nothing of a source becomes markup.
pub(super) fn code(text: &str) -> String {
    if text.is_empty() {
        return "empty".to_owned();
    }
    let text = text.replace('\n', "⏎").replace('\r', "").replace('|', "\\|");
    let marks = "`".repeat(longest_run(&text) + 1);
    let gap = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{marks}{gap}{text}{gap}{marks}")
}

/// A sentence as text.
pub(super) fn plain(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn fence(text: &str) -> String {
    "`".repeat(longest_run(text).max(2) + 1)
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_source_becomes_markup() {
        assert_eq!(code("a|b\nc"), "`a\\|b⏎c`");
        assert_eq!(code("`x` <b>"), "`` `x` <b> ``");
        assert_eq!(plain("a <img src=x> | b\nc"), "a &lt;img src=x> \\| b c");
        assert_eq!(fence("```yaml"), "````");
    }
}
