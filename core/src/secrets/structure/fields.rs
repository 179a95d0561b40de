//! Fields on one line: `host=db password=x`, `Server=db;Password=x`, `db:6379,password=x`,
//! `-Ddb.password=x`, the query of a URL.

use std::ops::Range;

use super::quoted;
use crate::secrets::{
    classify::{Hint, Place, Written, prose, push, value},
    expression::{defaulted, is_expression},
    name::{Role, role},
    pattern::Pattern,
    pieces::{NotInventable, Pieces},
};

/// What stands between fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::secrets) enum Separator {
    /// ADO.NET, ODBC, SQL Server's JDBC URLs, Azure.
    Semicolon,
    /// Queries of URLs.
    Ampersand,
    /// StackExchange.Redis.
    Comma,
}

/// A part of a line with fields.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::secrets) enum Entry<'a> {
    /// Separators, names with `=`, what is no field.
    Between(&'a str),
    /// The value of a field; its name stood in the text before.
    Field {
        /// Its name.
        name: &'a str,
        /// Its value, without quotes or braces.
        value: &'a str,
    },
}

static WORDS: Pattern = Pattern::new(
    r#"([A-Za-z_][\w.-]*)(?:\s*=\s*|[ \t]+)('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s;'"=-][^\s;]*)"#,
);
static PAIR: Pattern = Pattern::new(r"[\s,][A-Za-z_][\w.-]*\s*=\s*\S");
static PAIRS: Pattern = Pattern::new(
    r#"([A-Za-z_][\w.-]*)\s*=\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s;'"][^\s;]*)"#,
);

static BRACED: Pattern = Pattern::new(
    r#"["']?([A-Za-z_][\w.-]*)["']?\s*(?::\s+|=\s*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;{}\[\]"'][^,;{}\[\]\n]*)"#,
);

/// Takes a line apart that has fields; `None` if it has none that are known.
pub(super) fn take_apart(hint: Hint<'_>, text: &str) -> Result<Option<Pieces>, NotInventable> {
    if text.contains('\n') {
        return Ok(None);
    }
    // What stands between the fields stays: too much, where nothing is known of the text.
    let known = match hint.place {
        Place::Field => hint.role != Role::Credential,
        Place::Key => hint.role == Role::Setting,
    };
    if known
        && text.starts_with('{')
        && let Some(pieces) = braced(hint, text)?
    {
        return Ok(Some(pieces));
    }
    for (mark, separator) in [(';', Separator::Semicolon), (',', Separator::Comma)] {
        if text.contains(mark) && separates(text, separator) {
            return separated(hint, text, separator).map(Some);
        }
    }
    spaced(hint, text)
}

/// Fields in braces somewhere in a line: `{user: app, password: x}`, `{ a = b }`; `None` if none of
/// them is a credential.
pub(super) fn braced(hint: Hint<'_>, text: &str) -> Result<Option<Pieces>, NotInventable> {
    let Some(start) = text.find('{') else { return Ok(None) };
    let mut pieces = Pieces::kept(&text[..start]);
    let done = start + listed(hint, &text[start..], &BRACED, &mut pieces)?;
    pieces.extend(prose(hint, &text[done..])?);
    Ok(Some(pieces).filter(Pieces::holds_credential))
}

/// Takes the fields of a line in braces apart, by name or by the name beside `value`. Answers the
/// length of what is taken apart.
pub(super) fn listed(
    hint: Hint<'_>,
    text: &str,
    pattern: &Pattern,
    pieces: &mut Pieces,
) -> Result<usize, NotInventable> {
    let (mut done, mut sibling) = (0, "");
    for found in pattern.get().into_iter().flat_map(|it| it.captures_iter(text)) {
        let (Some(name), Some(inner)) = (found.get(1), found.get(2)) else { continue };
        let inner = inner.start()..inner.start() + inner.as_str().trim_end().len();
        // What was found within code that was taken as a whole.
        if found.get(0).is_some_and(|it| it.start() < done) {
            continue;
        }
        let inner = with_code(text, inner);
        let value = &text[inner.clone()];
        if matches!(name.as_str(), "name" | "key") {
            sibling = value.trim_matches(['"', '\'']);
        }
        let is_value = name.as_str() == "value" && !sibling.is_empty();
        let names = [if is_value { sibling } else { name.as_str() }];
        pieces.text(&text[done..inner.start]);
        pieces.extend(quoted::take_apart(hint.field(&names), value)?);
        done = inner.end;
    }
    Ok(done)
}

/// A value with the arguments and indices that stand behind it, where these make it an expression that reads
/// something: a comma in them ends no field.
fn with_code(text: &str, value: Range<usize>) -> Range<usize> {
    let called = text[value.clone()].find(['(', '[']).map_or(value.end, |at| value.start + at);
    let longer = value.start..called + code(&text[called..]);
    let expression = text.get(longer.clone()).unwrap_or_default();
    let reads = is_expression(expression) || defaulted(expression).is_some();
    if longer.end > value.end && reads { longer } else { value }
}

/// The length of the arguments and indices that `rest` begins with, and of what is called on them.
fn code(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(next) = rest[at..].chars().next() {
        match next {
            '"' | '\'' if depth > 0 => match quoted::end(&rest[at..]) {
                Some(length) => {
                    at += length;
                    continue;
                }
                None => return 0,
            },
            '(' | '[' => depth += 1,
            ')' | ']' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            c if at > 0 && (c == '.' || c == '_' || c.is_ascii_alphanumeric()) => {}
            _ => return at,
        }
        at += next.len_utf8();
    }
    if depth == 0 { at } else { 0 }
}

/// The parts of a line with fields, in order: joined they are the line.
pub(in crate::secrets) fn entries(text: &str, separator: Separator) -> Vec<Entry<'_>> {
    let mark = match separator {
        Separator::Semicolon => ';',
        Separator::Ampersand => '&',
        Separator::Comma => ',',
    };
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let next = rest.find(mark).unwrap_or(rest.len());
        let Some(equals) = rest[..next].find('=') else {
            let end = (next + 1).min(rest.len());
            found.push(Entry::Between(&rest[..end]));
            rest = &rest[end..];
            continue;
        };
        let name = rest[..equals].trim();
        let blank = rest[equals + 1..].len() - rest[equals + 1..].trim_start().len();
        let start = equals + 1 + blank;
        let (open, end, close) = bounds(&rest[start..], mark, separator);
        found.push(Entry::Between(&rest[..start + open]));
        found.push(Entry::Field { name, value: &rest[start + open..start + end] });
        rest = &rest[start + end..];
        if close > 0 {
            found.push(Entry::Between(&rest[..close]));
            rest = &rest[close..];
        }
        if rest.starts_with(mark) {
            found.push(Entry::Between(&rest[..1]));
            rest = &rest[1..];
        }
    }
    found
}

/// Length of the opening quote, end of the value, length of the closing quote.
fn bounds(text: &str, mark: char, separator: Separator) -> (usize, usize, usize) {
    let plain = (0, text.find(mark).unwrap_or(text.len()), 0);
    if separator == Separator::Ampersand {
        return plain;
    }
    if text.starts_with('{')
        && let Some(end) = text.find('}')
    {
        return (1, end, 1);
    }
    match quoted::end(text) {
        Some(end) if text[end..].trim_start().is_empty() || text[end..].starts_with(mark) => {
            (1, end - 1, 1)
        }
        _ => plain,
    }
}

/// Whether a line is fields with this separator: at least two, one of them with a known name.
fn separates(text: &str, separator: Separator) -> bool {
    let entries = entries(text, separator);
    let names: Vec<Role> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Field { name, .. } => Some(name_role(name)),
            Entry::Between(_) => None,
        })
        .collect();
    let words = entries.iter().all(|entry| match entry {
        // `a.Module required username="…" password="…";` is one field only for who counts `;`.
        Entry::Field { name, value } => {
            let all = |more: &str| name.chars().all(|c| c.is_alphanumeric() || more.contains(c));
            !name.is_empty() && (all(" ") || all("_.-")) && !PAIR.matches(value)
        }
        Entry::Between(_) => true,
    });
    match separator {
        Separator::Comma => {
            words
                && text.contains(',')
                && names.contains(&Role::Credential)
                && !text.contains(char::is_whitespace)
        }
        _ => words && text.contains(';') && names.iter().any(|name| *name != Role::Unknown),
    }
}

fn separated(hint: Hint<'_>, text: &str, separator: Separator) -> Result<Pieces, NotInventable> {
    // Nothing is no credential: `push` leaves closing quotes and lone separators to the text.
    let mut pieces = Pieces::default();
    let mut after_credential = false;
    for entry in entries(text, separator) {
        match entry {
            // A separator within a password: what follows it is no field, and no setting.
            Entry::Between(text) if after_credential && !text.contains('=') => {
                let inner = text.trim_end_matches([';', ',', '"', '\'', '}']);
                push(&mut pieces, inner, Written::Plain)?;
                pieces.text(&text[inner.len()..]);
            }
            Entry::Between(text) => pieces.text(text),
            Entry::Field { name, value: inner } => {
                let names = [name];
                let hint = Hint { role: name_role(name), ..hint.field(&names) };
                after_credential = hint.role == Role::Credential;
                pieces.extend(value(hint, inner)?);
            }
        }
    }
    Ok(pieces)
}

/// `Password`, `User Id`, `Data Source`: ADO.NET's names have blanks.
fn name_role(name: &str) -> Role {
    match name.to_ascii_lowercase().as_str() {
        "user id" | "data source" | "initial catalog" | "server" | "sharedaccesskeyname" => {
            Role::Setting
        }
        _ => role(name),
    }
}

/// Fields with blanks between them, and flags of commands.
fn spaced(hint: Hint<'_>, text: &str) -> Result<Option<Pieces>, NotInventable> {
    let flags = text.contains(" --") || text.starts_with("--") || text.contains(" -D");
    if !flags && !text.contains('=') {
        return Ok(None);
    }
    let pairs = PAIRS.get().map(|pairs| pairs.captures_iter(text).count()).unwrap_or_default();
    let pattern = if flags { &WORDS } else { &PAIRS };
    // What stands between the fields stays. Under a name that says nothing that is too much.
    let doubtful = hint.place == Place::Key && hint.role != Role::Setting;
    if doubtful && pairs < 2 && !flags {
        return Ok(None);
    }
    let mut pieces = Pieces::default();
    let (mut done, mut known) = (0, false);
    for found in pattern.get().into_iter().flat_map(|fields| fields.captures_iter(text)) {
        let (Some(name), Some(inner)) = (found.get(1), found.get(2)) else { continue };
        // `-Ddb.password`: the D belongs to the flag.
        let word = name.as_str();
        let word = if text[..name.start()].ends_with('-') {
            word.strip_prefix('D').unwrap_or(word)
        } else {
            word
        };
        known |= matches!(role(word), Role::Credential | Role::Setting);
        let names = [word];
        pieces.text(&text[done..inner.start()]);
        pieces.extend(quoted::take_apart(hint.field(&names), inner.as_str())?);
        done = inner.end();
    }
    pieces.text(&text[done..]);
    Ok(Some(pieces).filter(|pieces| known && pieces.holds_credential()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!([&WORDS, &PAIR, &PAIRS, &BRACED].iter().all(|pattern| pattern.get().is_some()));
    }

    #[test]
    fn the_parts_of_a_line_are_the_line() {
        for text in ["Server=db;Password=\"a;b\";X=1", "a=1&b&c=&&=", ";;", "password={x;y};z"] {
            for separator in [Separator::Semicolon, Separator::Ampersand, Separator::Comma] {
                let joined: String = entries(text, separator)
                    .iter()
                    .map(|entry| match entry {
                        Entry::Between(text) => *text,
                        Entry::Field { value, .. } => *value,
                    })
                    .collect();
                assert_eq!(joined, text);
            }
        }
    }

    #[test]
    fn a_field_is_its_name_and_its_value_without_quotes_and_braces() {
        let field = |name, value| Entry::Field { name, value };
        let rows = [
            (
                "Server=db; Password=\"a;b\";X",
                Separator::Semicolon,
                vec![
                    Entry::Between("Server="),
                    field("Server", "db"),
                    Entry::Between(";"),
                    Entry::Between(" Password=\""),
                    field("Password", "a;b"),
                    Entry::Between("\""),
                    Entry::Between(";"),
                    Entry::Between("X"),
                ],
            ),
            (
                "a =  {x;y};b=",
                Separator::Semicolon,
                vec![
                    Entry::Between("a =  {"),
                    field("a", "x;y"),
                    Entry::Between("}"),
                    Entry::Between(";"),
                    Entry::Between("b="),
                    field("b", ""),
                ],
            ),
            // Quotes that end within the value are none around it.
            (
                "p=\"x\"y;b='1'",
                Separator::Semicolon,
                vec![
                    Entry::Between("p="),
                    field("p", "\"x\"y"),
                    Entry::Between(";"),
                    Entry::Between("b='"),
                    field("b", "1"),
                    Entry::Between("'"),
                ],
            ),
            // In a query they stand for themselves.
            (
                "a=\"1&b={2}",
                Separator::Ampersand,
                vec![
                    Entry::Between("a="),
                    field("a", "\"1"),
                    Entry::Between("&"),
                    Entry::Between("b="),
                    field("b", "{2}"),
                ],
            ),
            (
                "db:6379,password=abc",
                Separator::Comma,
                vec![
                    Entry::Between("db:6379,"),
                    Entry::Between("password="),
                    field("password", "abc"),
                ],
            ),
        ];
        for (text, separator, expected) in rows {
            assert_eq!(entries(text, separator), expected, "{text}");
        }
    }

    #[test]
    fn a_line_has_fields_if_all_names_are_names_and_one_of_them_is_known() {
        for (text, separator, expected) in [
            ("Server=db;Password=x", Separator::Semicolon, true),
            ("User Id=sa;X=1", Separator::Semicolon, true),
            ("Data Source=db;X=1", Separator::Semicolon, true),
            ("db.user=a;X=1", Separator::Semicolon, true),
            ("Password=x", Separator::Semicolon, false),
            ("a=1;b=2", Separator::Semicolon, false),
            ("a/b=1;password=x", Separator::Semicolon, false),
            ("=1;password=x", Separator::Semicolon, false),
            ("a.B required user=u;password=x", Separator::Semicolon, false),
            ("Server=db password=x;X=1", Separator::Semicolon, false),
            ("db:6379,password=x", Separator::Comma, true),
            ("a=1,b=2", Separator::Comma, false),
            ("a, password=x", Separator::Comma, false),
            ("db:6379,user=x", Separator::Comma, false),
        ] {
            assert_eq!(separates(text, separator), expected, "{text}");
        }
    }
}
