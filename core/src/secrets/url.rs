//! URLs and what is written like them: lists of URLs, several hosts, JDBC, driver strings.
//!
//! Real passwords are often written into URLs unencoded, so this reads more than RFC 3986 allows:
//! the user information ends where a person would say it does.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{
    classify::{Hint, Place, Written, push},
    name::{self, Role},
    pattern::Pattern,
    pieces::{NotInventable, Pieces, Taken},
    shape,
    structure::{Entry, Separator, entries},
};

/// `scheme://`, also behind `jdbc:` and its like.
static START: Pattern = Pattern::new(r"^([A-Za-z][A-Za-z0-9+.-]*:)*//");
static NEXT: Pattern = Pattern::new(r"[,;|]([A-Za-z][A-Za-z0-9+.-]*:)+//");
static EMBEDDED: Pattern = Pattern::new(r#"[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>`]+"#);
static ORACLE: Pattern = Pattern::new(r"^(jdbc:oracle:\w+:[^/@\s]+/)([^@\s]+)(@\S+)$");
/// Without a user and without fields.
static JDBC: Pattern = Pattern::new(r"^jdbc:[\w-]+:(\w+:@)?[\w./:~-]*$");
static GO: Pattern = Pattern::new(r"^([^:@/\s]*:)(\S*)(@(?:tcp|tcp6|unix|udp)?\([^)\s]*\)/\S*)$");
static BARE: Pattern = Pattern::new(r"^([\w.+-]+:)([^\s/]+)(@[\w.-]+(?::\d+)?(?:/\S*)?)$");
static PORTS: Pattern =
    Pattern::new(r"^(\[[^\]]*\]|[^:,]*)(:\d{0,5})?(,(\[[^\]]*\]|[^:,]*)(:\d{0,5})?)*$");

/// Takes a text apart that is a URL, a list of URLs or a driver's string with a user in it.
pub(super) fn take_apart(hint: Hint<'_>, text: &str) -> Result<Option<Pieces>, NotInventable> {
    if text.contains(char::is_whitespace) {
        return Ok(None);
    }
    if text.contains("//") && START.matches(text) && !text.starts_with("//") {
        return list(hint, text).map(Some);
    }
    if JDBC.matches(text) {
        return Ok(Some(Pieces::kept(text)));
    }
    if !text.contains('@') {
        return Ok(None);
    }
    let driver = ORACLE.groups(text).or_else(|| GO.groups(text));
    // A password may look like `a:b@c` by chance; then nothing of it stays.
    let bare = || if hint.role == Role::Credential { None } else { BARE.groups(text) };
    let Some([before, password, after]) = driver.or_else(bare) else { return Ok(None) };
    let mut pieces = Pieces::kept(before);
    push(&mut pieces, password, Written::Plain)?;
    pieces.text(after);
    Ok(Some(pieces))
}

/// Takes apart the URLs that stand somewhere in a text.
pub(super) fn embedded(hint: Hint<'_>, text: &str) -> Taken {
    let mut pieces = Pieces::default();
    let mut done = 0;
    if let Some(expression) = EMBEDDED.get().filter(|_| text.contains("://")) {
        for found in expression.find_iter(text) {
            pieces.text(&text[done..found.start()]);
            pieces.extend(one(hint, found.as_str())?);
            done = found.end();
        }
    }
    pieces.text(&text[done..]);
    Ok(pieces)
}

fn list(hint: Hint<'_>, text: &str) -> Taken {
    let mut pieces = Pieces::default();
    let mut done = 0;
    if let Some(next) = NEXT.get() {
        for found in next.find_iter(text) {
            pieces.extend(one(hint, &text[done..found.start()])?);
            pieces.text(&text[found.start()..=found.start()]);
            done = found.start() + 1;
        }
    }
    pieces.extend(one(hint, &text[done..])?);
    Ok(pieces)
}

fn one(hint: Hint<'_>, text: &str) -> Taken {
    let Some(start) = text.find("//").map(|at| at + 2) else { return Ok(Pieces::kept(text)) };
    let (scheme, rest) = text.split_at(start);
    let lower = scheme.to_ascii_lowercase();
    let is_web = ["http://", "https://", "ws://", "wss://"].iter().any(|web| lower.ends_with(web));
    let mut pieces = Pieces::kept(scheme);
    let after = match end_of_userinfo(rest, is_web) {
        Some(at) => {
            userinfo(&mut pieces, &rest[..at])?;
            &rest[at..]
        }
        None => rest,
    };
    let hosts = after.find(['/', '?', '#', ';']).unwrap_or(after.len());
    pieces.text(&after[..hosts]);
    tail(hint, &mut pieces, &after[hosts..], is_web)?;
    Ok(pieces)
}

/// Where the `@` after user and password stands.
fn end_of_userinfo(rest: &str, is_web: bool) -> Option<usize> {
    let authority = &rest[..rest.find(['/', '?', '#', ';']).unwrap_or(rest.len())];
    // A query has fields; without one the `?` is in a password.
    let query = match (rest.find('?'), rest.rfind('@')) {
        (Some(query), Some(at)) if query > at || rest[query..at].contains('=') => query,
        _ => rest.len(),
    };
    match authority.rfind('@') {
        // Paths of web pages hold `@`; names of databases do not, passwords do.
        Some(at) if is_web => Some(at),
        None if PORTS.matches(authority) => None,
        // What looks like a port and is none: a password with `/`, `?` or `#` in it.
        _ => rest[..query].rfind('@'),
    }
}

fn userinfo(pieces: &mut Pieces, userinfo: &str) -> Result<(), NotInventable> {
    let (user, password) = match userinfo.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (userinfo, None),
    };
    let known = shape::outside(user).is_some();
    if known || password.is_none() && shape::is_token(&decoded(user)) {
        encoded(pieces, user)?;
    } else {
        pieces.text(user);
    }
    if let Some(password) = password {
        pieces.text(":");
        encoded(pieces, password)?;
    }
    Ok(())
}

/// Path, query and fragment; for SQL Server fields after `;`.
fn tail(
    hint: Hint<'_>,
    pieces: &mut Pieces,
    text: &str,
    is_web: bool,
) -> Result<(), NotInventable> {
    let path = text.find(['?', '#', ';']).unwrap_or(text.len());
    if is_web {
        let is_webhook = hint.any(name::is_webhook);
        for (at, segment) in text[..path].split('/').enumerate() {
            pieces.text(if at == 0 { "" } else { "/" });
            let word = decoded(segment);
            let is_long = word.len() >= 20 && word.chars().all(|c| c.is_ascii_alphanumeric());
            if shape::is_token(&word) || is_webhook && is_long {
                encoded(pieces, segment)?;
            } else {
                pieces.text(segment);
            }
        }
    } else {
        pieces.text(&text[..path]);
    }
    let text = &text[path..];
    if text.starts_with(';') {
        return fields(hint, pieces, text, Separator::Semicolon);
    }
    let query = text.find('#').filter(|_| is_web).unwrap_or(text.len());
    if !text[..query].is_empty() {
        pieces.text(&text[..1]);
        fields(hint, pieces, &text[1..query], Separator::Ampersand)?;
    }
    let Some(fragment) = text[query..].strip_prefix('#') else { return Ok(()) };
    pieces.text("#");
    if shape::is_token(fragment) {
        return encoded(pieces, fragment);
    }
    // Pages without a server keep a path and a query of their own there.
    let query = fragment.find('?').map_or(0, |at| at + 1);
    pieces.text(&fragment[..query]);
    fields(hint, pieces, &fragment[query..], Separator::Ampersand)
}

fn fields(
    hint: Hint<'_>,
    pieces: &mut Pieces,
    text: &str,
    separator: Separator,
) -> Result<(), NotInventable> {
    for entry in entries(text, separator) {
        match entry {
            Entry::Between(text) => pieces.text(text),
            Entry::Field { name, value } => {
                let names = [name];
                let field = Hint { place: Place::Field, ..hint.field(&names) };
                let plain = decoded(value);
                let nested = embedded(field, &plain)?.holds_credential();
                let is_credential = match name::role(name) {
                    Role::Credential => !shape::is_boolean(value),
                    Role::Unknown | Role::Doubtful => shape::is_token(&plain),
                    Role::Setting => false,
                };
                if separator == Separator::Semicolon && is_credential {
                    push(pieces, value, Written::Plain)?;
                } else if is_credential || nested {
                    encoded(pieces, value)?;
                } else {
                    pieces.text(value);
                }
            }
        }
    }
    Ok(())
}

/// Goes on with a credential that may be percent-encoded.
fn encoded(pieces: &mut Pieces, raw: &str) -> Result<(), NotInventable> {
    if shape::is_reference(raw) {
        pieces.text(raw);
        return Ok(());
    }
    push(pieces, &decoded(raw), Written::Percent)
}

/// What percent-encoding stands for; bytes that are no text stay encoded.
fn decoded(raw: &str) -> String {
    percent_decode_str(raw).decode_utf8().map_or_else(|_| raw.to_owned(), Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for pattern in [&START, &NEXT, &EMBEDDED, &ORACLE, &JDBC, &GO, &BARE, &PORTS] {
            assert!(pattern.get().is_some());
        }
    }

    #[test]
    fn the_user_information_ends_where_a_person_would_say() {
        for (rest, is_web, expected) in [
            ("shop:pw@db:5432/shop", false, Some(7)),
            ("shop:p@ss/w@db/shop", false, Some(11)),
            ("shop:p?x@db/shop", false, Some(8)),
            ("shop:p@/x#?y@db/shop", false, Some(12)),
            ("shop:p@db/shop?mail=a@b.c", false, Some(6)),
            ("db:5432/shop", false, None),
            ("a:1,b:2/shop", false, None),
            ("[::1]:5432/shop", false, None),
            ("example.com/@someone", true, None),
            ("u:p@example.com/@someone", true, Some(3)),
            ("host;user=sa;password=p@ss", false, None),
            ("db/shop?mail=a@b.c", false, None),
        ] {
            assert_eq!(end_of_userinfo(rest, is_web), expected, "{rest}");
        }
    }
}
