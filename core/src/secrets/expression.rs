//! Code in the place of a value: an expression that reads a variable, a file, a setting.

use super::{
    name::{self, Role},
    pattern::Pattern,
    shape::is_token,
};

/// Words of what reads: `os.environ.get`, `System.getenv`, `requireEnv`.
const READERS: [&str; 19] = [
    "env",
    "getenv",
    "environ",
    "environment",
    "get",
    "fetch",
    "read",
    "var",
    "config",
    "conf",
    "setting",
    "settings",
    "lookup",
    "require",
    "file",
    "path",
    "open",
    "dig",
    "data",
];

/// A call or an index, what is done with its result, and an empty default. The first literal alone may
/// say something: any other may be a default, and that is a credential.
static READING: Pattern = Pattern::new(
    r#"(?x)^
    \$?[A-Za-z_]\w* ((\.|::|->)[A-Za-z_]\w*)* [!?]?
    (
        \( \s*
            (
                ("[\w./:~-]+" | '[\w./:~-]+' | :[a-z_]\w*)
                (\s*,\s* (:[a-z_]\w* | (default\s*=\s*)? (""|''|None|null|nil|undefined)))*
            )?
        \s*,?\s* \)
        |
        (\[("[\w./:~-]+"|'[\w./:~-]+')\])+
    )
    ((\.|::|->)[A-Za-z_]\w*[!?]? (\( (["']utf-?8["'])? \))?)*
    (\s*(\|\||\?\?|or)\s*(""|''|None|null|nil|undefined) | \s*\{\s*(""|''|nil)?\s*\})?
    [,;]?$"#,
);
/// What a variable of Node is called, with an empty default.
static NODE: Pattern =
    Pattern::new(r#"^process\.env\.[A-Za-z_]\w*(\s*(\|\||\?\?)\s*(""|''|null|undefined))?[,;]?$"#);
/// A field of what Terraform, a program or Rails knows.
static FIELD: Pattern = Pattern::new(
    r"^(var|local|config|settings|env|Rails\.application\.credentials)(\.[A-Za-z_]+)+[,;]?$",
);

/// A call with a default: what comes before that, the default, and the rest.
static DEFAULTED: Pattern = Pattern::new(
    r#"^(\$?[A-Za-z_]\w*(?:(?:\.|::|->)[A-Za-z_]\w*)*\(\s*(?:"[\w./:~-]+"|'[\w./:~-]+')\s*,\s*(?:default\s*=\s*)?["'])([^"'\\]+)(["']\s*\)[,;]?)$"#,
);

/// A call that reads something elsewhere, taken apart at its default, which stands for that where it is
/// missing.
pub(super) fn defaulted(text: &str) -> Option<[&str; 3]> {
    let [start, default, end] =
        text.ends_with([')', ',', ';']).then(|| DEFAULTED.groups(text)).flatten()?;
    (reads(start) && !brings(start)).then_some([start, default, end])
}

/// Commands that only read or make something.
static COMMAND: Pattern = Pattern::new(
    r"^\s*(<\s*[\w./-]+|cat\s+[\w./-]+|openssl\s+rand(\s+-(hex|base64))?\s+\d+|uuidgen)\s*$",
);

/// Whether a text is the output of a command that brings no credential along.
pub(super) fn is_command(text: &str) -> bool {
    let inner = match text.strip_prefix("$(") {
        Some(rest) => rest.strip_suffix(')'),
        None => text.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')),
    };
    inner.is_some_and(|it| COMMAND.matches(it))
}

/// Whether what is called reads something.
fn reads(text: &str) -> bool {
    let called = text.split(['(', '[']).next().unwrap_or_default();
    name::words(called).iter().any(|word| READERS.contains(&word.as_str()))
}

/// Whether a literal in it is no name of something.
fn brings(text: &str) -> bool {
    text.split(['"', '\'']).skip(1).step_by(2).any(is_token)
}

/// Whether a text is an expression that only reads what stands elsewhere, also in a template of Ruby.
pub(super) fn is_expression(text: &str) -> bool {
    let text = match text.strip_prefix("<%=").and_then(|it| it.strip_suffix("%>")) {
        Some(inner) => inner.trim_end_matches('-').trim(),
        None => text,
    };
    if text.starts_with("process.env.") && NODE.matches(text) {
        return true;
    }
    if !text.contains(['(', '[']) {
        return text.contains('.') && FIELD.matches(text) && name::role(text) == Role::Credential;
    }
    READING.matches(text) && reads(text) && !brings(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(
            [&READING, &NODE, &FIELD, &DEFAULTED].iter().all(|pattern| pattern.get().is_some())
        );
    }

    #[test]
    fn what_reads_something_elsewhere_is_an_expression() {
        for text in [
            "env('SECRET_KEY')",
            "os.environ['TOKEN']",
            "os.environ.get('POSTGRES_PASSWORD', '')",
            "os.environ.get(\"POSTGRES_PASSWORD\", None),",
            "get(\"db.password\", default=\"\")",
            "Path(\"/run/secrets/token\").read_text().strip()",
            "open('/run/secrets/token').read().decode('utf-8')",
            "System.fetch_env!(\"DB_PASSWORD\"),",
            "System.getenv(\"DB_PASSWORD\");",
            "ENV[\"DB_PASSWORD\"]",
            "ENV.fetch('S')",
            "ENV.fetch('S') { }",
            "getenv('DB_PASSWORD')",
            "env('APP_SECRET', null)",
            "$_ENV['DB_PASSWORD']",
            "$config->get('db/password')",
            "config('app.key')",
            "config.get('session.secret'),",
            "process.env.DB_PASSWORD || '',",
            "requireEnv('API_KEY')",
            "std.extVar('pw')",
            "Rails.application.credentials.dig(:db, :password)",
            "Rails.application.credentials.api_key",
            "var.db_password",
            "data.vault.x[\"token\"]",
            "<%= ENV['DB_PASSWORD'] %>",
            "<%= Rails.application.credentials.dig(:db, :password) -%>",
            "<%= File.read('/run/t').strip %>",
        ] {
            assert!(is_expression(text), "{text}");
        }
    }

    #[test]
    fn of_a_call_with_a_default_that_is_told_apart() {
        for (text, expected) in [
            ("env('SECRET_KEY', 'hunter2')", Some("hunter2")),
            ("os.environ.get(\"PW\", \"hunter2\"),", Some("hunter2")),
            ("env('PW', default='hunter2')", Some("hunter2")),
            ("SecretStr('a', 'hunter2')", None),
            ("env('aB3dE5gH7jK9mN1p', 'hunter2')", None),
            ("env('PW', 'hun' + 'ter2')", None),
        ] {
            assert_eq!(defaulted(text).map(|it| it[1]), expected, "{text}");
        }
    }

    #[test]
    fn the_output_of_a_command_that_reads_or_makes_something_is_no_credential() {
        for text in ["$(< /run/pw)", "$(openssl rand -hex 16)", "`cat /run/pw`", "$(uuidgen)"] {
            assert!(is_command(text), "{text}");
        }
        for text in [
            "$()",
            "$(cat /run/pw",
            "$(echo hunter2)",
            "$(printf %s hunter2 | base64)",
            "$(curl -u ops:hunter2 http://x)",
            "$(decode aB3dE5gH7jK9mN1p)",
            "$(cat /run/a)hunter2$(cat /run/b)",
            "$(cat <<< hunter2)",
            "$(/bin/echo hunter2)",
            "$(openssl enc -d -k hunter2 -in /x)",
            "hunter2`x`",
        ] {
            assert!(!is_command(text), "{text}");
        }
    }

    #[test]
    fn what_brings_a_credential_along_is_no_expression() {
        for text in [
            "",
            "hunter2",
            "hunter2()",
            "(hunter2)",
            "Pass(word)1",
            "correct.horse.battery",
            "env.hunter",
            "env.password1",
            "SecretStr('hunter2')",
            "os.environ.get('DB_PASSWORD') or 'hunter2'",
            "os.environ.get('DB_PASSWORD', 'hunter2')",
            "env('DB_PASSWORD', default='hunter2')",
            "env('DB_PASSWORD', hunter2)",
            "config('db').default('hunter2')",
            "config('db').getOrElse(\"hunter2\")",
            "ENV.fetch('S') { 'hunter2' }",
            "process.env.DB_PASSWORD || 'hunter2'",
            "get('aB3dE5gH7jK9mN1p')",
            "getenv('X').'hunter2'",
            "getenv('X') + 'hunter2'",
            "<%= ENV['X'] || 'hunter2' %>",
            "<% env('X') %>",
            "env['X'",
            "env(X)",
        ] {
            assert!(!is_expression(text), "{text}");
        }
    }
}
