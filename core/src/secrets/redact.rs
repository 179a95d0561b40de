//! Masks credentials in text that people read: reports, messages, logs.

use std::{borrow::Cow, sync::OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use regex::Captures;

use super::{
    OpenSecret, Uses,
    command::{CLIENTS, is_example},
    make::RESERVED,
    name,
    name::Role,
    pattern::Pattern,
    seal::open,
    shape,
};

/// What stands in place of a credential.
pub const MASK: &str = "•••";

/// Shortest credential that is looked for in logs, in characters. Shorter ones are everywhere.
const SHORTEST: usize = 4;

static PEM: Pattern = Pattern::new(
    r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
);
static JWT: Pattern = Pattern::new(
    r"\bey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+){0,2}",
);
static USERINFO: Pattern =
    Pattern::new(r#"([A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"'<>]*:)([^\s"'<>]*)(@)"#);
static AUTHORIZATION: Pattern = Pattern::new(
    r#"(?i)(\bauthorization["']?\s*[:=]\s*["']?(?:(?:bearer|basic|token|apikey|digest|negotiate)\s+)?)([A-Za-z0-9+/=._~-]{3,})"#,
);
/// Without the header's name only what is too long for a word of prose.
static SCHEME: Pattern = Pattern::new(r"(?i)(\b(?:bearer|basic)\s+)([A-Za-z0-9+/=._~-]{16,})");
/// `{"name": "DB_PASSWORD", "value": "…"}`, as containers have it, in JSON and YAML.
static NAMED: Pattern = Pattern::new(
    r#"(["']?\bname["']?\s*:\s*["']?)([\w.-]+)(["']?\s*,?\s*["']?value["']?\s*:\s*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"',}]+)"#,
);
static ASSIGNMENT: Pattern = Pattern::new(
    r#"([A-Za-z_][\w.-]*)(\\?["']?\s*[=:]\s*)(\$\{[^}]*\}|\$\([^)]*\)|\{\{[^}]*\}\}|"(?:[^"\\]|\\.)*"|\\"(?:[^"\\]|\\[^"])*\\"|'[^']*'|[^\s"',;&{}\[\]()][^\s"',;&}\])]*)"#,
);
/// `define('DB_PASSWORD', '…')`, `setdefault("SECRET_KEY", "…")`.
static CALL: Pattern = Pattern::new(
    r#"(\(\s*["'])([A-Za-z_][\w.-]*)(["']\s*,\s*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"#,
);
/// `--password x`, `-p x` of commands.
static FLAG: Pattern =
    Pattern::new(r#"((?:^|\W)--?([A-Za-z][\w-]*)\s+)("[^"]*"|'[^']*'|[^\s"'-][^\s"']*)"#);
/// A hash of a password in the notation of crypt, wherever it stands.
static CRYPT: Pattern =
    Pattern::new(r"\$(?:2[aby]|[567y]|apr1|argon2(?:id?|d))\$[A-Za-z0-9./$=,+]{20,}");
/// Beginnings of such hashes.
const CRYPTS: [&str; 9] = ["$2a$", "$2b$", "$2y$", "$5$", "$6$", "$7$", "$y$", "$apr1$", "$argon2"];
static TOKEN: Pattern = Pattern::new(r"[A-Za-z][\w.-]{15,}");

/// Masks what looks like a credential in a text for a report or a message: passwords in URLs,
/// assignments to names of credentials, authorization headers, JWTs, private keys, tokens of known
/// services. It knows no values: logs of a target go through a [`Redactor`].
pub fn redact(text: &str) -> String {
    if !may_mask(text) {
        return text.to_owned();
    }
    let text = replace(&PEM, text.into(), |_| MASK.to_owned());
    let text = replace(&JWT, text, |_| MASK.to_owned());
    let text = fields(text);
    let text = replace(&TOKEN, text, |found| match shape::outside(&found[0]) {
        Some((at, _)) => format!("{}{MASK}", &found[0][..at]),
        None => found[0].to_owned(),
    });
    text.into_owned()
}

/// Masks what is a credential by what stands beside it, whatever it looks like.
pub(super) fn fields(text: Cow<'_, str>) -> Cow<'_, str> {
    let text = replace(&USERINFO, text, |found| {
        let [before, password, after] = groups(found);
        // `https://host:8080/a@b` has a port.
        let port = password.len() - password.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let is_port = port > 0 && password[port..].starts_with('/');
        let stays = password.is_empty() || is_port || shape::is_reference(password);
        if stays { found[0].to_owned() } else { format!("{before}{MASK}{after}") }
    });
    let text = replace(&AUTHORIZATION, text, |found| {
        let [before, value] = groups(found);
        if is_scheme(value) { found[0].to_owned() } else { format!("{before}{MASK}") }
    });
    let text = replace(&SCHEME, text, |found| format!("{}{MASK}", &found[1]));
    let text = replace(&NAMED, text, |found| {
        let [before, name, between, value] = groups(found);
        format!("{before}{name}{between}{}", masked(name, value))
    });
    let text = assignments(text);
    let text = replace(&CALL, text, |found| {
        let [before, name, between, value] = groups(found);
        format!("{before}{name}{between}{}", masked(name, value))
    });
    let text = replace(&FLAG, text, |found| {
        let [before, name, value] = groups(found);
        format!("{before}{}", masked(name, value))
    });
    let text = CLIENTS.iter().fold(text, |text, (client, pattern)| {
        if !text.contains(client) {
            return text;
        }
        replace(pattern, text, |found| {
            let [before, value] = groups(found);
            let stays = is_example(value) || value.contains(MASK);
            if stays { found[0].to_owned() } else { format!("{before}{MASK}") }
        })
    });
    replace(&CRYPT, text, |_| MASK.to_owned())
}

/// Assignments, also those within the quotes of another: `connection="Server=db;Password=…"`.
fn assignments(text: Cow<'_, str>) -> Cow<'_, str> {
    replace(&ASSIGNMENT, text, |found| {
        let [name, between, value] = groups(found);
        let quote = value.chars().next().filter(|it| matches!(it, '"' | '\''));
        let inner = quote.and_then(|it| value.strip_prefix(it)?.strip_suffix(it));
        match (quote, inner.filter(|it| it.contains('='))) {
            (Some(quote), Some(inner)) if name::role(name) != Role::Credential => {
                format!("{name}{between}{quote}{}{quote}", assignments(inner.into()))
            }
            _ => format!("{name}{between}{}", masked(name, value)),
        }
    })
}

/// Whether [`redact`] may change a text or a part of it. Most texts hold nothing of what every
/// pattern needs, and this one search is a tenth of the work of all of them.
pub(super) fn may_mask(text: &str) -> bool {
    static NEEDED: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let needed = NEEDED.get_or_init(|| {
        let marks = ["@", "private key", "basic"].into_iter().chain(CRYPTS);
        let marks = marks.chain(CLIENTS.iter().map(|(client, _)| *client));
        let all = marks.chain(name::stems()).chain(shape::outside_starts());
        AhoCorasick::builder().ascii_case_insensitive(true).build(all).ok()
    });
    // Letters of other alphabets may be capitals of ours.
    !text.is_ascii() || needed.as_ref().is_none_or(|it| it.is_match(text)) || JWT.matches(text)
}

/// The first groups of a match, of which every one takes part.
fn groups<'t, const N: usize>(found: &Captures<'t>) -> [&'t str; N] {
    std::array::from_fn(|at| found.get(at + 1).map_or("", |group| group.as_str()))
}

fn replace<'t>(
    pattern: &Pattern,
    text: Cow<'t, str>,
    with: impl Fn(&Captures<'_>) -> String,
) -> Cow<'t, str> {
    let Some(pattern) = pattern.get() else { return MASK.into() };
    match pattern.replace_all(&text, with) {
        Cow::Owned(new) => new.into(),
        Cow::Borrowed(_) => text,
    }
}

/// The value of an assignment, masked if its name is a credential's.
fn masked(name: &str, value: &str) -> String {
    let inner = value.trim_matches(['\\', '"', '\'']);
    let stays = name::role(name) != Role::Credential
        || inner.is_empty()
        || shape::is_boolean(inner)
        || shape::is_reference(inner)
        || shape::is_path(inner)
        || shape::is_resource(inner)
        || is_computed(inner)
        || name::is_list(name) && inner.bytes().all(|it| it.is_ascii_digit())
        || inner.contains(MASK)
        || is_scheme(inner)
        // `<%= ENV["PASSWORD"] %>`
        || inner.starts_with("<%")
        || inner.starts_with("//");
    if stays { value.to_owned() } else { value.replace(inner, MASK) }
}

/// What begins like this comes from elsewhere: from a command, Grafana, Python, Symfony, Ruby.
const COMPUTED: [&str; 5] = ["$(", "$__", "%(", "%env(", "#{"];

/// Whether a value, or what of it stands before a bracket or quote, is a call, what a command says,
/// or a variable that may be empty.
fn is_computed(value: &str) -> bool {
    let variable = value.strip_prefix("${").and_then(|it| it.strip_suffix('}'));
    value.ends_with(['(', '['])
        || COMPUTED.iter().any(|it| value.starts_with(it))
        || variable.is_some_and(|it| it.ends_with([':', '-', '=']))
}

/// Whether a word is how somebody authenticates, not with what.
fn is_scheme(word: &str) -> bool {
    matches!(
        word.to_ascii_lowercase().as_str(),
        "bearer" | "basic" | "digest" | "negotiate" | "token" | "apikey"
    )
}

/// Masks known credentials in text, however they are written. It holds them: no `Debug`.
pub struct Redactor {
    known: Option<AhoCorasick>,
}

impl Redactor {
    /// Knows the credentials in Secrets, but not the users, hosts and settings beside them.
    pub fn new(secrets: &[OpenSecret], uses: &Uses) -> Self {
        let mut values = Vec::new();
        for secret in secrets {
            for (key, value) in &secret.data {
                match open(secret, key, value, uses) {
                    Ok(pieces) => {
                        values.extend(pieces.credentials().into_iter().map(String::into_bytes));
                    }
                    Err(refusal) if refusal.public => {}
                    Err(_) => {
                        values.push(value.expose().trim_ascii().to_vec());
                        values.extend(lines(value.expose()));
                    }
                }
            }
        }
        Self::of_values(&values)
    }

    /// Knows these values.
    pub fn of_values(values: &[Vec<u8>]) -> Self {
        let mut written: Vec<Vec<u8>> = Vec::new();
        for value in values.iter().filter(|value| is_long(value)) {
            written.push(percent_encode(value, NON_ALPHANUMERIC).to_string().into_bytes());
            written.push(percent_unreserved(value));
            written.extend(base64_forms(value));
            if let Ok(text) = std::str::from_utf8(value) {
                let quoted = serde_json::to_string(text).unwrap_or_default();
                written.push(quoted.trim_matches('"').as_bytes().to_vec());
            }
            written.push(value.clone());
        }
        written.retain(|form| is_long(form));
        written.sort_unstable();
        written.dedup();
        // Every byte of a value is in a dozen forms: a table of all bytes for each would fill the memory.
        let known = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .match_kind(MatchKind::LeftmostLongest)
            .build(written);
        Self { known: known.ok() }
    }

    /// `text` without known credentials, the longest first, and without what looks like one.
    pub fn redact(&self, text: &str) -> String {
        let Some(known) = &self.known else { return MASK.to_owned() };
        let mut masked = String::with_capacity(text.len());
        let mut done = 0;
        for found in known.find_iter(text) {
            // A value that is no text may end within a character.
            masked.push_str(text.get(done..found.start()).unwrap_or_default());
            masked.push_str(MASK);
            done = found.end();
        }
        masked.push_str(text.get(done..).unwrap_or_default());
        redact(&masked)
    }
}

fn is_long(value: &[u8]) -> bool {
    String::from_utf8_lossy(value).chars().count() >= SHORTEST
}

/// The lines of a key, a hash or a token that are long enough to give something away.
fn lines(value: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    value
        .split(|byte| *byte == b'\n')
        .map(|line| line.trim_ascii().to_vec())
        .filter(|line| line.len() >= 16 && !line.starts_with(b"-----"))
}

fn percent_unreserved(value: &[u8]) -> Vec<u8> {
    percent_encode(value, RESERVED).to_string().into_bytes()
}

/// The base64 of a value, alone and within something longer: there it may begin at each of three
/// places, and the digits at its ends belong to its neighbours too.
fn base64_forms(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        forms.push(engine.encode(value).into_bytes());
        for shift in 0..3_usize {
            let mut padded = vec![0; shift];
            padded.extend_from_slice(value);
            let digits = engine.encode(&padded).into_bytes();
            let start = (shift * 8).div_ceil(6);
            let end = padded.len() * 8 / 6;
            // Few digits are found by chance.
            if end >= start + 6 {
                forms.push(digits[start..end].to_vec());
            }
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::secrets::SecretBytes;

    #[test]
    fn every_pattern_compiles() {
        for pattern in [
            &PEM,
            &JWT,
            &USERINFO,
            &AUTHORIZATION,
            &SCHEME,
            &NAMED,
            &ASSIGNMENT,
            &CALL,
            &FLAG,
            &CRYPT,
            &TOKEN,
        ] {
            assert!(pattern.get().is_some());
        }
    }

    #[test]
    fn what_looks_like_a_credential_is_masked() {
        for (text, expected) in [
            ("at postgres://u:pw@db/x failed", "at postgres://u:•••@db/x failed"),
            ("amqp://u:p@ss@h", "amqp://u:•••@h"),
            ("password=hunter2 user=x", "password=••• user=x"),
            ("{\"password\": \"hun\\\"ter2\", \"a\": 1}", "{\"password\": \"•••\", \"a\": 1}"),
            (
                "{\"name\":\"DB_PASSWORD\",\"value\":\"x y\"}",
                "{\"name\":\"DB_PASSWORD\",\"value\":\"•••\"}",
            ),
            ("- name: DB_PASSWORD\n  value: xy\n", "- name: DB_PASSWORD\n  value: •••\n"),
            ("apiKey: 'abc'", "apiKey: '•••'"),
            ("define('DB_PASSWORD', 'hunter2');", "define('DB_PASSWORD', '•••');"),
            (
                "connection=\"Server=db;Password=hunter2;\" x",
                "connection=\"Server=db;Password=•••;\" x",
            ),
            ("Authorization: Bearer abcdefgh", "Authorization: Bearer •••"),
            ("authorization: Basic dTpw", "authorization: Basic •••"),
            ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_", "got •••"),
            ("x -----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY----- y", "x ••• y"),
            ("-----BEGIN PRIVATE KEY-----\ncut", "•••"),
            ("redis-server --requirepass abc --port 1", "redis-server --requirepass ••• --port 1"),
            ("ghp_0123456789abcdefABCD", "ghp_•••"),
            ("redis://u:1234@h", "redis://u:•••@h"),
            ("redis://u:/pw@h", "redis://u:•••@h"),
            ("password=\"a=b\"", "password=\"•••\""),
            ("password=redis://u:hunter2@h", "password=redis://u:•••@h"),
        ] {
            assert_eq!(redact(text), expected);
            assert_eq!(redact(expected), expected, "twice");
            assert!(may_mask(text), "{text}");
        }
    }

    #[test]
    fn what_only_speaks_of_credentials_is_readable() {
        for text in [
            "{\"name\":\"P\",\"valueFrom\":{\"secretKeyRef\":{\"key\":\"password\",\"name\":\"db\"}}}",
            "secretName: db-tls",
            "automountServiceAccountToken: false",
            "password: ${DB_PASSWORD}",
            "https://example.com:8080/a@b",
            "the password is wrong",
            "sentinel auth-pass mymaster",
            "key: app, operator: In",
            "tokenExpirationSeconds: 3600",
            "password: \"\"",
            "password: <%= ENV[\"PGPASSWORD\"] %>",
            "secret://vault/x",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn known_credentials_are_masked_in_every_form_and_nothing_beside_them() {
        let secret = OpenSecret {
            name: "db".to_owned(),
            kind: String::new(),
            data: [
                ("password", "p@ss/w\"rd"),
                ("longer-password", "p@ss/w\"rd-and-more"),
                ("user", "shopkeeper"),
                ("pin", "123"),
                ("url", "redis://x:within-a-url@h"),
                ("tls.key", "-----BEGIN PRIVATE KEY-----\nMIIBVgIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----"),
            ]
            .map(|(key, text)| (key.to_owned(), SecretBytes::new(text.as_bytes().to_vec())))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        };
        let redactor = Redactor::new(&[secret], &Uses::default());
        for (text, expected) in [
            ("a p@ss/w\"rd b", "a ••• b"),
            ("a p@ss/w\"rd-and-more b", "a ••• b"),
            ("a p%40ss%2Fw%22rd b", "a ••• b"),
            ("a p@ss/w\\\"rd b", "a ••• b"),
            ("a cEBzcy93InJk b", "a ••• b"),
            ("shopkeeper 123", "shopkeeper 123"),
            ("within-a-url", "•••"),
            ("MIIBVgIBADANBgkqhkiG9w0B", "•••"),
        ] {
            assert_eq!(redactor.redact(text), expected);
        }
        let header = STANDARD.encode("user:p@ss/w\"rd-and-more");
        let core = &header[8..20];
        assert!(!redactor.redact(&format!("x {header}")).contains(core));
    }

    #[test]
    fn a_text_without_a_word_for_credentials_is_not_looked_through() {
        assert!(!may_mask("3 Pods are ready"));
        assert!(may_mask("3 Pods näher"));
    }

    #[test]
    fn known_values_are_masked_within_base64_wherever_they_begin() {
        let redactor = Redactor::of_values(&[b"correct-horse-battery".to_vec()]);
        for (before, start, end) in [("", 0, 28), ("x", 2, 29), ("xx", 3, 30), ("xxx", 4, 32)] {
            let text = STANDARD.encode(format!("{before}correct-horse-battery yy"));
            let expected = format!("{}{MASK}{}", &text[..start], &text[end..]);
            assert_eq!(redactor.redact(&text), expected, "{before}");
        }
        // Few digits are found by chance.
        let short = Redactor::of_values(&[b"Zq81".to_vec()]);
        assert_eq!(short.redact("WnE4MXh4"), "WnE4MXh4");
        assert_eq!(short.redact("Zq81"), MASK);
    }

    #[test]
    fn known_values_are_masked_in_urls_and_what_frames_a_key_is_not() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIBVgIBADANBgkqhkiG9w0B\nhalf\n-----END PRIVATE KEY-----";
        let value = |text: &str| SecretBytes::new(text.as_bytes().to_vec());
        let secret = OpenSecret {
            name: "db".to_owned(),
            kind: String::new(),
            data: [("password", "p@ss-word"), ("tls.key", key)]
                .map(|(key, text)| (key.to_owned(), value(text)))
                .into(),
        };
        let redactor = Redactor::new(&[secret], &Uses::default());
        for (text, expected) in [
            ("p%40ss-word", "•••"),
            ("p%40ss%2Dword", "•••"),
            ("half of it", "half of it"),
            ("-----END PRIVATE KEY-----", "-----END PRIVATE KEY-----"),
        ] {
            assert_eq!(redactor.redact(text), expected);
        }
    }
}
