//! Texts in quotes, with the escapes of shells, properties, JSON and YAML.

use crate::secrets::{
    classify::{Hint, value},
    pieces::{NotInventable, Pieces},
};

/// The end of the text in quotes that `text` begins with: behind the closing quote. Quotes within
/// are escaped with a backslash in double quotes, and doubled in single ones.
pub(super) fn end(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut rest = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = rest.next() {
        if c == '\\' && quote == '"' {
            rest.next();
        } else if c == quote {
            if quote == '\'' && rest.peek().is_some_and(|(_, next)| *next == quote) {
                rest.next();
                continue;
            }
            return Some(at + 1);
        }
    }
    None
}

/// Takes a text apart that stands in quotes, quotes included.
pub(super) fn take_apart(hint: Hint<'_>, text: &str) -> Result<Pieces, NotInventable> {
    let Some((quote, inner)) = text
        .get(..1)
        .filter(|it| matches!(*it, "\"" | "'"))
        .and_then(|quote| Some((quote, text.strip_prefix(quote)?.strip_suffix(quote)?)))
    else {
        return value(hint, text);
    };
    let mut pieces = Pieces::kept(quote);
    pieces.extend(match quote {
        "\"" if inner.contains('\\') => escaped(hint, inner, &unescape(inner), |text| {
            text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
        })?,
        "'" if inner.contains("''") => {
            escaped(hint, inner, &inner.replace("''", "'"), |text| text.replace('\'', "''"))?
        }
        _ => value(hint, inner)?,
    });
    pieces.text(quote);
    Ok(pieces)
}

/// Takes `plain` apart and escapes what stays of it; `raw` if nothing is replaced.
pub(super) fn escaped(
    hint: Hint<'_>,
    raw: &str,
    plain: &str,
    escape: impl Fn(&str) -> String,
) -> Result<Pieces, NotInventable> {
    let pieces = value(hint, plain)?;
    Ok(if pieces.holds_credential() { pieces.with_text(escape) } else { Pieces::kept(raw) })
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some('r') => plain.push('\r'),
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            },
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_end_where_they_are_neither_escaped_nor_doubled() {
        for (text, expected) in [
            (r#""a" b"#, Some(3)),
            (r#""a\"b" c"#, Some(6)),
            (r#""a\\" c"#, Some(5)),
            // In double quotes two are none, in single ones a backslash is none.
            (r#""a""b""#, Some(3)),
            (r"'a\' b", Some(4)),
            ("'a''b' c", Some(6)),
            ("'a'''", Some(5)),
            ("''", Some(2)),
            (r#""a\""#, None),
            ("'a", None),
            ("a'b'", None),
            ("", None),
        ] {
            assert_eq!(end(text), expected, "{text}");
        }
    }

    #[test]
    fn escapes_stand_for_what_they_escape() {
        assert_eq!(unescape(r#"a\nb\tc\rd\\e\"f\g\"#), "a\nb\tc\rd\\e\"fg\\");
    }
}
