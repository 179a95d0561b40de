//! Words that have the form of a host.

use std::{net::Ipv4Addr, ops::Range};

/// Last labels that are ends of file names, and no top-level domains that anybody connects to.
const FILES: &str = "\
    conf config yaml yml json xml js ts jsx tsx css html htm txt log csv tsv pem crt cer key jks sql \
    sock pid lock tmp bak ini cfg toml properties env jar war class java go sh py rb php rs cpp exe dll \
    zip gz tgz tar bz2 png jpg jpeg gif svg ico pdf lua tpl tmpl proto md rules service socket timer";

/// The longest runs of characters that a host may have, dots around them left out.
pub(super) fn words(text: &str) -> Vec<Range<usize>> {
    runs(text).into_iter().filter_map(|run| host(text, run)).collect()
}

/// The same of names without a dot.
pub(super) fn short(text: &str) -> Vec<Range<usize>> {
    runs(text).into_iter().filter(|run| !text[run.clone()].contains(['.', '_'])).collect()
}

fn runs(text: &str) -> Vec<Range<usize>> {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (part(c), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                found.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    found
}

fn host(text: &str, run: Range<usize>) -> Option<Range<usize>> {
    let word = &text[run.clone()];
    let start = run.start + word.len() - word.trim_start_matches('.').len();
    let end = run.end - (word.len() - word.trim_end_matches('.').len());
    (start < end && is_host(&text[start..end])).then_some(start..end)
}

fn is_host(word: &str) -> bool {
    if word.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    let labels: Vec<&str> = word.split('.').collect();
    let label =
        |it: &&str| (1..=63).contains(&it.len()) && !it.starts_with('-') && !it.ends_with('-');
    let Some(last) = labels.last() else { return false };
    let is_name = last.len() >= 2
        && last.starts_with(|c: char| c.is_ascii_alphabetic())
        && last.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    word.len() <= 253 && labels.len() >= 2 && labels.iter().all(label) && is_name
}

/// Whether the word ends as files do.
pub(super) fn is_file(word: &str) -> bool {
    let last = word.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    FILES.split(' ').any(|end| end == last)
}
