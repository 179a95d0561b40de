//! `spec.secrets`, ready to be asked.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobMatcher};

use crate::{
    api::{
        identity::ObjectName,
        secrets::{SecretDefault, SecretPolicy, SecretRule},
        staging_plan::Severity,
    },
    plan::{context::Context, log::Log, unused},
};

/// `spec.secrets`, compiled.
pub(super) struct Rules<'a> {
    list: Vec<Compiled<'a>>,
    default: SecretDefault,
    invalid: Vec<(usize, String)>,
}

struct Compiled<'a> {
    /// Its place in the spec.
    at: usize,
    name: GlobMatcher,
    /// Empty: all.
    keys: Vec<GlobMatcher>,
    rule: &'a SecretRule,
}

/// What happens to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy<'a> {
    /// Invented anew.
    Generate,
    /// As it is in production.
    Copy,
    /// Left out.
    Omit,
    /// The same key of this Secret of the request namespace.
    From(&'a str),
    /// This text.
    Template(&'a str),
}

impl<'a> Rules<'a> {
    pub(super) fn of(context: &Context<'a>) -> Self {
        let secrets = &context.request.spec.secrets;
        let mut compiled = Self { list: Vec::new(), default: secrets.default, invalid: Vec::new() };
        for (at, rule) in secrets.rules.iter().enumerate() {
            let keys: Result<Vec<_>, String> = rule.keys.iter().map(|key| glob(key)).collect();
            let from = rule.from.as_ref().map(|it| ObjectName::parse(&it.name)).transpose();
            match (glob(&rule.name), keys, from) {
                (Ok(name), Ok(keys), Ok(_)) => {
                    compiled.list.push(Compiled { at, name, keys, rule });
                }
                (Err(why), ..) | (_, Err(why), _) => {
                    compiled.invalid.push((at, format!("not a glob: {why}")));
                }
                (.., Err(why)) => compiled.invalid.push((at, format!("from: {why}"))),
            }
        }
        compiled
    }

    /// What happens to a key: the first rule that matches counts.
    pub(super) fn policy(&self, secret: &str, key: &str) -> Policy<'a> {
        self.list
            .iter()
            .find(|it| it.name.is_match(secret) && it.takes(key))
            .and_then(|it| policy(it.rule))
            .unwrap_or(match self.default {
                SecretDefault::Generate => Policy::Generate,
                SecretDefault::Omit => Policy::Omit,
            })
    }

    /// Keys that rules give to a Secret by their full names.
    pub(super) fn named_keys(&self, secret: &str) -> impl Iterator<Item = &'a str> {
        self.list
            .iter()
            .filter(move |it| {
                let gives = matches!(policy(it.rule), Some(Policy::From(_) | Policy::Template(_)));
                it.name.is_match(secret) && gives
            })
            .flat_map(|it| it.rule.keys.iter().map(String::as_str))
            .filter(|key| !key.contains(['*', '?', '[', '{', '\\']))
    }

    /// The Secret of the request namespace that gives all its keys, if a rule says so.
    pub(super) fn every_key(&self, secret: &str) -> Option<&'a str> {
        let rule = self.list.iter().find(|it| it.name.is_match(secret) && it.keys.is_empty())?;
        match policy(rule.rule)? {
            Policy::From(from) => Some(from),
            Policy::Generate | Policy::Copy | Policy::Omit | Policy::Template(_) => None,
        }
    }

    /// Says which rules no key of these Secrets comes under. A Secret whose keys are not known has
    /// the key without a name.
    pub(super) fn unused(&self, known: &BTreeSet<(&str, &str)>, context: &Context, log: &mut Log) {
        let mut used = BTreeSet::new();
        for (secret, key) in known {
            let named = || self.list.iter().filter(|it| it.name.is_match(secret));
            if key.is_empty() {
                used.extend(named().map(|it| it.at));
            }
            let gives = self.named_keys(secret);
            for key in gives.chain([*key]) {
                used.extend(named().find(|it| it.takes(key)).map(|it| it.at));
            }
        }
        for it in self.list.iter().filter(|it| !used.contains(&it.at)) {
            let path = format!("/spec/secrets/rules/{}", it.at);
            let keys: Vec<String> = known
                .iter()
                .filter(|(secret, _)| it.name.is_match(secret))
                .map(|(_, key)| (*key).to_owned())
                .collect();
            if keys.is_empty() {
                let there = known.iter().map(|(secret, _)| *secret);
                unused::report(context, &path, &it.rule.name, "Secret", there, log);
            } else {
                let wanted = it.rule.keys.join(", ");
                let what = format!("key of Secret {} that no rule before takes", it.rule.name);
                let there = keys.iter().map(String::as_str);
                unused::report(context, &path, &wanted, &what, there, log);
            }
        }
    }

    /// Notes the rules that cannot be read.
    pub(super) fn report(&self, context: &Context, log: &mut Log) {
        for (at, why) in &self.invalid {
            log.find(
                Severity::Blocks,
                &context.environment(),
                &format!("/spec/secrets/rules/{at}"),
                "invalid-rule",
                why.clone(),
                "write name and keys with *, ?, [a-z] and {a,b} only, and in from the name of a Secret",
            );
        }
    }
}

impl Compiled<'_> {
    fn takes(&self, key: &str) -> bool {
        self.keys.is_empty() || self.keys.iter().any(|glob| glob.is_match(key))
    }
}

/// YAML for the environment that gives a key of a Secret; all of them if `key` is empty.
pub(in crate::plan) fn from_snippet(secret: &str, key: &str) -> String {
    let keys = if key.is_empty() { String::new() } else { format!("      keys: [{key:?}]\n") };
    format!(
        "# a Secret in the request namespace, labelled kulisse.dev/usable: \"true\"\n\
         spec:\n  secrets:\n    rules:\n    - name: {secret:?}\n{keys}      policy: From\n      from:\n        name: {secret:?}\n"
    )
}

/// `None` for `From` without a name and `Template` without a text, which the API server does not take.
fn policy(rule: &SecretRule) -> Option<Policy<'_>> {
    match rule.policy {
        SecretPolicy::Generate => Some(Policy::Generate),
        SecretPolicy::Copy => Some(Policy::Copy),
        SecretPolicy::Omit => Some(Policy::Omit),
        SecretPolicy::Template => rule.template.as_deref().map(Policy::Template),
        SecretPolicy::From => rule.from.as_ref().map(|from| Policy::From(&from.name)),
    }
}

fn glob(text: &str) -> Result<GlobMatcher, String> {
    GlobBuilder::new(text)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::fixture;

    #[test]
    fn a_rule_is_for_the_secrets_and_keys_that_it_names() {
        let from = json!({"name": "mine"});
        let rules = json!({"default": "Omit", "rules": [
            {"name": "a", "keys": ["x*"], "policy": "Omit"},
            {"name": "a*", "keys": ["given", "?"], "policy": "From", "from": from},
            {"name": "whole", "policy": "From", "from": from},
            {"name": "fresh", "policy": "Generate"},
            {"name": "text", "keys": ["t"], "policy": "Template", "template": "T"},
            {"name": "same", "policy": "Copy"},
        ]});
        let request = fixture::request(json!({ "secrets": rules }), json!({}));
        let capture = fixture::capture();
        let context = Context::new(&request, &capture).unwrap();
        let rules = Rules::of(&context);
        for (secret, key, expected) in [
            ("a", "xy", Policy::Omit),
            ("a", "given", Policy::From("mine")),
            ("ab", "g", Policy::From("mine")),
            ("ab", "xy", Policy::Omit),
            ("whole", "any", Policy::From("mine")),
            ("fresh", "any", Policy::Generate),
            ("text", "t", Policy::Template("T")),
            ("text", "u", Policy::Omit),
            ("same", "any", Policy::Copy),
            ("other", "given", Policy::Omit),
        ] {
            assert_eq!(rules.policy(secret, key), expected, "{secret} {key}");
        }
        for (secret, named, every) in [
            ("a", &["given"][..], None),
            ("ab", &["given"], None),
            ("text", &["t"], None),
            ("whole", &[], Some("mine")),
            ("fresh", &[], None),
            ("same", &[], None),
            ("other", &[], None),
        ] {
            assert_eq!(rules.named_keys(secret).collect::<Vec<_>>(), named, "{secret}");
            assert_eq!(rules.every_key(secret), every, "{secret}");
        }
    }
}
