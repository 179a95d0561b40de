//! Where hosts stand.

use std::ops::Range;

use super::{Found, word::is_file};

/// Ends of names whose values are hosts.
const NAMES: &[&str] = &[
    "host",
    "hosts",
    "hostname",
    "hostnames",
    "server",
    "servers",
    "endpoint",
    "endpoints",
    "url",
    "urls",
    "uri",
    "uris",
    "address",
    "addresses",
    "addr",
    "broker",
    "brokers",
    "domain",
    "domains",
    "origin",
    "origins",
    "issuer",
    "upstream",
    "proxy",
    "peer",
    "peers",
    "relay",
    "fqdn",
    "nodes",
    "seeds",
    "conname",
];

/// Names whose values are hosts that are *not* asked.
const NEGATED: &[&str] = &["noproxy", "nonproxyhosts"];

/// What URLs begin with that name a standard, a schema or a right, and that nobody connects to.
const IDENTIFIERS: &[&str] = &[
    "www.w3.org",
    "json-schema.org",
    "schemas.xmlsoap.org",
    "schemas.microsoft.com",
    "schemas.openxmlformats.org",
    "www.apache.org/licenses",
    "maven.apache.org/",
    "java.sun.com/",
    "xmlns.jcp.org",
    "jakarta.ee/xml",
    "xmlns.oracle.com",
    "www.springframework.org/",
    "purl.org/",
    "opensource.org/licenses",
    "www.googleapis.com/auth/",
    "mybatis.org/dtd",
    "logback.qos.ch/",
    "www.opengis.net",
    "schema.org",
];

/// Domains below which clouds give hosts to whoever rents something.
const CLOUDS: &str = "\
    amazonaws.com amazonaws.com.cn windows.net azure.net database.azure.com documents.azure.com \
    cosmos.azure.com cloudapp.azure.com azure-api.net azurewebsites.net azuredatabricks.net sql.goog \
    a.run.app oraclecloud.com aliyuncs.com yandexcloud.net appdomain.cloud scw.cloud ondigitalocean.com \
    digitaloceanspaces.com render.com rlwy.net herokuapp.com mongodb.net redislabs.com redis-cloud.com \
    upstash.io aivencloud.com confluent.cloud cloudamqp.com elastic-cloud.com es.io neon.tech supabase.co \
    supabase.com psdb.cloud cockroachlabs.cloud clickhouse.cloud timescale.com snowflakecomputing.com \
    astra.datastax.com cloud.couchbase.com turso.io tmprl.cloud";

/// Schemes behind which no host stands: identities, buckets, files.
const NO_HOST: [&str; 9] = ["spiffe", "s3", "s3a", "s3n", "gs", "file", "classpath", "arn", "urn"];

/// Schemes behind which a third slash stands before a host, and no path: how gRPC is told to look it up.
const LOOKED_UP: [&str; 3] = ["dns", "xds", "passthrough"];

/// Protocols that stand before a host, as `Server=tcp:sql.acme.com,1433` has one.
const PROTOCOLS: [&str; 4] = ["tcp:", "udp:", "tls:", "ssl:"];

/// So many bytes before and after a word say what it is: a file may be one line, and to look at all of
/// it for each of its words would take for ever.
const NEAR: usize = 1024;

/// What of a line is near a word, and where that begins.
fn near<'l>(line: &'l str, word: &Range<usize>) -> (&'l str, usize) {
    if line.len() <= NEAR {
        return (line, 0);
    }
    let mut start = word.start.saturating_sub(NEAR);
    let mut end = line.len().min(word.end.saturating_add(NEAR));
    while !line.is_char_boundary(start) {
        start -= 1;
    }
    while !line.is_char_boundary(end) {
        end += 1;
    }
    (&line[start..end], start)
}

/// A line without its comment; `None` if it is one.
pub(super) fn without_comment(line: &str) -> Option<&str> {
    let text = line.trim_start();
    let comment = ["#", "//", ";", "-- ", "/*", "* ", "<!--", "!"];
    if comment.iter().any(|it| text.starts_with(it)) {
        return None;
    }
    let end = [" #", "\t#", " // "].iter().filter_map(|it| line.find(it)).min();
    Some(&line[..end.unwrap_or(line.len())])
}

/// Whether what stands under `named` is a host, or a list of them.
fn speaks_of_hosts(named: &str) -> bool {
    let name: String = named.trim_matches('-').to_ascii_lowercase().replace(['-', '.'], "_");
    let squeezed = name.replace('_', "");
    NAMES.iter().any(|end| name.ends_with(end)) && !NEGATED.iter().any(|it| squeezed.ends_with(it))
}

/// What stands at `word` in a line under `named`, if it is a host by its place. `negated`: hosts are not
/// asked there, unless there is a scheme before them.
pub(super) fn host(named: &str, line: &str, word: Range<usize>, negated: bool) -> Option<Found> {
    let (line, start) = near(line, &word);
    let onward = |it: Range<usize>| it.start + start..it.end + start;
    let found = beside(named, line, word.start - start..word.end - start, negated)?;
    let Found { host, scheme, port } = found;
    Some(Found { host: onward(host), scheme: scheme.map(onward), port: port.map(onward) })
}

fn beside(named: &str, line: &str, word: Range<usize>, negated: bool) -> Option<Found> {
    let (before, after) = (&line[..word.start], &line[word.end..]);
    let text = &line[word.clone()];
    let port = port(after).map(|it| it.start + word.end..it.end + word.end);
    if let Some(scheme) = scheme(before) {
        let identifies = IDENTIFIERS.iter().any(|it| line[word.start..].starts_with(it))
            || NO_HOST.contains(&&line[scheme.clone()]);
        return (!identifies).then_some(Found { host: word, scheme: Some(scheme), port });
    }
    // A dot may stand before the domain of a cookie.
    let before = before.strip_suffix('.').unwrap_or(before);
    let before = PROTOCOLS.iter().find_map(|it| before.strip_suffix(it)).unwrap_or(before);
    let lonely =
        before.chars().next_back().is_none_or(|c| !c.is_alphanumeric() && !"/@.\\%$}".contains(c));
    let behind_at = is_behind_at(before, after, port.is_some());
    if !(lonely || behind_at) || is_file(text) {
        return None;
    }
    let is_address = text.parse::<std::net::Ipv4Addr>().is_ok();
    let ends = match after.chars().next() {
        None => true,
        Some(':') => port.is_some(),
        // `mq.acme.com(1414)`
        Some('(') => {
            let port = after[1..].split(')').next().unwrap_or_default();
            port.len() > 3 && port.parse::<u16>().is_ok()
        }
        Some(c) => c.is_whitespace() || "\"'`,;)]}|&\\/".contains(c),
    };
    let named = !negated
        && (behind_at
            || port.is_some() && !is_address_of_nothing(text, is_address)
            || ends && (is_of_cloud(text) || speaks(named, line, before)));
    named.then_some(Found { host: word, scheme: None, port })
}

/// Whether an `@` before a word says that it is a host, as that of a mail address does not:
/// `git@acme.com:web/shop.git`, `@@logs.acme.com:514`, `thin:@db.acme.com:1521`, `thin:@//db.acme.com/X`.
fn is_behind_at(before: &str, after: &str, port: bool) -> bool {
    let Some(user) = before.strip_suffix('@') else { return before.ends_with("@//") };
    if !user.ends_with(|c: char| c.is_alphanumeric() || "._-+%}\"'".contains(c)) {
        return port;
    }
    let ends = |c: char| c.is_whitespace() || "\"'`,;<>@".contains(c);
    after.strip_prefix(':').is_some_and(|it| it[..it.find(ends).unwrap_or(it.len())].contains('/'))
}

/// Whether a host is one that a cloud gives to a database, a queue or a load balancer: whatever it
/// stands under, it is nothing else.
fn is_of_cloud(host: &str) -> bool {
    host.contains('.')
        && CLOUDS.split(' ').any(|cloud| {
            host.strip_suffix(cloud).is_some_and(|it| it.len() > 1 && it.ends_with('.'))
        })
}

/// A version with a colon and a number behind it is no address.
fn is_address_of_nothing(text: &str, is_address: bool) -> bool {
    is_address && text.starts_with("0.")
}

/// `https` of `… https://` and of `… https://user:password@`.
fn scheme(before: &str) -> Option<Range<usize>> {
    let looked_up = |it: &&str| LOOKED_UP.iter().any(|scheme| it.ends_with(scheme));
    let third = || before.strip_suffix(":///").filter(looked_up);
    let at = match before.strip_suffix("://").or_else(third) {
        Some(rest) => rest.len(),
        None => {
            let userinfo = before.strip_suffix('@')?;
            let run = behind_last(userinfo, |c| c.is_whitespace() || "\"'<>`".contains(c));
            let at = run + userinfo[run..].rfind("://")?;
            // `https://acme.com/users/a@b.c` has a path.
            (!userinfo[at + 3..].contains(['/', '?'])).then_some(at)?
        }
    };
    let start = behind_last(&before[..at], |c| !c.is_ascii_alphanumeric() && !"+-".contains(c));
    (start < at).then_some(start..at)
}

/// Whether a word stands where a URL names who asks: `db` of `postgres://db:secret@server`.
pub(super) fn is_user(line: &str, word: &Range<usize>) -> bool {
    let (line, start) = near(line, word);
    let word = word.start - start..word.end - start;
    let after = &line[word.end..];
    let ends = |c: char| c.is_whitespace() || "/?#\"'<>`".contains(c);
    let authority = &after[..after.find(ends).unwrap_or(after.len())];
    line[..word.start].ends_with("://") && authority.contains('@')
}

/// The digits after a colon.
fn port(after: &str) -> Option<Range<usize>> {
    let rest = after.strip_prefix(':')?;
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let ends = rest[digits..].chars().next().is_none_or(|c| !c.is_alphanumeric() && c != '.');
    ((2..=5).contains(&digits) && ends).then_some(1..digits + 1)
}

/// From which byte of a line under `named` on hosts are not asked.
pub(super) fn negated(named: &str, line: &str) -> usize {
    let (named, _) = flat(named);
    if NEGATED.iter().any(|it| named.ends_with(it)) {
        return 0;
    }
    let (line, ends) = flat(line);
    let found = NEGATED.iter().filter_map(|it| Some(ends[line.find(it)? + it.len() - 1]));
    found.min().unwrap_or(usize::MAX)
}

/// A text without what joins words, in lower case, and where each of its bytes ended.
fn flat(text: &str) -> (String, Vec<usize>) {
    let (mut flat, mut ends) = (String::new(), Vec::new());
    for (at, c) in text.char_indices().filter(|(_, c)| !matches!(c, '-' | '_' | '.')) {
        flat.push(c.to_ascii_lowercase());
        ends.resize(flat.len(), at + c.len_utf8());
    }
    (flat, ends)
}

/// Whether a name that speaks of hosts stands before a word: in its line, or around the whole text.
fn speaks(named: &str, line: &str, before: &str) -> bool {
    // `host: a.b.c`, `HOSTS=a.b.c,d.e.f`, `--host a.b.c`, `server a.b.c;`.
    let listed = before.trim_end_matches(|c: char| "\"'`[ \t".contains(c));
    if let Some(rest) = listed.strip_suffix(['=', ':']) {
        return speaks_of_hosts(last_name(rest));
    }
    if let Some(flag) = listed.rsplit(char::is_whitespace).next().filter(|it| it.starts_with("--"))
    {
        return speaks_of_hosts(flag);
    }
    if listed.ends_with(',') || before.ends_with([';', '|']) {
        let assigned = listed.rfind(['=', ':']).map(|at| &listed[..at]);
        return assigned
            .map_or_else(|| speaks_of_hosts(named), |rest| speaks_of_hosts(last_name(rest)));
    }
    let words: Vec<&str> = listed.split_whitespace().collect();
    match words[..] {
        [] => speaks_of_hosts(named),
        [directive] => line.trim_end().ends_with(';') && speaks_of_hosts(directive),
        _ => false,
    }
}

fn last_name(text: &str) -> &str {
    let text = text.trim_end_matches(|c: char| "\"' \t".contains(c));
    &text[behind_last(text, |c| !c.is_alphanumeric() && !"_-.".contains(c))..]
}

/// Where that begins which stands behind the last character of a sort.
fn behind_last(text: &str, is_such: impl Fn(char) -> bool) -> usize {
    let last = text.char_indices().rev().find(|(_, it)| is_such(*it));
    last.map_or(0, |(at, it)| at + it.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_left_out_of_a_line() {
        for (line, expected) in [
            ("# a", None),
            (" // a", None),
            ("\t; a", None),
            ("-- a", None),
            ("/* a", None),
            ("* a", None),
            ("<!-- a", None),
            ("! a", None),
            ("--host a", Some("--host a")),
            ("a # b # c", Some("a")),
            ("a // b # c", Some("a")),
            ("a\t# b", Some("a")),
            ("http://a#b", Some("http://a#b")),
            ("", Some("")),
        ] {
            assert_eq!(without_comment(line), expected, "{line}");
        }
    }

    #[test]
    fn a_name_speaks_of_hosts_by_its_end() {
        for (name, expected) in [
            ("SMTP_HOST", true),
            ("mail.hosts", true),
            ("--server", true),
            ("HTTP_PROXY", true),
            ("NO_PROXY", false),
            ("no-proxy", false),
            ("http.nonProxyHosts", false),
            ("HOSTAGE", false),
            ("", false),
        ] {
            assert_eq!(speaks_of_hosts(name), expected, "{name}");
        }
        for (text, expected) in
            [("host", "host"), ("\"host", "host"), ("a b_c.d-e\" ", "b_c.d-e"), ("", "")]
        {
            assert_eq!(last_name(text), expected, "{text}");
        }
    }

    #[test]
    fn hosts_that_are_not_asked_stand_behind_a_name_that_says_so() {
        for (named, line, expected) in [
            ("NO_PROXY", "a.b", 0),
            ("", "a.b", usize::MAX),
            ("PROXY", "a.b", usize::MAX),
            ("", "no_proxy", 8),
            ("", "é --no-proxy=a.b", 13),
            ("", "-Dhttp.nonProxyHosts=a.b --no-proxy=c.d", 20),
        ] {
            assert_eq!(negated(named, line), expected, "{named} {line}");
        }
    }

    #[test]
    fn the_scheme_before_a_host_is_one_word() {
        for (before, expected) in [
            ("https://", Some("https")),
            ("see https://", Some("https")),
            ("jdbc:postgresql://", Some("postgresql")),
            ("a=mongodb+srv://", Some("mongodb+srv")),
            (" https://u:p@", Some("https")),
            ("https://a.b \"ftp://u@", Some("ftp")),
            ("https://a.b/users/u@", None),
            ("https://a.b?user=u@", None),
            ("https:// u@", None),
            ("u@", None),
            ("//", None),
            ("://", None),
            ("a ://", None),
            ("", None),
        ] {
            assert_eq!(scheme(before).map(|it| &before[it]), expected, "{before}");
        }
    }

    #[test]
    fn a_port_is_two_to_five_digits_and_nothing_more() {
        for (after, expected) in [
            (":5432", Some("5432")),
            (":80/x", Some("80")),
            (":65535,a", Some("65535")),
            (":80:90", Some("80")),
            (":8", None),
            (":123456", None),
            (":80a", None),
            (":80.1", None),
            (":", None),
            ("80", None),
            ("", None),
        ] {
            assert_eq!(port(after).map(|it| &after[it]), expected, "{after}");
        }
    }

    #[test]
    fn a_user_stands_between_a_scheme_and_a_server() {
        let far = format!("{}postgres://db:x@a", " ".repeat(3000));
        for (line, start, expected) in [
            ("postgres://db:x@a", 11, true),
            (far.as_str(), 3011, true),
            ("postgres://db/x@a", 11, false),
            ("postgres://db?x@a", 11, false),
            ("postgres://db x@a", 11, false),
            ("postgres://db", 11, false),
            ("db:x@a", 0, false),
        ] {
            assert_eq!(is_user(line, &(start..start + 2)), expected, "{}", line.trim());
        }
    }

    #[test]
    fn a_cloud_gives_hosts_below_its_domain() {
        for (host, expected) in [
            ("db.x1.rds.amazonaws.com", true),
            ("a.upstash.io", true),
            ("amazonaws.com", false),
            (".amazonaws.com", false),
            ("notamazonaws.com", false),
            ("amazonaws.com.acme.com", false),
        ] {
            assert_eq!(is_of_cloud(host), expected, "{host}");
        }
    }

    #[test]
    fn what_is_near_a_word_begins_and_ends_between_letters() {
        assert_eq!(near("a b", &(2..3)), ("a b", 0));
        let line = "…".repeat(1000);
        assert_eq!(near(&line, &(1500..1503)), (&line[474..2529], 474));
        assert_eq!(near(&line, &(0..3)), (&line[..1029], 0));
        assert_eq!(near(&line, &(2997..3000)), (&line[1971..], 1971));
    }
}
