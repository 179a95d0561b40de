//! The words that names are read by.

use std::{collections::HashSet, sync::OnceLock};

/// A table of words with a blank between them: names are asked about by the thousand.
pub(super) struct Words {
    pub(super) text: &'static str,
    known: OnceLock<HashSet<&'static str>>,
}

impl Words {
    const fn new(text: &'static str) -> Self {
        Self { text, known: OnceLock::new() }
    }

    /// Whether it is in the table.
    pub(super) fn has(&self, word: &str) -> bool {
        self.known.get_or_init(|| self.text.split(' ').collect()).contains(word)
    }
}

/// Last words of credentials; plurals are known.
pub(super) static CREDENTIAL: Words = Words::new(
    "\
    password passwd passwort pwd pass passphrase passcode pw secret token key pin credential \
    cookie salt pepper psk otp totp apikey accesskey secretkey privatekey authkey masterkey \
    signingkey encryptionkey requirepass masterauth jwt auth bearer authorization signature \
    webhook kennwort cred authtok mnemonic passkey pwrd senha privkey",
);

/// Words that speak of a credential wherever they stand in a name.
pub(super) static STRONG: Words = Words::new(
    "\
    password passwd pwd passphrase passcode secret token credential apikey accesskey \
    secretkey privatekey requirepass masterauth authtok",
);

/// Ends of words written in one: `PGPASSWORD`, `mysqlrootpassword`.
pub(super) const CREDENTIAL_ENDS: [&str; 10] = [
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
pub(super) static SETTING: Words = Words::new(
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
    title description label comment namespace cluster class policy strategy ref hint \
    lifespan",
);

/// Words that name something where they stand in the plural. One alone says too little.
pub(super) static LISTED: Words = Words::new("profiles plugins tables features");

/// What is written before `user`, `host`, `port`, `database`, `name` in words written in one.
pub(super) static STORES: Words =
    Words::new("pg db my mysql postgres redis mongo smtp amqp sql rabbitmq");

/// What is written before `pass` in words that speak of none: `bypass`, `compass`.
pub(super) static NO_PASSES: Words = Words::new(
    "by com encom sur tres over under multi single one two first second ask low high band ski day season \
    boarding",
);

/// Ends of words written in one with a store's name before them.
pub(super) const SETTING_ENDS: [&str; 9] =
    ["user", "username", "host", "hostname", "port", "database", "name", "sslmode", "schema"];

/// Last words that say nothing: `SECRET_KEY_BASE`, `password-old`, `token.txt`.
pub(super) static EMPTY_TAILS: Words = Words::new(
    "\
    base value values base64 b64 encoded raw plain plaintext string str text txt current \
    previous old new next primary secondary default prod production live staging test dev \
    main data active",
);

/// Words before `key` that make it one for everybody.
pub(super) static OPEN_KEYS: Words = Words::new("public publishable pub site");

/// Words before `key` that make it a column, a field of a map, the place of a file; or one of two that a
/// cloud gives out, what cookies are signed with, whoever is on call.
pub(super) static NAMING_KEYS: Words = Words::new(
    "\
    partition sort primary foreign cache binding object group idempotency translation map lookup \
    index label topology hash routing",
);

/// Ends of names that speak of a credential and name none: of an assembly of .NET the hash of a public
/// key, which its configuration names everywhere; of etcd what a new cluster is called.
pub(super) const NO_CREDENTIALS: [&[&str]; 2] =
    [&["public", "key", "token"], &["initial", "cluster", "token"]];

/// Ends of names that may as well be a setting's: of Keycloak which sorts of credentials there are, of Dex who
/// checks them, of cookies for how long and where from.
pub(super) const DOUBTFUL: [&[&str]; 4] =
    [&["required", "credentials"], &["password", "connector"], &["max", "age"], &["same", "site"]];

/// Names of what decrypts data that is shipped with an image, a repository or a configuration.
pub(super) const DECRYPTING: [&str; 8] = [
    "rails_master_key",
    "master_key",
    "sops_age_key",
    "encrypt_key",
    "jasypt_encryptor_password",
    "jasypt_password",
    "ansible_vault_password",
    "git_crypt_key",
];

/// Words before `tokens`, `keys`, `secrets` that make it a number.
pub(super) static COUNTS: Words = Words::new("max min num number count total limit");
