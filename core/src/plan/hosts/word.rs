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

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str) -> Vec<&str> {
        words(text).into_iter().map(|it| &text[it]).collect()
    }

    #[test]
    fn a_host_is_labels_and_ends_in_a_word() {
        for text in ["api.acme.com", "8.8.8.8", "acme.xn--p1ai", "a_b.acme.com", "0.acme.c0"] {
            assert_eq!(hosts(text), [text]);
        }
        for text in [
            "acme",
            "a.b",
            "8.8.8",
            "acme.1com",
            "acme.c_m",
            "-a.acme.com",
            "a-.acme.com",
            "acme.com-",
            "a..acme.com",
            "...",
            ".",
            "",
        ] {
            assert_eq!(hosts(text), [] as [&str; 0], "{text}");
        }
    }

    #[test]
    fn hosts_are_found_without_what_is_around_them() {
        assert_eq!(
            hosts("(ä..api.acme.com..) and é.b.acme.com,c.acme.com"),
            ["api.acme.com", "b.acme.com", "c.acme.com"]
        );
    }

    #[test]
    fn labels_and_hosts_have_a_longest_length() {
        let label = "a".repeat(63);
        let long = |last: usize| format!("{label}.{label}.{label}.{}.com", "b".repeat(last));
        for (text, expected) in [
            (format!("{label}.com"), 1),
            (format!("a{label}.com"), 0),
            // 253 and 254 bytes.
            (long(57), 1),
            (long(58), 0),
        ] {
            assert_eq!(hosts(&text).len(), expected, "{text}");
        }
    }

    #[test]
    fn short_names_have_neither_dot_nor_underscore() {
        let text = "db:5432 c-d, x_y a.b";
        let found: Vec<&str> = short(text).into_iter().map(|it| &text[it]).collect();
        assert_eq!(found, ["db", "5432", "c-d"]);
    }

    #[test]
    fn files_are_known_by_their_last_label() {
        for (word, expected) in
            [("app.yaml", true), ("APP.YAML", true), ("yaml.acme.com", false), ("a.", false)]
        {
            assert_eq!(is_file(word), expected, "{word}");
        }
    }
}
