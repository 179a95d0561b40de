//! A setting on each line: properties, INI, dotenv, and their like.

use std::ops::Range;

use super::{Builder, Document};

/// Takes a text of settings apart. A text that is not `known` to be one must look like it.
pub(super) fn read(text: &str, known: bool) -> Option<Document> {
    let mut builder = Builder::new();
    builder.map();
    let (mut at, mut settings, mut other) = (0, 0, 0);
    let mut continued = false;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let blank = line.len() - line.trim_start().len();
        let inner = line.trim();
        let goes_on = inner.ends_with('\\');
        let part = start + blank..start + blank + inner.len();
        if std::mem::replace(&mut continued, goes_on) {
            builder.again(part);
            continue;
        }
        if inner.is_empty() || inner.starts_with(['#', ';', '!']) || inner.starts_with("//") {
            continued = false;
        } else if let Some(section) = inner.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            builder.at_root();
            builder.name(section.trim_matches(['"', '\'']));
            builder.map();
        } else if let Some((key, starts)) = setting(inner) {
            settings += 1;
            let base = start + blank;
            builder.key(key, base + starts.key..base + starts.key + key.len(), false);
            let value = base + starts.value..base + inner.len();
            let value = unquoted(text, value);
            builder.value(&text[value.clone()], value, false);
        } else {
            other += 1;
            builder.again(part);
        }
    }
    (known || settings > 1 && settings > 4 * other).then(|| builder.finish()).flatten()
}

/// Where a key and its value begin.
struct Starts {
    key: usize,
    value: usize,
}

/// `key = value`, `key: value`, `export KEY=value`: the key, and where it and the value begin.
fn setting(line: &str) -> Option<(&str, Starts)> {
    let exported = line.strip_prefix("export ").map_or(0, |it| line.len() - it.trim_start().len());
    let rest = &line[exported..];
    let end = rest.find(['=', ':'])?;
    let key = rest[..end].trim_end();
    let fits = |c: char| c.is_alphanumeric() || "_-./[]@$%~\\".contains(c);
    if key.is_empty() || !key.chars().all(fits) {
        return None;
    }
    // `http://…` is no setting of `http`.
    let after = &rest[end + 1..];
    if after.starts_with("//") {
        return None;
    }
    let value = exported + end + 1 + (after.len() - after.trim_start().len());
    Some((key, Starts { key: exported, value }))
}

/// A value without its quotes, and without a comment after it.
fn unquoted(text: &str, span: Range<usize>) -> Range<usize> {
    let value = &text[span.clone()];
    if let Some(quote) = value.chars().next().filter(|it| ['"', '\''].contains(it))
        && let Some(end) = value[1..].find(quote)
    {
        return span.start + 1..span.start + 1 + end;
    }
    let end = [" #", " ;", "\t#", "\t;"].iter().filter_map(|it| value.find(it)).min();
    let end = end.unwrap_or(value.len());
    span.start..span.start + value[..end].trim_end().len()
}
