//! Credentials in text that is no Secret's: where they stand and how long they are, never what they
//! are.

use std::collections::BTreeSet;

use super::{
    classify::{self, Hint, Place},
    file, markup, name,
    name::Role,
    pieces::Piece,
    redact::{self, MASK, may_mask, redact},
    shape, structure,
};

/// Longest line that is looked at as a whole, in bytes.
const LINE: usize = 1024;

/// A credential that stands where everybody can read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exposed {
    /// Its line, counted from 1.
    pub(crate) line: usize,
    /// Its length in characters.
    pub(crate) length: usize,
    /// What it is, as a noun with its article.
    pub(crate) what: &'static str,
}

/// The credentials in a text of this name, in its order.
///
/// Fields that speak of credentials, URLs with a password, tokens of known services, private keys.
/// What only points at a credential (`${PASSWORD}`, a path) is none, nor is a certificate.
pub(crate) fn exposed(name: &str, text: &str) -> Vec<Exposed> {
    // Files that nobody has looked into are told as such.
    if is_placeholder(text.trim()) || shape::is_packed(text.trim()) {
        return Vec::new();
    }
    if shape::is_of_vault(text) {
        let what = "the name of a credential in a vault, which the fence keeps out of reach";
        return vec![Exposed { line: 1, length: text.chars().count(), what }];
    }
    if let Some(mut found) = markup::credentials(text) {
        // Between its tags fluentd has a setting in each line.
        let lines = (1..).zip(text.lines()).filter_map(|(line, it)| Some((line, given(name, it)?)));
        let more = lines.filter(|(line, _)| found.iter().all(|it| it.line != *line));
        let more: Vec<_> =
            more.map(|(line, it)| Exposed { line, length: it, what: "a credential" }).collect();
        found.extend(more);
        return found;
    }
    let names = [name];
    let hint = Hint { names: &names, role: name::role(name), place: Place::Field, depth: 0 };
    if hint.role != Role::Credential
        && let Some(plain) = classify::from_base64(text.trim())
    {
        return exposed(name, &plain);
    }
    match classify::value(hint, text) {
        Err(refusal) if refusal.public => Vec::new(),
        Err(refusal) => {
            // What a Secret cannot be made anew from may be told line by line.
            let is_document = file::is_document(name) || shape::not_inventable(text).is_none();
            let lines = is_document && (text.contains('\n') || text.starts_with('{'));
            let found = if lines { spoken(name, text) } else { Vec::new() };
            if !found.is_empty() {
                return found;
            }
            vec![Exposed { line: 1, length: text.trim().chars().count(), what: refusal.why }]
        }
        Ok(pieces) => {
            if !pieces.holds_credential() {
                return spoken(name, text);
            }
            let (mut found, mut apart) = (Vec::new(), BTreeSet::new());
            let mut line = 1;
            let lines: Vec<&str> = text.lines().collect();
            let at = |line: usize| lines.get(line - 1).copied().unwrap_or_default();
            for piece in pieces.into_list() {
                match piece {
                    Piece::Base64(inner) if inner.holds_credential() => {
                        apart.insert(line);
                        let length = at(line).trim().len();
                        found.push(Exposed { line, length, what: "a credential in base64" });
                    }
                    Piece::Base64(_) => {}
                    Piece::Text(kept) => line += kept.matches('\n').count(),
                    Piece::Credential { plain, .. } => {
                        apart.insert(line);
                        let stands = beginning(at(line));
                        let is_none = is_placeholder(&plain) || is_form(stands);
                        if !is_none && !is_name_of_one(name, stands, &plain) {
                            let length = plain.chars().count();
                            found.push(Exposed { line, length, what: "a credential" });
                        }
                    }
                }
            }
            // What is taken apart is not all that stands in a text.
            found.extend(spoken(name, text).into_iter().filter(|it| !apart.contains(&it.line)));
            found.sort_by_key(|it| it.line);
            found
        }
    }
}

/// Whether a value is a credential by the name of its field.
pub(crate) fn is_credential(name: &str, value: &str) -> bool {
    name::role(name) == Role::Credential && !exposed(name, value).is_empty()
}

/// Whether a text that is kept of a Secret's key says beside what that it is a credential. Comments
/// behind a value are prose.
pub(crate) fn speaks(name: &str, text: &str) -> bool {
    may_speak(name, text)
        && text.lines().any(|line| {
            let line = line.split(" # ").next().unwrap_or(line);
            !is_node(line) && told(name, line, &redact::fields(line.into())).is_some()
        })
}

/// Whether a line of YAML gives a field what stands elsewhere, or says of what type it is.
fn is_node(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(_, it)| it.trim_start().starts_with(['*', '!', '&']))
}

/// What of a line is looked at for each credential in it: a file may be one line.
fn beginning(line: &str) -> &str {
    let end = (0..=line.len().min(LINE)).rev().find(|at| line.is_char_boundary(*at));
    &line[..end.unwrap_or_default()]
}

/// In text that cannot be taken apart, what a message would mask.
fn spoken(name: &str, text: &str) -> Vec<Exposed> {
    if !may_speak(name, text) {
        return Vec::new();
    }
    let found = |(at, line): (usize, &str)| {
        let length = told(name, line, &redact(line))?;
        Some(Exposed { line: at + 1, length, what: "a credential" })
    };
    text.lines().enumerate().filter_map(found).collect()
}

fn may_speak(name: &str, text: &str) -> bool {
    may_mask(text) || text.contains("user ") || structure::is_userlist(name)
}

/// The length of the credentials in a line, of which `masked` is what a message would show.
fn told(name: &str, line: &str, masked: &str) -> Option<usize> {
    let points = |line: &str| {
        let value = line.split_once(['=', ':']).map_or("", |(_, it)| it.trim());
        let variable = value.strip_prefix("${").and_then(|it| it.strip_suffix(":}"));
        if shape::is_reference(value)
            || shape::is_path(value)
            || variable.is_some_and(|it| !it.contains('}'))
        {
            return true;
        }
        let last = line.trim_end().rsplit([' ', '=', ':']).next().unwrap_or_default();
        last.starts_with('$') && is_placeholder(last)
    };
    if line.trim_start().starts_with('#') || points(line) || is_form(line) {
        return None;
    }
    let new = masked.matches(MASK).count().checked_sub(line.matches(MASK).count())?;
    let kept = masked.chars().count().saturating_sub(new * MASK.chars().count());
    let length = line.chars().count().saturating_sub(kept);
    if new > 0 && length > 2 {
        return Some(length);
    }
    given(name, line)
}

/// The length of the credential that stands behind a blank in a line.
fn given(name: &str, line: &str) -> Option<usize> {
    let is_none = |it: &str| {
        is_placeholder(it) || it.contains(MASK) || shape::is_path(it) || file::is_key_material(it)
    };
    structure::given(name, line).filter(|it| !is_none(it)).map(|it| it.chars().count())
}

/// Whether a value stands for one that somebody has yet to give.
fn is_placeholder(value: &str) -> bool {
    let inner = value.trim_matches(|c: char| !c.is_alphanumeric());
    inner.is_empty()
        || shape::is_boolean(value)
        || value.strip_prefix('<').is_some_and(|it| it.ends_with('>') && !it.contains('<'))
        || matches!(value.to_ascii_lowercase().as_str(), "yes" | "no" | "on" | "off")
        || value.starts_with("{{")
        || value.starts_with("#{")
        || value.len() > 4 && ["__", "%", "@"].iter().any(|it| encloses(it, value))
        || value.strip_prefix('$').is_some_and(|it| it.starts_with(['{', '(']) || is_word(it))
        || value.chars().all(|c| matches!(c, 'x' | 'X'))
}

/// `__PASSWORD__`: a step of a pipeline puts something else there.
fn encloses(mark: &str, value: &str) -> bool {
    let inner = value.strip_prefix(mark).and_then(|it| it.strip_suffix(mark));
    inner.is_some_and(is_word)
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Whether a line shows the form of a URL and no URL: `scheme://user:password@host:port/`.
fn is_form(line: &str) -> bool {
    line.contains("://")
        && line.to_ascii_lowercase().split('@').skip(1).any(|it| {
            let word = it.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            matches!(word, "host" | "hostname") && !it[word.len()..].starts_with(['.', '-', '_'])
        })
}

/// Whether what stands here only names a credential: `passwordSecret: {name: db, key: password}`,
/// or the session that a probe's header pretends to have.
fn is_name_of_one(name: &str, line: &str, value: &str) -> bool {
    let field = line.trim_start_matches(|c: char| c.is_whitespace() || "-{\"'".contains(c));
    let fields = ["key:", "name:", "key\":", "name\":"];
    // A field of its own, and not the end of `secret_key:`.
    let within = |it: &str| {
        let ends = |at: usize| line[..at].ends_with(|c: char| " \t{,.\"'".contains(c));
        line.match_indices(it)
            .any(|(at, _)| it.starts_with("name") || ends(at) || line[..at].contains("existing"))
    };
    let names = fields.iter().any(|it| field.starts_with(it))
        || line.contains("ecret") && fields.iter().any(|it| within(it));
    let comment = line.trim_start().starts_with('#');
    let is_url = value.contains("//") && !value.contains('@');
    comment || is_url || !shape::is_token(value) && (names || name.eq_ignore_ascii_case("cookie"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(name: &str, text: &str) -> Vec<(usize, usize)> {
        exposed(name, text).into_iter().map(|it| (it.line, it.length)).collect()
    }

    #[test]
    fn credentials_are_found_by_name_form_and_place() {
        for (name, text, expected) in [
            ("DB_PASSWORD", "hunter2", vec![(1, 7)]),
            ("DATABASE_URL", "postgres://u:hunter2@db/x", vec![(1, 7)]),
            ("app.yaml", "db:\n  user: u\n  password: hunter2\n", vec![(3, 7)]),
            ("app.properties", "a=1\nb=2\napi.key=0123456789\n", vec![(3, 10)]),
            ("run.sh", "set -e\nPGPASSWORD=hunter2 psql -h db\n", vec![(2, 7)]),
            ("X", "ghp_0123456789abcdefABCD", vec![(1, 20)]),
            (
                "nlog.config",
                "<nlog><target name=\"seq\" serverUrl=\"http://seq:5341\" apiKey=\"AbCdEf0123456789\" /></nlog>\n",
                vec![(1, 16)],
            ),
            (
                "web.config",
                "<connectionStrings>\n  <add name=\"Db\" connectionString=\"Server=sql;User Id=sa;Password=Adm1n!pass\" />\n</connectionStrings>\n",
                vec![(2, 10)],
            ),
            (
                "context.xml",
                "<a>\n  <Resource username=\"shop\" password=\"hunter2\"/>\n</a>\n",
                vec![(2, 7)],
            ),
            (
                "settings.xml",
                "<server>\n  <id>nexus</id>\n  <password>hunter2</password>\n</server>\n",
                vec![(3, 7)],
            ),
            (
                "config.xml",
                "<c>\n  <add key=\"SmtpPassword\" value=\"hunter2\" />\n</c>\n",
                vec![(2, 7)],
            ),
            (
                "wp-config.php",
                "<?php\ndefine('DB_PASSWORD', 'hunter2');\ndefine( \"DB_USER\", \"shop\" );\n",
                vec![(2, 7)],
            ),
            (
                "settings.py",
                "DEBUG = False\nDATABASES = {'default': {'PASSWORD': 'hunter2'}}\n",
                vec![(2, 7)],
            ),
            ("app.rb", "config.api_key = 'hunter2hunter2'\n", vec![(1, 14)]),
        ] {
            assert_eq!(places(name, text), expected, "{name}: {text}");
        }
        let key = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----";
        assert_eq!(
            exposed("tls.key", key)[0].what,
            "a private key, whose public half is elsewhere"
        );
    }

    #[test]
    fn names_of_credentials_in_a_vault_are_told_as_such() {
        for text in ["vault:secret/data/shop#password", "op://prod/shop/password"] {
            assert!(exposed("DB_PASSWORD", text)[0].what.contains("in a vault"), "{text}");
        }
        assert!(!exposed("DB_PASSWORD", "vault:1234")[0].what.contains("in a vault"));
    }

    #[test]
    fn what_only_speaks_of_credentials_is_none() {
        for (name, text) in [
            ("DB_PASSWORD", "${DB_PASSWORD}"),
            ("DB_PASSWORD_FILE", "/run/secrets/db"),
            ("DB_PASSWORD", "<password>"),
            ("TOKEN_TTL", "3600"),
            ("ca.crt", "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----"),
            ("DB_USER", "shop"),
            ("ENABLE_PASSWORD_SECRET", "yes"),
            ("service.slack", "token: $slack-token\n"),
            ("app.yaml", "db:\n  passwordSecret:\n    name: db\n    key: password\n"),
            ("Cookie", "session-id=x-liveness-probe"),
            ("app.yaml", "a: 1\nb: 2\npasswordSecret: {name: db, key: password}\n"),
            ("app.env", "A=1\n# DB_PASSWORD=an-old-one\n"),
            ("AUTH", "http://auth.identity.svc:8080"),
            ("nginx.conf", "server {\n  listen 80;\n  location / { proxy_pass http://web; }\n}\n"),
            ("REDIS_URL", "redis://redis:6379"),
            ("run.pl", "my $x = 1;\ndie \"not redis://:password\\@host:port/0\\n\";\n"),
            ("help.txt", "Give it as\n  postgres://user:password@host/database\n"),
            ("app.yaml", "auth:\n  enabled: true\n  secretName: db\n"),
            ("database.yml", "production:\n  host: db\n  password: <%= ENV[\"PGPASSWORD\"] %>\n"),
            (
                "database.yml",
                "production:\n  password: <%= ENV.fetch('PGPASSWORD') %>\n  host: db\n",
            ),
            (
                "KMS_KEY",
                "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555",
            ),
            ("DB_SECRET", "projects/acme-prod/secrets/db/versions/latest"),
            (
                "web.config",
                "<a>\n  <add key=\"Password\" value=\"#{DbPassword}#\" />\n  <b password=\"${DB_PASSWORD}\" publicKeyToken=\"null\"/>\n</a>\n",
            ),
            ("wp-config.php", "<?php\ndefine('DB_PASSWORD', getenv('DB_PASSWORD'));\n"),
        ] {
            assert_eq!(places(name, text), vec![], "{name} {text}");
        }
    }

    #[test]
    fn what_stands_for_a_value_that_is_yet_to_come_is_none() {
        for value in [
            "<password>",
            "true",
            "off",
            "{{ x }}",
            "#{x}",
            "__PASS__",
            "%PASS%",
            "@PASS@",
            "$(x)",
            "${x}",
            "$X",
            "xxxx",
            "--",
        ] {
            assert!(is_placeholder(value), "{value}");
        }
        for value in ["hunter2", "a<b>", "<abc", "%AB%", "$1a", "x1x"] {
            assert!(!is_placeholder(value), "{value}");
        }
    }

    #[test]
    fn one_credential_that_is_found_hides_no_other() {
        let text = "# usage: postgres://user:secret@host/db\nexport PGPASSWORD=Zq81hunter2\nrun --token abcdefgh1\n";
        let found = places("run.sh", text);
        assert_eq!(found.iter().map(|it| it.0).collect::<Vec<_>>(), [2, 3], "{found:?}");
    }

    #[test]
    fn what_is_written_in_base64_is_found_where_it_stands() {
        // `password: hunter2` and `user: x`; `shop:hunter22`; gzip.
        assert_eq!(places("data", "cGFzc3dvcmQ6IGh1bnRlcjIKdXNlcjogeAo="), [(1, 7)]);
        let header = "a: 1\nAuthorization: Basic c2hvcDpodW50ZXIyMg==\n";
        let found = exposed("app.yaml", header);
        assert_eq!(found.iter().map(|it| it.line).collect::<Vec<_>>(), [2]);
        assert_eq!(found[0].what, "a credential in base64");
        assert!(places("blob", "H4sIAAAAAAAAA8tIzcnJVyjPL8pJAQCFEUoNCwAAAA==").is_empty());
    }

    #[test]
    fn names_and_placeholders_beside_a_credential_do_not_hide_it() {
        for (name, text, expected) in [
            ("app.yaml", "a: 1\nclientSecret: hunter2\n", vec![(2, 7)]),
            ("app.yaml", "a: 1\nsecret_key: hunter22\n", vec![(2, 8)]),
            ("app.yaml", "password: hunter2\ntoken: __TOKEN__\n", vec![(1, 7)]),
            ("DATABASE_URL", "postgres://u:hunter2@host.acme.com/x", vec![(1, 7)]),
            ("run.sh", "set -e\nPGPASSWORD=hunter2 psql -h db || true\n", vec![(2, 7)]),
        ] {
            assert_eq!(places(name, text), expected, "{name}: {text}");
        }
    }

    #[test]
    fn credentials_behind_a_blank_are_found_where_nothing_else_can_be_meant() {
        for (name, text, expected) in [
            (
                "redis.conf",
                "port 6379\nrequirepass hunter2\nmasterauth hunter22\n",
                vec![(2, 7), (3, 8)],
            ),
            ("users.acl", "user default off\nuser app on >hunter22 ~* +@all\n", vec![(2, 8)]),
            ("fluent.conf", "<match **>\n  user u\n  password hunter2\n</match>\n", vec![(3, 7)]),
            ("bridge.conf", "connection b\nremote_password hunter2\n", vec![(2, 7)]),
            ("out.conf", "[OUTPUT]\n  HTTP_User u\n  HTTP_Passwd hunter2\n", vec![(3, 7)]),
            ("LDAPRC", "BASE dc=x\nBINDPW aB3dE5gH7jK9mN1pQ2rS4tU6\n", vec![(2, 24)]),
            (".netrc", "machine x\nlogin u\npassword aB3dE5gH7jK9mN1p\n", vec![(3, 16)]),
            ("userlist.txt", "\"shop\" \"hunter2\"\n", vec![(1, 7)]),
            ("haproxy.cfg", "listen stats\n  stats auth admin:hunter2\n", vec![(2, 7)]),
            (
                "Caddyfile",
                ":80 {\n  bob $2a$14$0123456789012345678901234567890123456789012345678901x\n}\n",
                vec![(2, 60)],
            ),
            ("run.sh", "set -e\nmysqladmin ping -uroot -phunter2\n", vec![(2, 7)]),
        ] {
            assert_eq!(places(name, text), expected, "{name}: {text}");
        }
    }

    #[test]
    fn a_line_speaks_if_what_it_holds_is_no_form_no_comment_and_long_enough() {
        for (line, expected) in [
            ("PGPASSWORD=hunter2 psql", true),
            ("password=abc", true),
            ("password=ab", false),
            ("  # PGPASSWORD=hunter2 psql", false),
            ("PASSWORD=/run/secrets/db", false),
            ("token: $slack-token", false),
            ("redis://:password@host:6379", false),
            ("3 Pods are ready", false),
        ] {
            assert_eq!(speaks("", line), expected, "{line}");
        }
    }

    #[test]
    fn words_behind_a_blank_are_mostly_none() {
        for (name, text) in [
            (
                "init.sql",
                "CREATE TABLE u (\n  id int,\n  password text,\n  token varchar(64)\n);\n",
            ),
            ("client.conf", "dev tun\nauth SHA256\nauth-user-pass /etc/vpn/login\n"),
            ("haproxy.cfg", "backend web\n  cookie SERVERID insert indirect\n  cookie SRV\n"),
            (
                "nginx.conf",
                "server {\n  auth_jwt off;\n  auth_jwt \"shop\";\n  proxy_pass http://a;\n}\n",
            ),
            ("nginx.conf", "location / {\n  proxy_set_header X-Token $http_x_token;\n}\n"),
            ("app.conf", "password =true\ncredentials {\n}\ntoken [\n]\n"),
            ("sshd.conf", "PasswordAuthentication no\nPermitEmptyPasswords no\n"),
            ("README", "Token expired\npassword required\nsecret sauce\n"),
            ("help.yaml", "text: |\n  Passwords differ\n  token expired\n"),
            ("redis.conf", "requirepass ${REDIS_PASSWORD}\nmasterauth $REDIS_PASSWORD\n"),
            ("users.acl", "user default off\nuser app on >${PASSWORD} ~* +@all\n"),
            (
                "site.conf",
                "ssl_certificate_key /etc/tls/tls.key;\nssl_password_file /etc/tls/pw;\n",
            ),
            ("app.yaml", "hosts:\n- user list\n- user names > file\n"),
            ("run.sh", "redis-cli -a \"$REDIS_PASSWORD\" ping\ncurl -u \"$U:$P\" http://a\n"),
            ("run.sh", "TOKEN=$(cat /run/token)\nPASS=${PASS:-}\nexport TOKEN PASS\n"),
        ] {
            assert_eq!(places(name, text), vec![], "{name}: {text}");
        }
    }

    #[test]
    fn a_document_that_nobody_can_invent_is_told_line_by_line() {
        let text = "{\n  \"clients\": [\n    {\"secret\": \"hunter2\"}\n  ],\n  \"keys\": {\"kty\": \"RSA\"}\n}\n";
        assert_eq!(places("realm.json", text), [(3, 7)]);
    }
}
