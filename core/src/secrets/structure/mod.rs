//! Values with an inside: documents, lists of fields, URLs.
//!
//! Everything but the credentials stays byte for byte: comments, order, quotes, indentation. So
//! nothing here parses and writes again; each format has a finder of spans, and what a finder does
//! not understand it keeps or refuses, never rewrites.

mod fields;
mod json;
mod lines;
mod quoted;
mod yaml;

pub(super) use self::{
    fields::{Entry, Separator, entries},
    lines::{given, is_userlist},
};

use super::{
    classify::{Hint, Place},
    file, name,
    pattern::Pattern,
    pieces::{NotInventable, Pieces},
    shape, url,
};

/// A value with an inside.
pub(super) struct Document {
    /// What it is made of.
    pub(super) pieces: Pieces,
    /// Whether it has named fields. A URL has not.
    pub(super) has_fields: bool,
}

static ASSIGNMENT: Pattern =
    Pattern::new(r#"^\s*(export\s+|//[^\s=]*:)?["']?[A-Za-z_][\w.\-\[\]/]*["']?[ \t]*=[^=]?"#);
static ENTRY: Pattern = Pattern::new(r#"^\s*(- )*(["'][^"']+["']|[\w.\-/$ ]+):(\s|$)|^\s*- \S"#);
static DIRECTIVE: Pattern = Pattern::new(r"^\s*[A-Za-z][\w.-]*[ \t]+\S+");
static SCRIPT: Pattern =
    Pattern::new(r"^#![^\n]*\b([a-z]*sh|python[\d.]*|perl|ruby|node|php)\b[^\n]*(\n|$)");
/// An assignment or a header alone. What else begins like one may be a password.
static LONE: Pattern = Pattern::new(
    r"^((export )?([A-Z][A-Z0-9_]*_[A-Z0-9_]+|[A-Z]{3,})=[^=\s]|([A-Z]{3,}|[A-Z][a-z]+(-[A-Z][a-z]+)+|Authorization): \S)",
);
static USERLIST: Pattern = Pattern::new(r#"^"[^"]*"[ \t]+"[^"]*"[ \t]*$"#);
static PGPASS: Pattern = Pattern::new(r"^[^:\s]+:(\d+|\*):[^:\s]+:[^:\s]+:\S+$");

/// Takes a value apart that has an inside; `None` if it has none.
pub(super) fn take_apart(hint: Hint<'_>, text: &str) -> Result<Option<Document>, NotInventable> {
    let with_fields = |pieces| Ok(Some(Document { pieces, has_fields: true }));
    if let Some(pieces) = json::take_apart(hint, text) {
        return with_fields(pieces?);
    }
    if let Some(pieces) = url::take_apart(hint, text)? {
        return Ok(Some(Document { pieces, has_fields: false }));
    }
    match format(hint, text) {
        Some(Format::Lines(separators)) => with_fields(lines::take_apart(hint, text, separators)?),
        Some(Format::Yaml) => with_fields(yaml::take_apart(hint, text)?),
        Some(Format::Columns(pattern)) => with_fields(lines::columns(text, pattern)?),
        None => {
            Ok(fields::take_apart(hint, text)?.map(|pieces| Document { pieces, has_fields: false }))
        }
    }
}

enum Format {
    Lines(lines::Separators),
    Yaml,
    Columns(lines::Columns),
}

/// The format of a text in lines, by its name or by what most lines look like.
fn format(hint: Hint<'_>, text: &str) -> Option<Format> {
    let named = hint.place == Place::Key && hint.any(file::is_document);
    if !(named || text.contains('\n') || is_lone(text)) {
        return None;
    }
    let (mut all, mut assignments, mut entries, mut directives) = (0, 0, 0, 0);
    let (mut userlist, mut pgpass) = (0, 0);
    for line in text.lines().filter(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with(['#', ';', '!', '[']) && line != "---"
    }) {
        all += 1;
        userlist += usize::from(USERLIST.matches(line));
        pgpass += usize::from(PGPASS.matches(line));
        if ASSIGNMENT.matches(line) {
            assignments += 1;
        } else if ENTRY.matches(line) {
            entries += 1;
        } else if DIRECTIVE.matches(line) {
            directives += 1;
        }
    }
    if all == 0 {
        return None;
    }
    if pgpass == all {
        return Some(Format::Columns(lines::Columns::Pgpass));
    }
    if userlist == all {
        return Some(Format::Columns(lines::Columns::Userlist));
    }
    let most = |some: usize| some * 3 >= all * 2;
    if assignments >= entries && most(assignments) {
        return Some(Format::Lines(lines::Separators::Assignments));
    }
    if most(entries) || named && entries > assignments {
        return Some(Format::Yaml);
    }
    // Block scalars make most lines of a YAML document text.
    if hint.any(file::is_yaml) {
        return Some(Format::Yaml);
    }
    // More than its lines.
    if is_script(text) {
        return None;
    }
    if most(directives + assignments) && (named || hint.place == Place::Key && speaks(text)) {
        return Some(Format::Lines(lines::Separators::AlsoSpaces));
    }
    named.then_some(Format::Lines(lines::Separators::Assignments)).filter(|_| assignments > 0)
}

/// Whether a line is an assignment or a header and no credential as a whole. Where one word is its name, that
/// has to say something, or else the value.
fn is_lone(text: &str) -> bool {
    let Some((name, value)) = text.split_once(['=', ':']) else { return false };
    let name = name.trim_start_matches("export ");
    let tells = name.contains('_')
        || name::role(name) != name::Role::Unknown
        || shape::is_setting(value.trim());
    tells && LONE.matches(text)
}

/// Whether a text is a program that says what runs it.
pub(super) fn is_script(text: &str) -> bool {
    text.starts_with("#!") && SCRIPT.matches(text)
}

/// Whether some line is of a credential.
fn speaks(text: &str) -> bool {
    let first = |line: &str| {
        line.split_whitespace().next().is_some_and(|it| name::role(it) == name::Role::Credential)
            && !lines::is_forwarded(line)
    };
    text.lines().any(|line| first(line) || lines::is_of_credential(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for pattern in [&ASSIGNMENT, &ENTRY, &DIRECTIVE, &SCRIPT, &LONE, &USERLIST, &PGPASS] {
            assert!(pattern.get().is_some());
        }
    }
}
