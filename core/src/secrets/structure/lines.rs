//! Assignments line by line: dotenv, properties, INI, TOML, `redis.conf`; and files in columns.

use std::ops::Range;

use super::{fields, quoted};
use crate::secrets::{
    classify::{Hint, Written, prose, push, value},
    command::is_example,
    name::{self, Role},
    pattern::Pattern,
    pieces::{A_HASH, NotInventable, Pieces, Taken, UNSAFE},
    shape, url,
};

/// What stands between a name and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separators {
    /// `=` or `:`.
    Assignments,
    /// Blanks too.
    AlsoSpaces,
}

/// Files with a credential in the last column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// `"user" "password"`, of PgBouncer.
    Userlist,
    /// `host:port:database:user:password`, of libpq.
    Pgpass,
}

static ASSIGNMENT: Pattern = Pattern::new(
    r#"^([ \t]*(?:export[ \t]+|//[^\s=]*:)?["']?)([A-Za-z_][\w.\-\[\]/]*)(["']?[ \t]*(?:=>|\+?[=:])[ \t]*)"#,
);
static DIRECTIVE: Pattern = Pattern::new(r"^([ \t]*)([A-Za-z_][\w.\-]*)([ \t]+)");
/// Lines whose second word or a later one says what the last one is. A first word of any kind would take
/// `use_backend be-auth if is-auth` for one.
static LATER: [Pattern; 4] = [
    Pattern::new(r"^([ \t]*(?i:sentinel)[ \t]+)((?i:auth-pass))([ \t]+\S+[ \t]+)\S"),
    Pattern::new(r"^([ \t]*(?i:sentinel)[ \t]+)((?i:sentinel-pass))([ \t]+)\S"),
    // `HAProxy`: who may see its statistics, and users in lists.
    Pattern::new(r#"^([ \t]*stats[ \t]+)(auth)([ \t]+)["']?[\w.@+\-]+:\S"#),
    Pattern::new(r"^([ \t]*user[ \t]+[^\s=:]+[ \t]+)(insecure-password|password)([ \t]+)\S"),
];
/// A user of Redis: `user shop on >hunter2 ~* +@all`, with hashes in files that it wrote itself.
static ACL: Pattern = Pattern::new(
    r#"^[ \t]*(?i:user)[ \t]+[^\s=:]+[ \t](?:.*[ \t])?(["']?[<>]\S|["']?[#!][0-9a-f]{64})"#,
);
/// Who passes requests on: nothing of it is a password, but in a URL.
static FORWARDED: Pattern = Pattern::new(
    r"^\s*((?:proxy|fastcgi|uwsgi|scgi|grpc|memcached)_pass|ProxyPass|ProxyPassMatch|ProxyPassReverse)\s",
);
/// What npm has for one registry: `//npm.example.com/:_authToken=…`. No comment.
static FOR_REGISTRY: Pattern = Pattern::new(r"^[ \t]*//[^\s=]*:[A-Za-z_]\w*[ \t]*=");
/// Ends of names of files with blanks between names and values.
const DIRECTIVES: [&str; 4] = [".conf", ".cfg", ".cnf", ".config"];
/// Words for credentials that in such files say how somebody is known: `auth SHA256` of OpenVPN,
/// `cookie SERVERID` of `HAProxy`.
const METHODS: [&str; 4] = ["auth", "cookie", "jwt", "signature"];
static COMMENT: Pattern = Pattern::new(r"^([ \t]*(?:#|;|!|//)[#; \t]*)");
static USERLIST: Pattern = Pattern::new(r#"^(\s*"[^"]*"[ \t]+")([^"]*)("\s*)$"#);
static PGPASS: Pattern = Pattern::new(r"^(\s*[^:]+:[^:]+:[^:]+:[^:]+:)(\S+)(\s*)$");

/// Takes a text of assignments apart.
pub(super) fn take_apart(hint: Hint<'_>, text: &str, separators: Separators) -> Taken {
    let mut pieces = Pieces::default();
    let mut rest = text;
    while !rest.is_empty() {
        let line = &rest[..line_end(rest)];
        let consumed = if COMMENT.matches(line) && !FOR_REGISTRY.matches(line) {
            comment(hint, line, &mut pieces)?
        } else if ACL.matches(line) {
            acl(line, &mut pieces)?;
            line.len()
        } else if let Some((name, start)) = assignment(line, separators) {
            pieces.text(&line[..start]);
            let names = [name];
            start + scalar(hint.field(&names), &rest[start..], &mut pieces)?
        } else {
            pieces.extend(match fields::braced(hint, line)? {
                Some(fields) => fields,
                None => prose(hint, line)?,
            });
            line.len()
        };
        rest = &rest[consumed..];
    }
    Ok(pieces)
}

/// Takes a file in columns apart.
pub(super) fn columns(text: &str, columns: Columns) -> Taken {
    let pattern = match columns {
        Columns::Userlist => &USERLIST,
        Columns::Pgpass => &PGPASS,
    };
    let mut pieces = Pieces::default();
    for line in text.split_inclusive('\n') {
        match pattern.groups(line) {
            // One that is commented out was production's as well, and the head of a table is none.
            Some([before, credential, after])
                if !(line.trim_start().starts_with('#')
                    && is_example(credential.rsplit(':').next().unwrap_or(credential))) =>
            {
                pieces.text(before);
                push(&mut pieces, credential, Written::Plain)?;
                pieces.text(after);
            }
            _ => pieces.text(line),
        }
    }
    Ok(pieces)
}

/// A user of Redis, word by word.
fn acl(line: &str, pieces: &mut Pieces) -> Result<(), NotInventable> {
    for word in line.split_inclusive([' ', '\t']) {
        let rule = word.trim_end();
        if rule.starts_with(['#', '!']) && rule.len() > 32 {
            return Err(NotInventable { why: A_HASH, public: false });
        }
        if rule.starts_with(['"', '\'']) {
            return Err(UNSAFE);
        }
        match rule.strip_prefix(['>', '<']) {
            Some(password) => {
                pieces.text(&rule[..1]);
                push(pieces, password, Written::Plain)?;
                pieces.text(&word[rule.len()..]);
            }
            None => pieces.text(word),
        }
    }
    Ok(())
}

/// A comment. Switched-off assignments of credentials count.
pub(super) fn comment(
    hint: Hint<'_>,
    line: &str,
    pieces: &mut Pieces,
) -> Result<usize, NotInventable> {
    let marker = COMMENT.groups(line).map_or(0, |[marker]| marker.len());
    let inner = &line[marker..];
    match assignment(inner, Separators::Assignments) {
        Some((name, start)) if name::role(name) == Role::Credential => {
            pieces.text(&line[..marker + start]);
            let names = [name];
            let end = line.trim_end().len().max(marker + start);
            pieces.extend(value(hint.field(&names), &line[marker + start..end])?);
            pieces.text(&line[end..]);
        }
        _ => pieces.extend(url::embedded(hint, line)?),
    }
    Ok(line.len())
}

/// The name that a line gives a value to, and where that begins.
fn assignment(line: &str, separators: Separators) -> Option<(&str, usize)> {
    if let Some(found) = named(&ASSIGNMENT, line) {
        return Some(found);
    }
    let spaces = separators == Separators::AlsoSpaces && !is_forwarded(line);
    let first = named(&DIRECTIVE, line).filter(|_| spaces)?;
    let is_credential = name::role(first.0) == Role::Credential;
    Some(second(line).filter(|_| !is_credential).unwrap_or(first))
}

/// Whether a word of a line that is not its first one says that its last one is a credential.
pub(super) fn is_of_credential(line: &str) -> bool {
    second(line).is_some() || ACL.matches(line)
}

/// Whether a line says where requests are passed on to.
pub(super) fn is_forwarded(line: &str) -> bool {
    FORWARDED.matches(line)
}

/// The word that a line gives a credential with and has neither `=` nor `:` before it, where nothing
/// else can be meant: by a word for it that is followed by one word alone, in a file of this name.
pub(in crate::secrets) fn given<'a>(file: &str, line: &'a str) -> Option<&'a str> {
    if ACL.matches(line) {
        let rules = line.split_whitespace().skip(2).map(|it| it.trim_start_matches(['"', '\'']));
        return rules
            .filter(|it| !(it.starts_with('<') && it.ends_with('>')))
            .find(|it| it.len() > 1 && it.starts_with(['>', '<', '#', '!']))
            .map(|it| &it[1..]);
    }
    if let Some([_, password, _]) = USERLIST.groups(line).filter(|_| is_userlist(file)) {
        return Some(password);
    }
    let bare = |it: &'a str| it.trim_end_matches([';', ',']).trim_matches(['"', '\'']);
    if let Some((_, start)) = second(line) {
        let word = bare(line[start..].split_whitespace().next()?);
        return Some(word.split_once(':').map_or(word, |(_, password)| password));
    }
    let (name, start) = named(&DIRECTIVE, line).filter(|_| !is_forwarded(line))?;
    let value = line[start..].trim();
    let is_word = !value.contains(char::is_whitespace) && !value.starts_with(['=', ':']);
    if !is_word || name::role(name) != Role::Credential {
        return None;
    }
    let value = bare(value);
    let last = name.rsplit(['_', '-', '.']).next().unwrap_or(name).to_ascii_lowercase();
    let is_method = METHODS.contains(&last.as_str());
    let has_directives = DIRECTIVES.iter().any(|end| file.to_ascii_lowercase().ends_with(end));
    (shape::is_token(value) || has_directives && !is_method).then_some(value)
}

/// Whether a file of this name is `PgBouncer`'s list of users, of which one line tells nothing by itself.
pub(in crate::secrets) fn is_userlist(file: &str) -> bool {
    file.ends_with("userlist.txt")
}

fn second(line: &str) -> Option<(&str, usize)> {
    LATER.iter().find_map(|it| named(it, line))
}

fn named<'a>(pattern: &Pattern, line: &'a str) -> Option<(&'a str, usize)> {
    let [before, name, separator] = pattern.groups(line)?;
    Some((name, before.len() + name.len() + separator.len()))
}

/// The value that `rest` begins with, to the end of its line or its quotes. Answers its length.
fn scalar(hint: Hint<'_>, rest: &str, pieces: &mut Pieces) -> Result<usize, NotInventable> {
    if rest.starts_with(['"', '\''])
        && let Some(end) = quoted::end(rest)
        && rest[end..line_end(&rest[end..]) + end]
            .trim_start_matches([' ', '\t', ';', ','])
            .starts_with(['#', '\n', '\r'])
            | rest[end..].trim_start_matches([' ', '\t', ';', ',']).is_empty()
    {
        pieces.extend(quoted::take_apart(hint, &rest[..end])?);
        return Ok(end);
    }
    if hint.role == Role::Credential
        && let Some((end, elements)) = list(rest)?
    {
        let mut done = 0;
        for element in elements {
            pieces.text(&rest[done..element.start]);
            pieces.extend(quoted::take_apart(hint, &rest[element.clone()])?);
            done = element.end;
        }
        pieces.text(&rest[done..end]);
        return Ok(end);
    }
    let mut end = line_end(rest);
    while hint.role == Role::Credential
        && rest[..end].trim_end_matches(['\r', '\n']).ends_with('\\')
    {
        let next = line_end(&rest[end..]);
        if next == 0 {
            break;
        }
        end += next;
    }
    let line = rest[..end].trim_end_matches(['\r', '\n']);
    let line = &line[..inline_comment(line)];
    pieces.extend(value(hint, line)?);
    Ok(line.len())
}

/// Where a list ends, and where its elements are.
type List = (usize, Vec<Range<usize>>);

/// Where the list ends that `rest` begins with, and where its elements are, if it goes over several
/// lines: of TOML, of HCL.
fn list(rest: &str) -> Result<Option<List>, NotInventable> {
    if !rest.starts_with('[') {
        return Ok(None);
    }
    let (mut at, mut depth, mut elements) = (0, 0_usize, Vec::new());
    while let Some(next) = rest[at..].chars().next() {
        let left = &rest[at..];
        match next {
            '"' | '\'' => {
                let Some(length) = quoted::end(left) else { return Ok(None) };
                elements.push(at..at + length);
                at += length;
                continue;
            }
            _ if left.starts_with('#') || left.starts_with("//") => {
                at += line_end(left);
                continue;
            }
            '[' => depth += 1,
            ']' if depth <= 1 => {
                let lines = rest[..at].contains('\n');
                return Ok(lines.then_some((at + 1, elements)));
            }
            ']' => depth -= 1,
            c if c.is_whitespace() || c == ',' => {}
            // A table, a variable: what of it is a credential is not known.
            c if c == '{' || !elements.is_empty() => return Err(UNSAFE),
            // A password that begins like a list.
            _ => return Ok(None),
        }
        at += next.len_utf8();
    }
    Ok(None)
}

/// Where a comment behind a value begins.
fn inline_comment(line: &str) -> usize {
    line.find(" # ").or_else(|| line.find("\t# ")).unwrap_or(line.len())
}

/// Behind the first line break.
pub(super) fn line_end(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        let more = [&ASSIGNMENT, &DIRECTIVE, &ACL, &FORWARDED, &COMMENT, &USERLIST, &PGPASS];
        for pattern in LATER.iter().chain(more) {
            assert!(pattern.get().is_some());
        }
    }
}
