//! Settings that are made of several: lists, options of a command, names with values.

use super::{
    name::{self, Role},
    pattern::Pattern,
    shape::{is_setting, is_token},
};

/// An option without a value. What stands behind one letter may be a password: `-phunter2`.
static OPTION: Pattern = Pattern::new(
    r"^(--[a-z]+(-[a-z]+)*|-[A-Za-z]|-X(ms|mx|mn|ss)\d+[kmgKMG]?|-XX:[+-][A-Z][A-Za-z0-9]+)$",
);
static WORD: Pattern = Pattern::new(r"^[A-Za-z_][\w.-]*$");
static NAMES: Pattern = Pattern::new(r"^(/?[\w.*@+-]+|/)([,; ] *(/?[\w.*@+-]+|/))*$");

/// Whether each part of a value under a name that says nothing is a setting.
pub(super) fn are_settings(text: &str) -> bool {
    let are = |between: &[char], is: fn(&str) -> bool| {
        text.contains(between) && text.split(between).map(str::trim).all(is)
    };
    // A list of numbers may be one of codes.
    let listed = |it: &str| is_setting(it) && !it.chars().all(|c| c.is_ascii_digit());
    let begins = text.starts_with('-') && !text.contains(char::is_whitespace);
    are(&[',', ';'], listed) || are(&[' ', ',', '&'], is_named) || begins && is_named(text)
}

/// Whether a value names one or several: users, databases, queues.
pub(super) fn are_names(text: &str) -> bool {
    NAMES.matches(text) && !text.split([',', ';', ' ']).any(is_token)
}

/// Whether a word is an option, or a name with a value, and none of it a credential.
fn is_named(word: &str) -> bool {
    let Some((name, value)) = word.split_once('=') else { return OPTION.matches(word) };
    // `-Ddb.password`: the D belongs to the option.
    match name::role(name.strip_prefix("-D").unwrap_or(name)) {
        Role::Setting => is_setting(value) || WORD.matches(value) && !is_token(value),
        Role::Unknown => is_setting(value),
        Role::Doubtful | Role::Credential => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!([&OPTION, &WORD, &NAMES].iter().all(|pattern| pattern.get().is_some()));
    }

    #[test]
    fn lists_options_and_pairs_are_settings() {
        for text in [
            "-Xms512m -Xmx1g -XX:+UseG1GC -XX:MaxRAMPercentage=75.0",
            "-Dfile.encoding=UTF-8 -Duser.timezone=Europe/Berlin",
            "--max-old-space-size=4096",
            "--workers=4 --bind=0.0.0.0:8000",
            "--verbose",
            "-c statement_timeout=0",
            "host=db port=5432 user=shop dbname=shop sslmode=disable",
            "service.name=shop,deployment.environment=prod",
            "useSSL=false&allowPublicKeyRetrieval=true",
            "10.0.0.0/8,192.168.0.0/16",
            "ops@acme.com, dev@acme.com",
        ] {
            assert!(are_settings(text), "{text}");
        }
    }

    #[test]
    fn one_part_that_could_be_a_credential_makes_it_none() {
        for text in [
            "",
            "hunter2",
            "-hunter2",
            "--hunter2",
            "-phunter2",
            "-uroot -phunter2",
            "-u root -p hunter2",
            "--user shop --auth hunter2",
            "-Dpin=1234",
            "-Dpw=true -Dx=1",
            "-Durl=postgres://shop:hunter2@db/shop",
            "--foo=hunter2",
            "user=shop pin=1234",
            "user=shop login=hunter2hunter2A1B2",
            "port=5432",
            "correct,horse,battery",
            "correct horse battery",
            "prod,hunter2",
            "prod,",
            ",",
            "123456,654321",
            "host=db hunter2",
            "host=db\npassword=hunter2",
        ] {
            assert!(!are_settings(text), "{text}");
        }
    }

    #[test]
    fn names_are_told_from_pairs_and_tokens() {
        for text in ["shop", "app,report", "app;report", "app report", "/,shop", "*", "a@b.de"] {
            assert!(are_names(text), "{text}");
        }
        for text in
            ["admin:hunter2", "admin=hunter2", "a\nb", "aB3dE5gH7jK9mN1p", "P@ssw0rd2023", ""]
        {
            assert!(!are_names(text), "{text}");
        }
    }
}
