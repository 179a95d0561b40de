//! Host names of Services.

use std::ops::Range;

use super::{Edit, Kind, Names};

/// A label of a host name, with its place in the text.
struct Label<'t> {
    at: usize,
    text: &'t str,
}

impl Label<'_> {
    fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    fn range(&self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }
}

/// Host names that lead into the source.
pub(super) fn find(names: &Names, text: &str) -> Vec<Edit> {
    words(text).into_iter().flat_map(|word| in_word(names, text, word)).collect()
}

/// The longest runs of characters that a host name may have.
fn words(text: &str) -> Vec<Range<usize>> {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let mut found = Vec::new();
    let mut start = None;
    for (at, byte) in text.bytes().enumerate() {
        match (part(byte), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                found.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    found.extend(start.map(|from| from..text.len()));
    found.retain(|word| text[word.clone()].contains('.'));
    found
}

fn in_word(names: &Names, text: &str, word: Range<usize>) -> Vec<Edit> {
    let word = unescaped(text, word);
    let mut at = word.start;
    let mut labels = Vec::new();
    for label in text[word.clone()].split('.') {
        labels.push(Label { at, text: label });
        at += label.len() + 1;
    }
    // Dots after the last label: the root of DNS, or the end of a sentence.
    while labels.len() > 1 && labels.last().is_some_and(|label| label.text.is_empty()) {
        labels.pop();
    }
    (0..labels.len())
        .filter(|at| labels[*at].is(names.source))
        .filter_map(|at| {
            let kind = kind(names, text, &word, &labels, at)?;
            Some(Edit { name: labels[at].range(), word: word.clone(), kind })
        })
        .collect()
}

/// A word that begins with the rest of an escape (`%2F`, `\n`) begins after it.
fn unescaped(text: &str, word: Range<usize>) -> Range<usize> {
    let rest = text.as_bytes();
    let skip = match text[..word.start].chars().next_back() {
        Some('%')
            if word.len() > 2
                && rest[word.start..word.start + 2].iter().all(u8::is_ascii_hexdigit) =>
        {
            2
        }
        Some('\\') if b"nrtbf".contains(&rest[word.start]) => 1,
        _ => 0,
    };
    word.start + skip..word.end
}

/// What the label at `at`, which equals the source's name, means in its host.
fn kind(
    names: &Names,
    text: &str,
    word: &Range<usize>,
    labels: &[Label],
    at: usize,
) -> Option<Kind> {
    let service = at.checked_sub(1).map(|before| labels[before].text.to_ascii_lowercase());
    // The Kubernetes API has its Service there, whoever runs beside it.
    if names.source == "default" && service.as_deref() == Some("kubernetes") {
        return None;
    }
    match labels.get(at + 1) {
        Some(next) if next.is("svc") => Some(Kind::Host),
        Some(next) if next.is("pod") && labels.len() > at + 2 && at > 0 => Some(Kind::Host),
        Some(_) => None,
        None => {
            let service = service?;
            // The service's own name comes from a variable: `${SERVICE}.shop`.
            if service.is_empty() && at == 1 && text[..word.start].ends_with(['}', ')']) {
                return Some(Kind::Possible);
            }
            let known = names.services.contains(service.as_str());
            let member = match &labels[..at - 1] {
                [] => true,
                [pod] => numbered(pod.text) || pod.text.starts_with('_'),
                more => more.iter().all(|label| label.text.starts_with('_')),
            };
            match (known, member && stands_as_host(text, word)) {
                (true, true) => Some(Kind::Host),
                (true, false) => Some(Kind::Possible),
                (false, _) => None,
            }
        }
    }
}

/// `db-0`: the Pod of a StatefulSet.
fn numbered(label: &str) -> bool {
    label.rsplit_once('-').is_some_and(|(_, number)| {
        !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit())
    })
}

/// Whether what stands around a word leaves room for a host: not a path, not the key of a setting,
/// not a call.
fn stands_as_host(text: &str, word: &Range<usize>) -> bool {
    let before = &text[..word.start];
    let mut after = text[word.end..].chars();
    let starts = match before.chars().next_back() {
        None => true,
        Some('/') => ["//", "/dev/tcp/", "/dev/udp/", "/dns/", "/dns4/", "/dns6/"]
            .iter()
            .any(|it| before.ends_with(it)),
        Some(it) => {
            it.is_whitespace() || it.is_alphanumeric() || "\"'`=,;:([{<>|@!&\\".contains(it)
        }
    };
    let ends = match after.next() {
        None => true,
        // A port, or the end of a key.
        Some(':') => after.next().is_some_and(|it| !it.is_whitespace()),
        Some(it) => it.is_whitespace() || "\"'`,;)]}<>|&/?#\\%".contains(it),
    };
    starts && ends
}
