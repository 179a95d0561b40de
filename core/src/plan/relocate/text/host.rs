//! Host names of Services.

use std::ops::Range;

use super::{
    Edit, Kind, Names, Place, contains,
    key::{self, Holds},
    own, tail,
};

/// What a name is a file by, whatever stands before: the file would not move with the name.
const FILES: &[&str] = &[
    "cer", "cert", "cfg", "conf", "crt", "csr", "db", "ini", "jks", "json", "key", "log", "p12",
    "pem", "pid", "sock", "toml", "txt", "xml", "yaml", "yml",
];

/// What opens and what closes a variable, or a command whose words take its place.
const VARIABLES: &[(&str, char)] = &[("${", '}'), ("$(", ')')];

/// The option of clients that takes a host, with nothing between.
const HOST_OPTION: &str = "-h";

/// Words in names of variables that hold a Pod's name: `${HOSTNAME}`, `$(POD_NAME)`.
const PODS: &[&str] =
    &["broker", "host", "instance", "member", "node", "peer", "pod", "replica", "server"];

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
pub(super) fn find(names: &Names, place: &Place, text: &str) -> Vec<Edit> {
    let mut found: Vec<Edit> = Vec::new();
    for word in words(text) {
        if contains(&text[word.clone()], names.source) {
            in_word(names, place, text, word, &mut found);
        }
    }
    found
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

fn in_word(names: &Names, place: &Place, text: &str, word: Range<usize>, found: &mut Vec<Edit>) {
    let word = without_option(text, unescaped(text, word));
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
    for at in (0..labels.len()).filter(|at| labels[*at].is(names.source)) {
        let kind = formed(names, text, &word, &labels, at).map(|kind| (kind, true)).or_else(|| {
            (at + 1 == labels.len())
                .then(|| short(names, place, text, &word, &labels, found.last()))
                .flatten()
                .map(|kind| (kind, false))
        });
        if let Some((kind, form)) = kind {
            let form = form && kind != Kind::Possible;
            found.push(Edit { name: labels[at].range(), word: word.clone(), kind, form });
        }
    }
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

/// A word that begins with `-h`, as in `mysql -hdb.shop`, begins after it.
fn without_option(text: &str, word: Range<usize>) -> Range<usize> {
    let glued = text[word.clone()].starts_with(HOST_OPTION)
        && own::glued(&text[..word.start + HOST_OPTION.len()], HOST_OPTION).is_some();
    word.start + if glued { HOST_OPTION.len() } else { 0 }..word.end
}

/// What the label at `at`, which equals the source's name, means by the labels after it:
/// `db.shop.svc`, `10-0-0-7.shop.pod.cluster.local`,
/// `web.shop.serviceaccount.identity.linkerd.cluster.local`.
fn formed(
    names: &Names,
    text: &str,
    word: &Range<usize>,
    labels: &[Label],
    at: usize,
) -> Option<Kind> {
    if is_api(names, labels, at) {
        return None;
    }
    let next = labels.get(at + 1)?;
    let more = labels.len() > at + 2;
    let known = next.is("svc")
        || next.is("pod") && more && at > 0
        || next.is("serviceaccount") && labels.get(at + 2).is_some_and(|it| it.is("identity"));
    if !known {
        return None;
    }
    let file = more && labels.last().is_some_and(|it| FILES.iter().any(|end| it.is(end)));
    // `/shop.svc` is how some web services are called.
    let page = at == 0 && !more && !starts_as_host(text, word);
    Some(if file || page { Kind::Possible } else { Kind::Host })
}

/// The Kubernetes API has its Service there, whoever runs beside it.
fn is_api(names: &Names, labels: &[Label], at: usize) -> bool {
    let service = at.checked_sub(1).map(|before| &labels[before]);
    names.source == "default" && service.is_some_and(|it| it.is("kubernetes") || it.is("openshift"))
}

/// What a word means that ends with the source's name: `db.shop`, `db-0.db.shop`.
fn short(
    names: &Names,
    place: &Place,
    text: &str,
    word: &Range<usize>,
    labels: &[Label],
    before: Option<&Edit>,
) -> Option<Kind> {
    let at = labels.len().checked_sub(1)?;
    if is_api(names, labels, at) {
        return None;
    }
    let service = &labels[at.checked_sub(1)?];
    // The service's own name comes from a variable: `${SERVICE}.shop`.
    if service.text.is_empty() && at == 1 && text[..word.start].ends_with(['}', ')']) {
        return Some(Kind::Possible);
    }
    let word = &(word.start - lead(&text[..word.start]).len()..word.end);
    let name = text[word.start..service.range().end].to_ascii_lowercase();
    let mut pods: Vec<&str> = name.split('.').collect();
    if !pods.pop().is_some_and(|service| is_service(names, service)) {
        return None;
    }
    let member = match pods[..] {
        [] => true,
        [pod] => {
            let variable = text[..word.start].ends_with('$') || pod.contains('$');
            numbered(pod) || pod.starts_with('_') || variable
        }
        _ => pods.iter().all(|label| label.starts_with('_')),
    };
    let room = member && starts_as_host(text, word) && ends_as_host(text, word);
    // Nothing but a host has the name of a Pod, or of a port, before a Service's; what a variable
    // holds may as well be the first part of a topic's.
    let is_pod = pods.first().is_some_and(|it| {
        let filled = it.contains(['}', ')']);
        !filled || numbered(it) || PODS.iter().any(|pod| it.contains(pod))
    });
    let meant = || is_pod || is_meant_as_host(names, place, text, word, before);
    if room && meant() {
        return Some(Kind::Host);
    }
    // A path, a topic, a module; and `logging.level.api.shop: DEBUG` is how settings are called.
    let path = text[..word.start].ends_with('/') && !starts_as_host(text, word);
    let other = path
        || is_whole(text, word) && key::holds_within(place.named, &place.within) == Holds::Other;
    (!other && (member || !place.key)).then_some(Kind::Possible)
}

/// The variables that a word begins with, and what stands between them: `${SET}-0.${SET}-` of
/// `${SET}-0.${SET}-db.shop`.
fn lead(before: &str) -> &str {
    let before = tail(before);
    let mut rest = before;
    while let Some(open) = VARIABLES.iter().find_map(|(open, close)| {
        let inner = rest.strip_suffix(*close)?;
        let at = inner.rfind(open)?;
        (!inner[at..].contains(*close)).then_some(at)
    }) {
        let part = |c: char| c.is_ascii_alphanumeric() || ".-_$".contains(c);
        rest = rest[..open].trim_end_matches(part);
    }
    &before[rest.len()..]
}

/// Whether the source has a Service of this name, or one that ends as what a variable begins does.
fn is_service(names: &Names, label: &str) -> bool {
    match label.rsplit_once(['}', ')']) {
        Some((_, end)) => end.starts_with('-') && names.services.iter().any(|it| it.ends_with(end)),
        None => names.services.contains(label),
    }
}

/// `db-0`, `db-$i`: the Pod of a StatefulSet.
fn numbered(label: &str) -> bool {
    label.rsplit_once('-').is_some_and(|(_, number)| {
        number.starts_with('$')
            || !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit())
    })
}

/// Whether what stands before a word leaves room for a host: not a path.
fn starts_as_host(text: &str, word: &Range<usize>) -> bool {
    let before = &text[..word.start];
    match before.chars().next_back() {
        None => true,
        Some('/') => ["//", "/dev/tcp/", "/dev/udp/", "/dns/", "/dns4/", "/dns6/"]
            .iter()
            .any(|it| before.ends_with(it)),
        Some(it) => {
            it.is_whitespace() || it.is_alphanumeric() || "\"'`=,;:([{<>|@!&$\\".contains(it)
        }
    }
}

/// Whether what stands after a word leaves room for a host: not the key of a setting, not a call.
fn ends_as_host(text: &str, word: &Range<usize>) -> bool {
    let mut after = text[word.end..].chars();
    match after.next() {
        None => true,
        // A port, or the end of a key.
        Some(':') => after.next().is_some_and(|it| !it.is_whitespace()),
        Some(it) => it.is_whitespace() || "\"'`,;)]}<>|&/?#$\\%".contains(it),
    }
}

/// Whether something says that a word is a host, which may as well be a module, a file or a topic:
/// a scheme, a port, the name beside it.
fn is_meant_as_host(
    names: &Names,
    place: &Place,
    text: &str,
    word: &Range<usize>,
    last: Option<&Edit>,
) -> bool {
    let holds = key::holds_within(place.named, &place.within);
    let whole = is_whole(text, word);
    if whole && holds == Holds::Other {
        return false;
    }
    // No module, and no ending of a file, has a hyphen.
    if names.source.contains('-') {
        return true;
    }
    let before = tail(&text[..word.start]);
    let after = &text[word.end..];
    if has_port(after) || has_scheme(before) || own::glued(before, HOST_OPTION).is_some() {
        return true;
    }
    if whole {
        return match holds {
            Holds::Host => true,
            Holds::Other | Holds::Anything => false,
            Holds::Unknown => !place.key,
        };
    }
    // `HOSTS="db.shop web.shop"`
    let host = |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || ".-_,;".contains(c);
    if holds == Holds::Host && !place.key && text.chars().all(host) {
        return true;
    }
    // One of a list of hosts.
    let listed = last.filter(|it| it.kind == Kind::Host).is_some_and(|it| {
        let between = text.get(it.word.end..word.start).unwrap_or_default();
        between.len() < 16
            && between.contains([',', ';', '|'])
            && between
                .chars()
                .all(|c| c.is_whitespace() || ",;|:\"'`".contains(c) || c.is_ascii_digit())
    });
    let hosts = matches!(holds, Holds::Host | Holds::Unknown);
    if listed || is_list(text) && hosts && !place.key {
        return true;
    }
    beside(before)
}

/// Whether a word is all of a text.
fn is_whole(text: &str, word: &Range<usize>) -> bool {
    text.trim().trim_matches(['"', '\'', '`']).len() == word.len()
}

/// Whether a port follows: `:5432`, `:${PORT}`, `%3A5432`, ` 5432`.
fn has_port(after: &str) -> bool {
    let port = after
        .strip_prefix(':')
        .or_else(|| after.strip_prefix("\\:"))
        .or_else(|| after.strip_prefix("%3A"))
        .or_else(|| after.strip_prefix("%3a"));
    if let Some(port) = after.strip_prefix(' ') {
        let end = port.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(port.len());
        return key::is_port(&port[..end]);
    }
    port.and_then(|it| it.chars().next())
        .is_some_and(|it| it.is_ascii_digit() || "${%<".contains(it))
}

/// Whether a scheme stands before, maybe with a user, or with hosts in a row.
fn has_scheme(before: &str) -> bool {
    if before.ends_with("//") || before.ends_with("%2F%2F") || before.ends_with("%2f%2f") {
        return true;
    }
    if ["/dev/tcp/", "/dev/udp/", "/dns/", "/dns4/", "/dns6/", "tcp(", "unix("]
        .iter()
        .any(|it| before.ends_with(it))
    {
        return true;
    }
    let token = before.rsplit([' ', '\n', '\t', '"', '\'']).next().unwrap_or(before);
    token
        .rsplit_once("://")
        .is_some_and(|(_, rest)| !rest.contains(['/', '?', '#']) && rest.ends_with(['@', ',']))
}

/// Whether a text is a list of dotted names, with nothing else in it.
fn is_list(text: &str) -> bool {
    let all = || text.split([',', ';', '|']).map(str::trim);
    text.len() < 4096
        && all().nth(1).is_some()
        && all().all(|it| {
            it.contains('.')
                && it.bytes().all(|c| c.is_ascii_alphanumeric() || b".-_:".contains(&c))
        })
}

/// Whether one of the words before is a name or a command that takes a host: `server db.shop;`,
/// `nc -z db.shop`.
fn beside(before: &str) -> bool {
    let line = before.rsplit(['\n', ';', '&']).next().unwrap_or(before);
    let cut = |c: char| c.is_whitespace() || "=:,\"'`([{\\".contains(c);
    let words = line.rsplit(cut).filter(|it| !it.is_empty());
    for (at, word) in words.take(3).enumerate() {
        // Between a command and its host stand flags, and other hosts.
        match key::holds(word) {
            Holds::Host if at == 0 || !line.contains(['=', ':']) => return true,
            _ if word.starts_with('-') || word.contains('.') => {}
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests;
