//! What a name says about the value: of a Secret's key, of an environment variable, of a field in
//! a document.
//!
//! English puts the noun last: `DB_USER_PASSWORD` is a password, `PASSWORD_RESET_URL` a URL. So the
//! last word that means something decides, and a word for a credential anywhere before it makes
//! every other answer doubtful. Adding knowledge is adding a word to a table.

use std::{collections::HashSet, sync::OnceLock};

/// What a name says about its value. In order of weight where several names are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Nothing.
    Unknown,
    /// A user, a database, a host, a port, a setting: it stays.
    Setting,
    /// A setting by its last word, but a credential is spoken of: the value must look like a
    /// setting to stay.
    Doubtful,
    /// A credential.
    Credential,
}

/// A table of words with a blank between them: names are asked about by the thousand.
struct Words {
    text: &'static str,
    known: OnceLock<HashSet<&'static str>>,
}

impl Words {
    const fn new(text: &'static str) -> Self {
        Self { text, known: OnceLock::new() }
    }

    fn has(&self, word: &str) -> bool {
        self.known.get_or_init(|| self.text.split(' ').collect()).contains(word)
    }
}

/// Last words of credentials; plurals are known.
static CREDENTIAL: Words = Words::new(
    "\
    password passwd passwort pwd pass passphrase passcode pw secret token key pin credential \
    cookie salt pepper psk otp totp apikey accesskey secretkey privatekey authkey masterkey \
    signingkey encryptionkey requirepass masterauth jwt auth bearer authorization signature \
    webhook kennwort cred authtok mnemonic passkey pwrd senha privkey",
);

/// Words that speak of a credential wherever they stand in a name.
static STRONG: Words = Words::new(
    "\
    password passwd pwd passphrase passcode secret token credential apikey accesskey \
    secretkey privatekey requirepass masterauth authtok",
);

/// Ends of words written in one: `PGPASSWORD`, `mysqlrootpassword`.
const CREDENTIAL_ENDS: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "pwd",
];

/// Last words of what stays.
static SETTING: Words = Words::new(
    "\
    user username login usr account owner role group email mail sender recipient from \
    database db dbname schema catalog collection keyspace vhost host hostname hosts server \
    servers broker brokers bootstrap node nodes address addr addresses ip port ports url uri \
    urls endpoint endpoints domain origin origins issuer audience realm tenant scope scopes \
    region zone bucket container queue exchange topic stream channel index name id uid uuid \
    type kind mode sslmode ssl tls level env environment stage driver dialect engine adapter \
    backend provider protocol scheme method algorithm alg path file filename dir directory \
    folder prefix suffix version timeout ttl expiry expiration expires lifetime interval \
    delay period seconds minutes hours days ms millis limit length size count min max \
    retries attempts pool threads workers replicas concurrency enabled enable disabled \
    required verify debug locale language lang timezone tz charset encoding collation format \
    title description label comment namespace cluster class policy strategy ref hint",
);

/// What is written before `user`, `host`, `port`, `database`, `name` in words written in one.
static STORES: Words = Words::new("pg db my mysql postgres redis mongo smtp amqp sql rabbitmq");

/// What is written before `pass` in words that speak of none: `bypass`, `compass`.
static NO_PASSES: Words = Words::new(
    "by com encom sur tres over under multi single one two first second ask low high band ski day season \
    boarding",
);

/// Ends of words written in one with a store's name before them.
const SETTING_ENDS: [&str; 9] =
    ["user", "username", "host", "hostname", "port", "database", "name", "sslmode", "schema"];

/// Last words that say nothing: `SECRET_KEY_BASE`, `password-old`, `token.txt`.
static EMPTY_TAILS: Words = Words::new(
    "\
    base value values base64 b64 encoded raw plain plaintext string str text txt current \
    previous old new next primary secondary default prod production live staging test dev \
    main data",
);

/// Words before `key` that make it no credential.
static HARMLESS_KEYS: Words = Words::new(
    "\
    public publishable partition sort primary foreign cache binding object group \
    idempotency translation map lookup index pub site label topology",
);

/// Words before `tokens`, `keys`, `secrets` that make it a number.
static COUNTS: Words = Words::new("max min num number count total limit");

/// Ends of file names whose fields speak for themselves.
const DOCUMENTS: [&str; 15] = [
    ".acl",
    ".json",
    ".yaml",
    ".yml",
    ".properties",
    ".env",
    ".npmrc",
    ".ini",
    ".cnf",
    ".conf",
    ".cfg",
    ".toml",
    ".xml",
    ".hcl",
    ".config",
];

/// What `name` says about its value.
pub(super) fn role(name: &str) -> Role {
    if is_document(name) {
        return Role::Unknown;
    }
    let mut words = words(name);
    while words.len() > 1 && words.last().is_some_and(|last| says_nothing(last)) {
        words.pop();
    }
    let Some((head, before)) = words.split_last() else { return Role::Unknown };
    let head = head.trim_end_matches(|c: char| c.is_ascii_digit());
    let previous = before.last().map(String::as_str);
    if is_count(head, previous) {
        return Role::Setting;
    }
    // Of an assembly of .NET: a hash of a public key, which its configuration names everywhere.
    if head == "token" && before.ends_with(&["public".to_owned(), "key".to_owned()]) {
        return Role::Setting;
    }
    // The identifier of a key belongs to the key: an outside service knows the pair.
    if head == "id" && previous.is_some_and(|word| matches!(singular(word), "key" | "accesskey")) {
        return Role::Credential;
    }
    if singular(head) == "key" {
        return match previous {
            // `key` alone names a field of a map, a column or a file more often than a credential.
            None => Role::Unknown,
            // The column that a table is partitioned by, or the key that signs cookies; what a queue is
            // bound by, or the key of whoever is on call.
            Some("hash" | "routing") => Role::Doubtful,
            Some(word) if HARMLESS_KEYS.has(word) => Role::Setting,
            Some(_) => Role::Credential,
        };
    }
    if names_credential(head) {
        return Role::Credential;
    }
    let spoken_of = before.iter().any(|word| is_strong(word));
    match (names_setting(head), spoken_of) {
        (true, true) => Role::Doubtful,
        (true, false) => Role::Setting,
        (false, true) => Role::Credential,
        (false, false) => Role::Unknown,
    }
}

/// What every name of a credential has in it, in lower case.
pub(super) fn stems() -> impl Iterator<Item = &'static str> {
    CREDENTIAL.text.split(' ').chain(CREDENTIAL_ENDS).chain(["pw"])
}

/// What several names of one value say together.
pub(super) fn role_of_all(names: &[&str]) -> Role {
    names.iter().map(|name| role(name)).max().unwrap_or(Role::Unknown)
}

/// Whether the value is a hash of a credential: nobody can log in with a hash of something else.
pub(super) fn is_hash(name: &str) -> bool {
    let words = words(name);
    words.last().is_some_and(|last| matches!(last.as_str(), "hash" | "digest" | "htpasswd"))
        && (words.len() == 1 || words.iter().any(|word| is_strong(word) || word == "pass"))
        || words.first().is_some_and(|first| first == "htpasswd")
}

/// Whether the value is half of a pair of keys whose other half is elsewhere.
pub(super) fn is_private_key(name: &str) -> bool {
    let words = words(name);
    words.last().is_some_and(|last| last == "privatekey")
        || words.windows(2).any(|pair| pair[0] == "private" && singular(&pair[1]) == "key")
}

/// Whether the value decrypts data that is shipped with an image or a repository.
pub(super) fn decrypts_shipped_data(name: &str) -> bool {
    matches!(words(name).join("_").as_str(), "rails_master_key" | "master_key" | "sops_age_key")
}

/// Whether the value is a keystore, a certificate or a key in a file.
pub(super) fn is_key_material(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".jks", ".p12", ".pfx", ".keystore", ".truststore", ".kdbx", ".der", ".pem", ".crt", ".cer"]
        .iter()
        .chain(&[".key"])
        .any(|end| name.ends_with(end))
        || ["id_rsa", "id_ed25519", "ssh-privatekey", ".dockerc"]
            .iter()
            .any(|start| name.starts_with(start))
}

/// Whether a value holds several credentials with commas between them.
pub(super) fn is_list(name: &str) -> bool {
    words(name)
        .last()
        .is_some_and(|last| last.len() > 4 && last.ends_with('s') && names_credential(last))
}

/// Whether a value may be a user and a password in one.
pub(super) fn is_pair(name: &str) -> bool {
    words(name).last().is_some_and(|last| {
        matches!(last.as_str(), "auth" | "basicauth" | "userpass" | "authorization")
            || matches!(singular(last), "credential" | "cred")
    })
}

/// Whether a value knows a way in by its path alone.
pub(super) fn is_webhook(name: &str) -> bool {
    words(name)
        .iter()
        .any(|word| matches!(word.as_str(), "webhook" | "hook" | "webhooks" | "slack"))
}

/// Whether a file of this name has fields.
pub(super) fn is_document(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    DOCUMENTS.iter().any(|end| name.ends_with(end))
        || name.starts_with(".env")
        || matches!(name.as_str(), "env" | "pgpass" | ".pgpass" | "userlist.txt")
}

/// Whether a file of this name is YAML.
pub(super) fn is_yaml(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".yaml", ".yml"].iter().any(|end| name.ends_with(end))
}

/// The words of a name in lower case: `dbPassword`, `DB_PASSWORD` and `db-password` are the same.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    let mut previous = ' ';
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        open &= c.is_alphanumeric();
        if c.is_alphanumeric() {
            let hump = c.is_uppercase()
                && (previous.is_lowercase()
                    || previous.is_ascii_digit()
                    || previous.is_uppercase()
                        && rest.peek().is_some_and(|next| next.is_lowercase()));
            if !open || hump {
                words.push(String::new());
            }
            open = true;
            if let Some(word) = words.last_mut() {
                if c.is_ascii() {
                    word.push(c.to_ascii_lowercase());
                } else {
                    word.extend(c.to_lowercase());
                }
            }
        }
        previous = c;
    }
    words
}

fn singular(word: &str) -> &str {
    match word {
        "pass" => word,
        _ => word.strip_suffix('s').unwrap_or(word),
    }
}

fn says_nothing(word: &str) -> bool {
    EMPTY_TAILS.has(word) || word.chars().all(|c| c.is_ascii_digit())
}

fn is_strong(word: &str) -> bool {
    STRONG.has(singular(word))
        || CREDENTIAL_ENDS.iter().any(|end| word.ends_with(end))
        || is_whose_pass(word)
}

/// `dbpass`, `keypass`, `rootpw`.
fn is_whose_pass(word: &str) -> bool {
    let whose = |end| word.strip_suffix(end).filter(|it: &&str| it.len() > 1);
    whose("pass").is_some_and(|it| !NO_PASSES.has(it)) || whose("pw").is_some()
}

fn is_count(head: &str, previous: Option<&str>) -> bool {
    head.ends_with('s') && names_credential(head) && previous.is_some_and(|word| COUNTS.has(word))
}

fn names_credential(word: &str) -> bool {
    CREDENTIAL.has(singular(word))
        || CREDENTIAL.has(word)
        || CREDENTIAL_ENDS.iter().any(|end| singular(word).ends_with(end))
        || is_whose_pass(word)
}

fn names_setting(word: &str) -> bool {
    SETTING.has(word)
        || SETTING_ENDS
            .iter()
            .any(|end| word.strip_suffix(end).is_some_and(|store| STORES.has(store)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_credentials_have_a_stem() {
        for word in STRONG.text.split(' ').chain(["accesskey_id"]) {
            assert!(stems().any(|stem| word.contains(stem)), "{word}");
        }
    }

    #[test]
    fn the_last_word_that_means_something_decides() {
        for (name, expected) in [
            ("POSTGRES_PASSWORD", Role::Credential),
            ("postgres-password", Role::Credential),
            ("replication-password", Role::Credential),
            ("PGPASSWORD", Role::Credential),
            ("rabbitmq-erlang-cookie", Role::Credential),
            ("requirepass", Role::Credential),
            ("keypass", Role::Credential),
            ("bindpw", Role::Credential),
            ("ldap_default_authtok", Role::Credential),
            ("db_creds", Role::Credential),
            ("PROXY_PASS", Role::Credential),
            ("GIT_ASKPASS", Role::Unknown),
            ("ROOTPW_LDAP", Role::Credential),
            ("STOREPASS_SHOP", Role::Credential),
            ("SKIPASS_PROVIDER", Role::Setting),
            ("bypass", Role::Unknown),
            ("passwd", Role::Credential),
            ("DB_PWD", Role::Credential),
            ("SECRET_KEY_BASE", Role::Credential),
            ("DJANGO_SECRET_KEY", Role::Credential),
            ("apiKey", Role::Credential),
            ("AWS_ACCESS_KEY_ID", Role::Credential),
            ("clientSecret", Role::Credential),
            ("password-shop", Role::Credential),
            ("token.txt", Role::Credential),
            ("client-passwords", Role::Credential),
            ("POSTGRES_USER", Role::Setting),
            ("PGUSER", Role::Setting),
            ("username", Role::Setting),
            ("login", Role::Setting),
            ("dbname", Role::Setting),
            ("SMTP_PORT", Role::Setting),
            ("client_id", Role::Setting),
            ("VAPID_PUBLIC_KEY", Role::Setting),
            ("max_tokens", Role::Setting),
            ("publicKeyToken", Role::Setting),
            ("PASSWORD_FILE", Role::Doubtful),
            ("TOKEN_URL", Role::Doubtful),
            ("cookie.hashKey", Role::Doubtful),
            ("SECRET_NAME", Role::Doubtful),
            ("password-user1", Role::Doubtful),
            ("foo", Role::Unknown),
            ("key", Role::Unknown),
            ("secrets.yaml", Role::Unknown),
            (".env", Role::Unknown),
            ("", Role::Unknown),
        ] {
            assert_eq!(role(name), expected, "{name}");
        }
    }

    #[test]
    fn a_variable_that_says_password_outweighs_a_key_that_says_nothing() {
        assert_eq!(role_of_all(&["value", "DB_PASSWORD"]), Role::Credential);
        assert_eq!(role_of_all(&["postgres", "DB_NAME"]), Role::Setting);
    }

    #[test]
    fn hashes_and_halves_of_key_pairs_are_known_by_name() {
        assert!(is_hash("password_hash") && is_hash("htpasswd") && !is_hash("commit_hash"));
        assert!(is_private_key("VAPID_PRIVATE_KEY") && !is_private_key("SECRET_KEY"));
        assert!(is_list("client-passwords") && !is_list("redis-password"));
    }

    #[test]
    fn what_speaks_of_a_credential_before_a_setting_makes_it_doubtful() {
        for name in ["CREDENTIAL_FILE", "myapppassword_file", "dbpass_file"] {
            assert_eq!(role(name), Role::Doubtful, "{name}");
        }
    }
}
