//! Host names and addresses in any text, by the place they stand in.
//!
//! ```text
//! https://api.acme.com/v1          behind a scheme, with or without a user before it
//! smtp.acme.com:587                before a port
//! SMTP_HOST=smtp.acme.com          under a name that speaks of hosts
//! ```
//!
//! A word with dots is met everywhere and is mostly no host: a file, a class, a key of a setting. So
//! the place decides, and comments name nothing.

mod decision;
mod place;
mod replace;
mod word;

use std::ops::Range;

pub(in crate::plan) use self::{
    decision::Decisions,
    replace::{in_object, in_secrets, in_text, replace},
};

/// A host in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) struct Found {
    /// Bytes of the host, without dots around it.
    pub(in crate::plan) host: Range<usize>,
    /// Bytes of the scheme, without `://`.
    pub(in crate::plan) scheme: Option<Range<usize>>,
    /// Bytes of the port, without the colon.
    pub(in crate::plan) port: Option<Range<usize>>,
}

/// Every host in a text that stands under `named`, in the order of the text.
pub(in crate::plan) fn find(named: &str, text: &str) -> Vec<Found> {
    if text.contains('.') { placed(named, text, word::words) } else { Vec::new() }
}

/// The same of names without a dot, as Services of one namespace are named there. Any word may be one,
/// so `known` tells which count.
pub(in crate::plan) fn find_short(
    named: &str,
    text: &str,
    known: impl Fn(&str) -> bool,
) -> Vec<Found> {
    placed(named, text, |line| {
        let short = word::short(line).into_iter();
        short.filter(|it| known(&line[it.clone()]) && !place::is_user(line, it)).collect()
    })
}

/// The words of each line that are hosts by their place.
fn placed(named: &str, text: &str, words: impl Fn(&str) -> Vec<Range<usize>>) -> Vec<Found> {
    let mut found = Vec::new();
    for line in lines(text) {
        let Some(shown) = place::without_comment(&text[line.clone()]) else { continue };
        let words = words(shown);
        if words.is_empty() {
            continue;
        }
        let negated = place::negated(named, shown);
        for word in words {
            let negated = negated <= word.start;
            let Some(mut it) = place::host(named, shown, word, negated) else { continue };
            let ranges = [Some(&mut it.host), it.scheme.as_mut(), it.port.as_mut()];
            for range in ranges.into_iter().flatten() {
                *range = range.start + line.start..range.end + line.start;
            }
            found.push(it);
        }
    }
    found
}

/// The lines of a text, without their ends.
fn lines(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        start..start + line.trim_end_matches(['\n', '\r']).len()
    })
}

/// Whether a host leads to the Pod itself, or nowhere.
pub(in crate::plan) fn leads_nowhere(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    matches!(last, "localhost" | "localdomain" | "invalid")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts<'t>(named: &str, text: &'t str) -> Vec<&'t str> {
        find(named, text).into_iter().map(|it| &text[it.host]).collect()
    }

    #[test]
    fn hosts_are_known_by_where_they_stand() {
        for (named, text, expected) in [
            ("", "https://api.acme.com/v1", vec!["api.acme.com"]),
            ("", "“https://api.acme.com”", vec!["api.acme.com"]),
            ("", "x\u{a0}https://u:p@api.acme.com", vec!["api.acme.com"]),
            ("", "→host: api.acme.com", vec!["api.acme.com"]),
            ("", "postgres://u:p%40@db.acme.com:5432/x", vec!["db.acme.com"]),
            ("", "jdbc:postgresql://db.acme.com/x", vec!["db.acme.com"]),
            ("", "k1.acme.io:9092,k2.acme.io:9092", vec!["k1.acme.io", "k2.acme.io"]),
            ("SMTP_HOST", "smtp.acme.com", vec!["smtp.acme.com"]),
            ("RDS", "db.x1.eu-west-1.rds.amazonaws.com", vec!["db.x1.eu-west-1.rds.amazonaws.com"]),
            (
                "ALLOWED_ORIGINS",
                "https://a.acme.com,https://b.acme.com",
                vec!["a.acme.com", "b.acme.com"],
            ),
            ("SESSION_COOKIE_DOMAIN", ".acme.com", vec!["acme.com"]),
            ("BROKERS", "a.acme.com, b.acme.com", vec!["a.acme.com", "b.acme.com"]),
            ("application.yaml", "mail:\n  host: smtp.acme.com\n", vec!["smtp.acme.com"]),
            ("app.properties", "mail.host=smtp.acme.com # old.acme.com:25", vec!["smtp.acme.com"]),
            ("", "run --host api.acme.com --x", vec!["api.acme.com"]),
            ("", "run --host=api.acme.com", vec!["api.acme.com"]),
            ("nginx.conf", "  server api.acme.com;", vec!["api.acme.com"]),
            ("", "{\"url\":\"https://api.acme.com\"}", vec!["api.acme.com"]),
            ("", "redis.cache:6379", vec!["redis.cache"]),
            ("DNS_SERVER", "8.8.8.8", vec!["8.8.8.8"]),
            ("", "http://203.0.113.5:80/", vec!["203.0.113.5"]),
            ("", "git@github.com:acme/dags.git", vec!["github.com"]),
            ("", "rsync backup@sftp.acme.com:/in /out", vec!["sftp.acme.com"]),
            ("", "jdbc:oracle:thin:@//ora.acme.com:1521/X", vec!["ora.acme.com"]),
            ("", "jdbc:oracle:thin:@//ora.acme.com/X", vec!["ora.acme.com"]),
            ("", "jdbc:oracle:thin:@ora.acme.com:1521:X", vec!["ora.acme.com"]),
            ("", "*.* @@logs.acme.com:514", vec!["logs.acme.com"]),
            ("", "Server=tcp:sql.acme.com,1433;Database=x", vec!["sql.acme.com"]),
            ("CONNAME", "a.acme.com(1414),b.acme.com(1414)", vec!["a.acme.com", "b.acme.com"]),
            ("", "dns:///api.acme.com:443", vec!["api.acme.com"]),
            ("HOSTS", "a.acme.com;b.acme.com", vec!["a.acme.com", "b.acme.com"]),
        ] {
            assert_eq!(hosts(named, text), expected, "{named} {text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_host_is_none() {
        for (named, text) in [
            ("", "org.acme.orders.Main"),
            ("LOG_LEVEL", "com.acme.orders"),
            ("", "config.yaml"),
            ("CONFIG", "/etc/app/config.yaml"),
            ("MAIL_FROM", "ops@acme.com"),
            ("", "mailto:ops@acme.com"),
            ("", "# see https://docs.acme.com"),
            ("a.js", "  // see https://docs.acme.com\n"),
            ("VERSION", "1.27.3"),
            ("CLASS", "com.amazonaws.services.s3.AmazonS3"),
            ("", "quay.io/acme/web:1.2"),
            ("NO_PROXY", "acme.com,10.0.0.1"),
            ("", "<beans xmlns=\"http://www.springframework.org/schema/beans\">"),
            ("", "{\"$schema\": \"http://json-schema.org/draft-07/schema#\"}"),
            ("SCOPES", "https://www.googleapis.com/auth/userinfo.email"),
            ("", "main.go:42"),
            ("", "server.port: 8080"),
            ("", "a sentence. And another.one"),
            ("", "app.kubernetes.io/name=web"),
            ("HOST", "0.5"),
            ("SPIFFE_ID", "spiffe://cluster.local/ns/shop/sa/web"),
            ("UPLOADS", "s3://uploads.acme.com/2026"),
            ("HOSTS_FILE", "/etc/hosts.d"),
            ("", "time.sleep(1000)"),
            ("a.py", "  host = socket.gethostname()"),
            ("a.py", "  server = pool.get(30)"),
            ("ADMINS", "ops@acme.com:admin,dev@acme.com: a/b"),
            ("SENTRY", "\"@acme.com\""),
            ("SMTP_FROM", "Shop <ops@acme.com>"),
            ("", "npm install @acme/web.ui x@1.2.3"),
            ("", "tcp:// and dns:///"),
            ("DB", "file:///var/lib/acme.com"),
            ("", "export HOST=a; java com.acme.Main"),
            ("", "Host=db;com.acme.Main=1"),
        ] {
            assert_eq!(hosts(named, text), Vec::<&str>::new(), "{named} {text}");
        }
    }

    #[test]
    fn short_names_are_hosts_where_hosts_stand_and_nowhere_else() {
        for (named, text, expected) in [
            ("", "postgres://db:secret@db:5432/db", 1),
            ("", "postgres://db@other/db", 0),
            ("", "redis://db", 1),
            ("PGHOST", "db", 1),
            ("PGDATABASE", "db", 0),
            ("", "db:5432,db-ro:5432", 1),
            ("app.yaml", "database:\n  host: db\n  name: db\n", 1),
            ("", "wait-for-it db:5432 -- run", 1),
            ("", "image: db:7", 0),
            ("", "http://db.other/", 0),
            ("nginx.conf", "proxy_pass http://db;", 1),
            ("", "/var/lib/db", 0),
            ("", "# see http://db", 0),
        ] {
            let found = find_short(named, text, |it| it == "db");
            assert_eq!(found.len(), expected, "{named} {text}");
        }
    }

    #[test]
    fn scheme_and_port_are_told_with_the_host() {
        let text = "see https://u@api.acme.com:8443/x";
        let found = &find("", text)[0];
        assert_eq!(found.scheme.clone().map(|it| &text[it]), Some("https"));
        assert_eq!(found.port.clone().map(|it| &text[it]), Some("8443"));
    }

    #[test]
    fn what_is_around_a_word_decides_whether_it_is_a_host() {
        for (named, text, expected) in [
            ("", "a.acme.com:25", vec!["a.acme.com"]),
            ("", "u@a.acme.com:25", vec![]),
            ("", "/srv/a.acme.com:25", vec![]),
            ("", "$a.acme.com:25", vec![]),
            ("", "${A}a.acme.com:25", vec![]),
            ("", "éa.acme.com:25", vec![]),
            ("", "10.1.2.3:80", vec!["10.1.2.3"]),
            ("", "0.1.2.3:80", vec![]),
            ("", "0.acme.com:80", vec!["0.acme.com"]),
            ("HOST", "a.acme.com and more", vec!["a.acme.com"]),
            ("HOST", "a.acme.com|x", vec!["a.acme.com"]),
            ("HOST", "a.acme.com?x", vec![]),
            ("HOST", "a.acme.com:x", vec![]),
            ("HOST", "a.acme.conf", vec![]),
            ("HOST", "b a.acme.com", vec![]),
            ("RDS", "a.acme.com", vec![]),
            ("TOPICS", "a.acme.com,b.acme.com", vec![]),
            ("", "hosts: [\"a.acme.com\", 'b.acme.com']", vec!["a.acme.com", "b.acme.com"]),
            ("", "\"host\": \"a.acme.com\"", vec!["a.acme.com"]),
            ("", "run --name a.acme.com", vec![]),
            ("", "server a.acme.com", vec![]),
            ("", "index a.acme.com;", vec![]),
            ("NO_PROXY", "a.acme.com:80,b.acme.com:80", vec![]),
            (
                "",
                "a.acme.com:80 --noproxy b.acme.com:80 https://c.acme.com",
                vec!["a.acme.com", "c.acme.com"],
            ),
        ] {
            assert_eq!(hosts(named, text), expected, "{named} {text}");
        }
    }

    #[test]
    fn short_names_that_are_not_known_are_none() {
        for text in ["other", "http://other", "other:5432", "db2"] {
            assert!(find_short("HOST", text, |it| it == "db").is_empty(), "{text}");
        }
    }

    #[test]
    fn host_scheme_and_port_are_told_by_their_place_in_the_whole_text() {
        let far =
            format!("first\r\n\n{}see https://u@api.acme.com:8443/x\r\nlast", "a ".repeat(1000));
        let near = "first\r\n\nsee https://u@api.acme.com:8443/x\r\nlast";
        for text in [near, &far] {
            let found = find("", text);
            assert_eq!(found.len(), 1);
            assert_eq!(&text[found[0].host.clone()], "api.acme.com");
            assert_eq!(found[0].scheme.clone().map(|it| &text[it]), Some("https"));
            assert_eq!(found[0].port.clone().map(|it| &text[it]), Some("8443"));
        }
    }

    #[test]
    fn a_host_that_leads_nowhere_is_known_by_its_last_label() {
        for (host, expected) in [
            ("localhost", true),
            ("db.localhost", true),
            ("localhost.localdomain", true),
            ("mock.invalid", true),
            ("localhost.acme.com", false),
            ("", false),
        ] {
            assert_eq!(leads_nowhere(host), expected, "{host}");
        }
    }
}
