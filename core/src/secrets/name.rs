//! What a name says about the value: of a Secret's key, of an environment variable, of a field in
//! a document.
//!
//! English puts the noun last: `DB_USER_PASSWORD` is a password, `PASSWORD_RESET_URL` a URL. So the
//! last word that means something decides, and a word for a credential anywhere before it makes
//! every other answer doubtful. Adding knowledge is adding a word to a table.

mod words;

use words::{
    COUNTS, CREDENTIAL, CREDENTIAL_ENDS, DECRYPTING, DOUBTFUL, EMPTY_TAILS, LISTED, NAMING_KEYS,
    NO_CREDENTIALS, NO_PASSES, OPEN_KEYS, SETTING, SETTING_ENDS, STORES, STRONG,
};

use super::file;

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

/// What `name` says about its value.
pub(super) fn role(name: &str) -> Role {
    if file::is_document(name) {
        return Role::Unknown;
    }
    let words = telling(name);
    let Some((head, before)) = words.split_last() else { return Role::Unknown };
    let head = head.trim_end_matches(|c: char| c.is_ascii_digit());
    let previous = before.last().map(String::as_str);
    if is_count(head, previous) {
        return Role::Setting;
    }
    if NO_CREDENTIALS.iter().any(|end| ends_with(&words, end)) {
        return Role::Setting;
    }
    if DOUBTFUL.iter().any(|end| ends_with(&words, end)) {
        return Role::Doubtful;
    }
    // The identifier of a key belongs to the key: an outside service knows the pair.
    if singular(head) == "id"
        && previous.is_some_and(|word| matches!(singular(word), "key" | "accesskey"))
    {
        return Role::Credential;
    }
    if singular(head) == "key" {
        return match previous {
            // `key` alone names a field of a map, a column or a file more often than a credential.
            None => Role::Unknown,
            Some(word) if OPEN_KEYS.has(word) => Role::Setting,
            Some(word) if NAMING_KEYS.has(word) => Role::Doubtful,
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

/// Last words of a hash's name.
const HASHES: [&str; 8] =
    ["hash", "digest", "htpasswd", "sha1", "sha2", "sha256", "sha512", "bcrypt"];

/// Whether the value is a hash of a credential: nobody can log in with a hash of something else.
pub(super) fn is_hash(name: &str) -> bool {
    let words = words(name);
    let last = words.iter().rev().find(|word| *word != "hex");
    last.is_some_and(|last| HASHES.contains(&last.as_str()))
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
    DECRYPTING.contains(&words(name).join("_").as_str())
}

/// Whether the value is what somebody types, whatever it looks like.
pub(super) fn is_password(name: &str) -> bool {
    let words = telling(name);
    words.last().is_some_and(|last| {
        let last = singular(last);
        ["password", "passwd", "pass", "pwd", "pw", "pin", "passphrase", "passcode", "secret"]
            .iter()
            .any(|end| last.ends_with(end))
    })
}

/// Whether a value holds several credentials.
pub(super) fn is_list(name: &str) -> bool {
    words(name)
        .last()
        .filter(|last| last.len() > 4 && last.ends_with('s') && !last.ends_with("pass"))
        .is_some_and(|last| names_credential(last))
}

/// Whether a value may name several users, databases, queues.
pub(super) fn names_several(name: &str) -> bool {
    telling(name)
        .last()
        .is_some_and(|last| LISTED.has(last) || last.strip_suffix('s').is_some_and(names_setting))
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

/// The words of a name in lower case: `dbPassword`, `DB_PASSWORD` and `db-password` are the same.
pub(super) fn words(name: &str) -> Vec<String> {
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

/// The words of a name without those at its end that say nothing.
fn telling(name: &str) -> Vec<String> {
    let mut words = words(name);
    while words.len() > 1 && words.last().is_some_and(|last| says_nothing(last)) {
        words.pop();
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

fn ends_with(words: &[String], end: &[&str]) -> bool {
    words.len().checked_sub(end.len()).is_some_and(|at| words[at..] == *end)
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
            ("RECAPTCHA_SITE_KEY", Role::Setting),
            ("COSMOS_PRIMARY_KEY", Role::Doubtful),
            ("azure-search-primary-key", Role::Doubtful),
            ("topologyKey", Role::Doubtful),
            ("KEY_PRIMARY", Role::Unknown),
            ("ACCESS_KEY_IDS", Role::Credential),
            ("ETCD_INITIAL_CLUSTER_TOKEN", Role::Setting),
            ("K3S_CLUSTER_TOKEN", Role::Credential),
            ("max_tokens", Role::Setting),
            ("publicKeyToken", Role::Setting),
            ("API_KEY_OLD", Role::Credential),
            ("db_pass_1", Role::Credential),
            ("user.old", Role::Setting),
            ("PASSWORD_FILE", Role::Doubtful),
            ("TOKEN_URL", Role::Doubtful),
            ("cookie.hashKey", Role::Doubtful),
            ("routing_key", Role::Doubtful),
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
        assert!(decrypts_shipped_data("ENCRYPT_KEY") && !decrypts_shipped_data("ENCRYPTION_KEY"));
    }

    #[test]
    fn names_of_several_are_told() {
        for name in ["usernames", "dbUsers", "MONGODB_DATABASES", "SPRING_PROFILES_ACTIVE", "dbs"] {
            assert!(names_several(name), "{name}");
        }
        for name in ["DB_USER", "PROFILE", "passwords", "keys", "address", ""] {
            assert!(!names_several(name), "{name}");
        }
    }

    #[test]
    fn what_speaks_of_a_credential_before_a_setting_makes_it_doubtful() {
        for name in ["CREDENTIAL_FILE", "myapppassword_file", "dbpass_file"] {
            assert_eq!(role(name), Role::Doubtful, "{name}");
        }
    }

    #[test]
    fn the_words_of_a_name_are_the_same_however_it_is_written() {
        let rows: [(&str, &[&str]); 9] = [
            ("DB_PASSWORD", &["db", "password"]),
            ("db-password", &["db", "password"]),
            ("dbPassword", &["db", "password"]),
            ("HTTPServer", &["http", "server"]),
            ("apiKEY", &["api", "key"]),
            ("sha256Sum", &["sha256", "sum"]),
            ("db..x", &["db", "x"]),
            ("größeÜber", &["größe", "über"]),
            ("-", &[]),
        ];
        for (name, expected) in rows {
            assert_eq!(words(name), expected, "{name}");
        }
    }

    /// What a name is asked, what says yes, what says no.
    type Asked = (fn(&str) -> bool, &'static [&'static str], &'static [&'static str]);

    #[test]
    fn each_question_about_a_name_has_its_answer() {
        let rows: [Asked; 6] = [
            (is_hash, &["hash", "user_pass_hash", "password-digest", "htpasswd-web"], &["pass"]),
            (is_private_key, &["privatekey", "private-keys"], &["private_data", "public_key"]),
            (decrypts_shipped_data, &["MASTER_KEY", "sopsAgeKey"], &["master_password", "key"]),
            (is_list, &["tokens", "db_creds"], &["api_keys", "users", "password", "requirepass2"]),
            (is_pair, &["NEO4J_AUTH", "userpass", "db-creds", "credential"], &["auth_token"]),
            (is_webhook, &["SLACK_URL", "gitHook", "webhooks"], &["notebook", "url"]),
        ];
        for (at, (is, yes, no)) in rows.iter().enumerate() {
            assert!(yes.iter().all(|name| is(name)), "{at}: {yes:?}");
            assert!(!no.iter().any(|name| is(name)), "{at}: {no:?}");
        }
    }
}
