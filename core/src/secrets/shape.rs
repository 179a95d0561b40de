//! What a value says about itself: a setting, a token, a hash, a key.

use super::{
    expression,
    pattern::Pattern,
    pieces::{A_HASH, NotInventable},
};

/// Shapes of settings: what is kept under a name that says nothing.
static SETTINGS: [Pattern; 15] = [
    // Booleans and words that servers and drivers know.
    Pattern::new(
        r"(?i)^(true|false|yes|no|on|off|enabled?|disabled?|none|null|default|auto|always|never|allow|prefer|preferred|require|required|optional|verify-(ca|full)|verify_(ca|identity)|trace|debug|info|warn|warning|error|fatal|prod|production|staging|stage|test|testing|dev|development|local|https?|tcp|udp|grpc|tls|ssl|starttls|plain|scram-sha-(256|512)|sasl_(ssl|plaintext)|plaintext|cram-md5|postgres|postgresql|mysql|mariadb|mongodb|redis|rabbitmq|amqp|kafka|sqlite|mssql|sqlserver|oracle|elasticsearch|memcached|database|smtp|sendmail|localhost|utf-?8(mb4)?|latin1|json|xml|yaml|text|stdout|stderr|public|private|asc|desc|get|post|put|readwrite|readonly|primary|secondary|master|replica|leader|standalone|cluster|sentinel|en|de|fr|utc|gmt)$",
    ),
    // Drivers, algorithms, backends and modes of frameworks.
    Pattern::new(
        r"(?i)^(pgsql|pg|mysql2|sqlsrv|phpredis|predis|sqs|s3|ses|mailgun|postmark|sendgrid|login|lax|strict|bearer|(hs|rs|es|ps)(256|384|512)|eddsa|aes-(128|192|256)-(cbc|gcm)|xforwarded|edge|passthrough|reencrypt|console|stack|single|daily|validate|create-drop|aws_msk_iam|oauthbearer|(celery|kubernetes|local|sequential|celerykubernetes)executor)$",
    ),
    // Numbers, and any; longer numbers may be PINs.
    Pattern::new(r"^(-?\d{1,6}(\.\d{1,6})?|\*)$"),
    // Durations, sizes, shares.
    Pattern::new(
        r"(?i)^(\d+(\.\d+)?\s?(ns|us|ms|s|m|h|d|w|min|sec|hours?|days?|minutes?|seconds?|[kmgt]i?b?|b|%))+$",
    ),
    // Addresses, alone or with prefix length or port.
    Pattern::new(r"^\d{1,3}(\.\d{1,3}){3}(/\d{1,2})?(:\d{1,5})?$"),
    Pattern::new(r"^\[?[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){2,7}\]?(/\d{1,3})?(:\d{1,5})?$"),
    // Hosts with dots, hosts with ports, and lists of them; class names look the same.
    Pattern::new(
        r"(?i)^([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)+[a-z][a-z-]*[a-z]\.?(:\d{1,5})?(,([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?(:\d{1,5})?)*$",
    ),
    Pattern::new(r"^[a-z][a-z0-9-]*:\d{2,5}(,[a-z][a-z0-9-]*:\d{2,5})+$"),
    // E-mail addresses.
    Pattern::new(r"^[a-z0-9._+-]+@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$"),
    // Paths.
    Pattern::new(r"^(/|\./|\.\./|~/|classpath:|file:)[\w.@%+/-]*$"),
    // Regions, locales, time zones, dates, versions.
    Pattern::new(r"^[a-z]{2}(-gov|-iso)?-[a-z]+-\d[a-z]?$"),
    Pattern::new(r"^([a-z]{2}[_-][A-Z]{2}(\.UTF-8)?|[A-Z][a-z]+(/[A-Z][A-Za-z_]+)+)$"),
    Pattern::new(r"^(\d{4}-\d{2}-\d{2}([T ][\d:.]+(Z|[+-][\d:]+)?)?|v?\d+(\.\d+){1,3})$"),
    // Media types, schedules, names of resources in a cloud.
    Pattern::new(
        r"^((application|text|image)/[\w.+-]+|@(hourly|daily|weekly|monthly|every [\d.hms]+)|([\d*,/-]+ ){4,5}[\d*,/-]+|arn:aws[a-z-]*:\S+)$",
    ),
    // Names in a directory.
    Pattern::new(r"(?i)^((cn|ou|uid)=[\w .@-]+,\s*)*((dc|o)=[\w.-]+,\s*)*dc=[a-z-]+$"),
];

/// Hashes of passwords, in the notations of crypt, LDAP, Django, PostgreSQL.
static HASH: Pattern = Pattern::new(
    r"(?m)^([^:\s$]+:)?(\$(2[abxy]?|1|5|6|7|y|apr1|argon2(i|d|id)|scrypt|pbkdf2[\w-]*)\$\S+|\{(S?SHA\d*|MD5|SMD5|CRYPT|BCRYPT|bcrypt|ARGON2\w*|argon2\w*|noop|pbkdf2|scrypt|PBKDF2\w*)\}\S+|(pbkdf2_sha\d+|bcrypt_sha256|argon2|scrypt)[:$]\S+\$\S+|SCRAM-SHA-\d+\$\S+)$",
);
static HASH_MD5: Pattern = Pattern::new(r"^md5[0-9a-f]{32}$");
static JWT: Pattern = Pattern::new(
    r"^(?i:bearer\s+)?ey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)?$",
);
static SSH_PUBLIC: Pattern = Pattern::new(
    r"(?m)^(\S+ )?(ssh-(rsa|dss|ed25519)|ecdsa-sha2-\S+|sk-\S+@openssh\.com) AAAA[A-Za-z0-9+/=]+",
);
static JWKS: Pattern = Pattern::new(r#""kty"\s*:\s*""#);
static REGISTRY: Pattern = Pattern::new(r#""auths"\s*:\s*\{|^\{[^{]*\{[^}]*"auth"\s*:\s*"[^}]*\}"#);
static SERVICE_ACCOUNT: Pattern =
    Pattern::new(r#""type"\s*:\s*"(service_account|external_account|authorized_user)""#);
static KUBECONFIG: Pattern =
    Pattern::new(r"(?m)^(kind:\s*Config\s*$|current-context:)|client-key-data:");
/// A class of the Java world.
static CLASS: Pattern = Pattern::new(r"^([a-z]\w*\.){2,}[A-Z]\w*$");
static UUID: Pattern =
    Pattern::new(r"^(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$");
/// In the notations of shells, Kubernetes, templates, Symfony, Rails. Nothing of a default may stand in it.
static REFERENCE: Pattern = Pattern::new(
    r#"^(\$\{[A-Za-z_][\w.]*\}|\$\([A-Za-z_]\w*\)|\$[A-Z_][A-Z0-9_]*|\{\{[^{}"'`|]*\}\}|\{\{-?\s*(env|getenv|key|secret|getv|file|readFile|include)\s+["'][^"'`|{}]*["']\s*-?\}\}|\{\{-?\s*lookup\(\s*["'][\w.]+["']\s*,\s*["'][\w./:-]*["']\s*\)\s*-?\}\}|\{\{-?\s*[.$]?[A-Za-z_][\w.]*(\s*\|\s*[A-Za-z_]\w*)+\s*-?\}\}|\$\{[A-Za-z_]\w*:?[-=](\$[A-Z_][A-Z0-9_]*|\$\{[A-Za-z_]\w*(:?[-=])?\})\}|%env\([^)]*\)%|<%=\s*ENV(\.fetch)?[(\[]?\s*["'][A-Za-z_]\w*["']\s*[)\]]?\s*%>)$"#,
);
/// In those of OpenTelemetry, Trino, Kafka, Jenkins, HOCON, shells, Grafana, Python, Ruby, nginx.
static PROVIDED: Pattern = Pattern::new(
    r#"^(\$\{(env|sys|system):[A-Za-z_][\w.]*\}|\$\{ENV:[A-Z_][A-Z0-9_]*\}|\$\{(file|dir|directory|readFile|readFileBase64):/[\w./-]+(:[\w.-]+)?\}|\$\{(secrets|configmaps):[\w.-]+/[\w.-]+:[\w.-]+\}|\$\{\?[\w.]+\}|\$\{[A-Za-z_]\w*:?\?[^${}]*\}|\$__(file|env|vault)\{[^{}]*\}|%\([A-Za-z_]\w*\)s|#\{ENV(\.fetch)?[(\[]["'][A-Za-z_]\w*["'][)\]]\}|\$\(cat [\w./-]+\)|\$(http|sent_http|upstream_http|cookie|arg|ssl)_[a-z0-9_]+;?)$"#,
);
/// What a cloud calls one of its resources: a name, whatever it is the name of.
static RESOURCE: Pattern = Pattern::new(
    r"^(arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:\d{0,12}:\S+|projects/[a-z0-9-]+/[A-Za-z]+/\S+|alias/[\w/-]+|(?i:/subscriptions/[0-9a-f-]{36}/\S+))$",
);
/// In the notations of Spring, Jasypt, SOPS, dotenvx, Ansible, OpenSSL, Fernet.
static CIPHERTEXT: Pattern = Pattern::new(
    r"^\s*(\{cipher\}\S+|ENC\([A-Za-z0-9+/=_-]{16,}\)|ENC\[AES256_GCM,|encrypted:[A-Za-z0-9+/=]{24,}|\$ANSIBLE_VAULT;|U2FsdGVkX1[A-Za-z0-9+/=]{11,}|gAAAAA[A-Za-z0-9_=-]{64,})",
);
/// `-Dname=value`: of an option the value counts.
static OPTION: Pattern = Pattern::new(r"^--?[A-Za-z][\w.:-]+=(.*)$");
static PATH: Pattern = Pattern::new(r"^/[\w.-]+(/[\w.-]+)+;?$");
static BOOLEAN: Pattern = Pattern::new(r"(?i)^(true|false|null|~|enabled|disabled)$");
/// How long, and by which algorithm.
static MEASURE: Pattern = Pattern::new(
    r"^((\d{1,3}w)?(\d{1,4}d)?(\d{1,5}h)?(\d{1,6}m)?(\d{1,6}(\.\d{1,3})?s)?|\d{1,6}(ms|us|ns)|(HS|RS|ES|PS)(256|384|512)|EdDSA|argon2id?|bcrypt)$",
);

/// Beginnings of tokens that one service gives out: no other service is meant by them.
const OUTSIDE: &[(&str, &str)] = &[
    ("AKIA", "AWS"),
    ("ASIA", "AWS"),
    ("sk_live_", "Stripe"),
    ("sk_test_", "Stripe"),
    ("rk_live_", "Stripe"),
    ("pk_live_", "Stripe"),
    ("pk_test_", "Stripe"),
    ("whsec_", "Stripe"),
    ("ghp_", "GitHub"),
    ("gho_", "GitHub"),
    ("ghs_", "GitHub"),
    ("github_pat_", "GitHub"),
    ("glpat-", "GitLab"),
    ("xoxb-", "Slack"),
    ("xoxp-", "Slack"),
    ("xapp-", "Slack"),
    ("SG.", "SendGrid"),
    ("AIza", "Google"),
    ("sk-ant-", "Anthropic"),
    ("sk-proj-", "OpenAI"),
    ("npm_", "npm"),
    ("pypi-", "PyPI"),
    ("hf_", "Hugging Face"),
    ("dop_v1_", "DigitalOcean"),
    ("dckr_pat_", "Docker Hub"),
    ("shpat_", "Shopify"),
];

/// Shortest rest of a token after its beginning.
const OUTSIDE_REST: usize = 12;

/// Whether the value is a signed token.
fn is_signed(text: &str) -> bool {
    text.contains("ey") && JWT.matches(text)
}

/// Whether a value under a name that says nothing is a setting.
pub(super) fn is_setting(text: &str) -> bool {
    SETTINGS.iter().any(|shape| shape.matches(text)) && !is_token(text)
}

/// Whether the value is a switch or nothing, whatever its name says.
pub(super) fn is_boolean(text: &str) -> bool {
    BOOLEAN.matches(text)
}

/// Whether the value says how long a credential holds, or how it is made, whatever its name says.
pub(super) fn is_measure(text: &str) -> bool {
    MEASURE.matches(text)
}

/// Whether the value is the place of a file.
pub(super) fn is_path(text: &str) -> bool {
    text.starts_with('/') && PATH.matches(text) && !is_token(text)
}

/// Whether the value says where a vault keeps a credential: whoever starts the container is to put it
/// there.
pub(super) fn is_of_vault(text: &str) -> bool {
    !text.contains(char::is_whitespace)
        && (text.starts_with("op://")
            || text.starts_with("ref+") && text.contains("://")
            || ["vault:", ">>vault:", "bao:"].iter().any(|it| text.starts_with(it))
                && text.contains('#')
            || text.starts_with("@Microsoft.KeyVault("))
}

/// Whether the value is the name of a resource in a cloud.
pub(super) fn is_resource(text: &str) -> bool {
    ["arn:aws", "projects/", "/subscriptions/", "alias/"].iter().any(|it| text.starts_with(it))
        && RESOURCE.matches(text)
}

/// Whether the value is the base64 of a packed file: gzip, Zstandard, bzip2, xz, ZIP.
pub(crate) fn is_packed(text: &str) -> bool {
    const STARTS: [&str; 5] = ["H4sI", "KLUv/", "QlpoO", "/Td6WFo", "UEsDB"];
    text.len() > 24
        && STARTS.iter().any(|it| text.starts_with(it))
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"+/=\r\n".contains(&it))
}

/// Whether the value is a UUID.
pub(super) fn is_uuid(text: &str) -> bool {
    UUID.matches(text)
}

/// Whether the value only points at another: `${DB_PASSWORD}`.
pub(super) fn is_reference(text: &str) -> bool {
    text.starts_with(['$', '{', '%', '<', '#'])
        && (REFERENCE.matches(text) || PROVIDED.matches(text))
        || text.starts_with(['$', '`']) && expression::is_command(text)
        || expression::is_expression(text)
}

/// Whether a value was made by a machine to be hard to guess, or by a person to satisfy a password
/// rule. Words, paths, class names and UUIDs are neither.
pub(super) fn is_token(text: &str) -> bool {
    if text.contains(char::is_whitespace) {
        return false;
    }
    // What it could be is looked at before what it could be instead: most texts are neither.
    let looks = outside(text).is_some() || is_signed(text) || is_typed_or_made(text);
    looks && !UUID.matches(text) && !CLASS.matches(text)
}

fn is_typed_or_made(text: &str) -> bool {
    let count = |text: &str, of: fn(&char) -> bool| text.chars().filter(of).count();
    let digits = |text: &str| count(text, char::is_ascii_digit);
    let upper = |text: &str| count(text, char::is_ascii_uppercase);
    let lower = |text: &str| count(text, char::is_ascii_lowercase);
    let run = |run: &str| {
        let long = run.len() >= 12 && digits(run) >= 2 && upper(run) >= 2 && lower(run) >= 2;
        let longer = run.len() >= 16 && digits(run) >= 3 && upper(run) + lower(run) >= 3;
        long || longer
    };
    let [value] = OPTION.groups(text).unwrap_or([text]);
    let typed = value.len() >= 8
        && value.contains(['!', '@', '#', '$', '%', '^', '&', '*', '?', '+', '='])
        && !value.contains(['/', '{', '(', '<', ',', ';'])
        && !value.starts_with("jdbc:")
        && digits(value) > 0
        && upper(value) > 0
        && lower(value) > 0;
    typed || text.split(|c: char| !c.is_ascii_alphanumeric()).any(run)
}

/// Where the token of a service outside the cluster goes on after its known beginning, and whose
/// it is.
pub(super) fn outside(text: &str) -> Option<(usize, &'static str)> {
    OUTSIDE
        .iter()
        .filter(|(start, _)| text.starts_with(start) && text.len() >= start.len() + OUTSIDE_REST)
        .max_by_key(|(start, _)| start.len())
        .map(|(start, whose)| (start.len(), *whose))
}

/// The known beginnings of tokens of services outside the cluster.
pub(super) fn outside_starts() -> impl Iterator<Item = &'static str> {
    OUTSIDE.iter().map(|(start, _)| *start)
}

/// Whose tokens begin like this, if `text` is all of a known beginning.
pub(super) fn outside_start(text: &str) -> Option<&'static str> {
    OUTSIDE.iter().find(|(start, _)| *start == text).map(|(_, whose)| *whose)
}

/// Whether a value is what nobody can invent, and what it is.
pub(super) fn not_inventable(text: &str) -> Option<NotInventable> {
    let secret = |why| Some(NotInventable { why, public: false });
    let public = |why| Some(NotInventable { why, public: true });
    let key = text.contains("KEY");
    if key && (text.contains("PRIVATE KEY-----") || text.contains("PRIVATE KEY BLOCK-----")) {
        return secret("a private key, whose public half is elsewhere");
    }
    if key && text.contains("AGE-SECRET-KEY-") {
        return secret("a key that decrypts data kept elsewhere");
    }
    if is_packed(text) {
        return secret("packed data in base64, which nobody has looked into");
    }
    if CIPHERTEXT.matches(text) {
        return secret("encrypted text, which only a key kept elsewhere opens");
    }
    if text.starts_with("-----BEGIN ") {
        return public("a certificate or public key, whose private half is elsewhere");
    }
    if text.contains(" AAAA") && SSH_PUBLIC.matches(text) {
        return public("a public key, whose private half is elsewhere");
    }
    if text.contains(['$', '{']) && HASH.matches(text) || HASH_MD5.matches(text) {
        return secret(A_HASH);
    }
    if is_signed(text) {
        return secret("a signed token, which only its issuer can make");
    }
    if text.starts_with('{') {
        if JWKS.matches(text) {
            return secret("a set of signing keys");
        }
        if REGISTRY.matches(text) {
            return secret("credentials of an image registry");
        }
        if SERVICE_ACCOUNT.matches(text) {
            return secret("a cloud provider's service account");
        }
    }
    if text.contains(':') && KUBECONFIG.matches(text) {
        return secret("a way into a Kubernetes cluster");
    }
    None
}

#[cfg(test)]
mod tests;
