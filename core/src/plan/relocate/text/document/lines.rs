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

#[cfg(test)]
mod tests {
    use super::*;

    /// What each value stands under, within which section, and each key.
    fn pieces(text: &str, known: bool) -> Option<Vec<(String, &str)>> {
        let document = read(text, known)?;
        let all = document.pieces().iter().enumerate().map(|(at, piece)| {
            let place = document.place(at);
            let around = place.within.first().copied().unwrap_or_default();
            let under = if place.key {
                format!("key in {}", place.named)
            } else {
                format!("{} in {around}", place.named)
            };
            (under, &text[piece.span.clone()])
        });
        Some(all.collect())
    }

    #[test]
    fn settings_are_taken_apart_to_the_byte() {
        let text = "# a\nexport  A = 'x y' # z\r\n\n[s.t]\n  b: \"q\" ; z\n! c\nd=e #f\n\
            url=http://a,\\\n   http://b\nhttp://c\n; g\n// h\n['u']\ni\t=\tj\t#k\nl=\n";
        let expected = [
            ("key in ", "A"),
            ("A in ", "x y"),
            ("key in s.t", "b"),
            ("b in s.t", "q"),
            ("key in s.t", "d"),
            ("d in s.t", "e"),
            ("key in s.t", "url"),
            ("url in s.t", "http://a,\\"),
            ("url in s.t", "http://b"),
            ("url in s.t", "http://c"),
            ("key in u", "i"),
            ("i in u", "j"),
            ("key in u", "l"),
            ("l in u", ""),
        ];
        let expected: Vec<_> =
            expected.iter().map(|(it, text)| ((*it).to_owned(), *text)).collect();
        assert_eq!(pieces(text, true), Some(expected));
    }

    #[test]
    fn what_is_not_known_to_be_settings_is_so_by_most_of_its_lines() {
        for (text, expected) in [
            ("a=1\n", false),
            ("a=1\nb=2\n", true),
            ("a=1\nb=2\n# prose\n\n", true),
            ("a=1\nb=2\nc=3\nd=4\nprose\n", false),
            ("a=1\nb=2\nc=3\nd=4\ne=5\nprose\n", true),
            ("a b=1\nc d=2\n", false),
            ("=1\n=2\n", false),
        ] {
            assert_eq!(pieces(text, false).is_some(), expected, "{text}");
        }
        assert!(pieces("a=1\n", true).is_some() && pieces("", true).is_none());
    }
}
