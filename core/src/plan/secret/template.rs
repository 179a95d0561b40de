//! Texts of the user's: a closed table of what may be filled in, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    api::staging_plan::Severity,
    plan::{context::Context, log::Log, object::Object, ours, route},
    secrets::{EVERY_KEY, PlannedSecret, PlannedValue, TemplatePart},
};

/// All that there is, for messages.
const KNOWN: &str = "${secret:NAME/KEY}, ${environment}, ${namespace}, ${url}, ${host:SERVICE}, and $$ for a dollar sign";

/// What templates are filled with.
pub(super) struct Words<'a> {
    clones: &'a [Object],
    urls: &'a [String],
    context: &'a Context<'a>,
}

impl<'a> Words<'a> {
    pub(super) fn new(clones: &'a [Object], urls: &'a [String], context: &'a Context<'a>) -> Self {
        Self { clones, urls, context }
    }

    /// Fills the templates among the recipes with names of the clone.
    pub(super) fn fill_all(&self, recipes: &mut BTreeMap<String, PlannedSecret>, log: &mut Log) {
        let mut invalid = |secret: &str, key: &str, why: String| {
            log.find(
                Severity::Blocks,
                &self.context.environment(),
                "/spec/secrets/rules",
                "invalid-template",
                format!("the template for key {key} of Secret {secret}: {why}"),
                "correct template in the rule",
            );
        };
        for (secret, recipe) in recipes.iter_mut() {
            for (key, value) in &mut recipe.keys {
                let PlannedValue::Template(parts) = value else { continue };
                let [TemplatePart::Text(text)] = parts.as_slice() else { continue };
                match self.fill(text) {
                    Ok(filled) => *parts = filled,
                    Err(why) => invalid(secret, key, why),
                }
            }
        }
        for (secret, recipe) in &*recipes {
            for (key, value) in &recipe.keys {
                let PlannedValue::Template(parts) = value else { continue };
                for part in parts {
                    let TemplatePart::Value { secret: from, key: named } = part else { continue };
                    if let Some(why) = no_value(recipes, from, named) {
                        invalid(secret, key, why);
                    }
                }
            }
        }
    }

    /// Takes a template apart. What only the target knows stays a reference.
    fn fill(&self, template: &str) -> Result<Vec<TemplatePart>, String> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            text.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                text.push('$');
                rest = after;
                continue;
            }
            let name = after.strip_prefix('{').and_then(|after| after.split_once('}'));
            let Some((name, after)) = name else {
                return Err(format!("a $ stands alone; there are {KNOWN}"));
            };
            match name.split_once(':') {
                Some(("secret", place)) => {
                    let (secret, key) = place
                        .split_once('/')
                        .filter(|(secret, key)| !secret.is_empty() && !key.is_empty())
                        .ok_or_else(|| format!("${{{name}}} is not ${{secret:NAME/KEY}}"))?;
                    if !text.is_empty() {
                        parts.push(TemplatePart::Text(std::mem::take(&mut text)));
                    }
                    parts.push(TemplatePart::Value {
                        secret: secret.to_owned(),
                        key: key.to_owned(),
                    });
                }
                _ => text.push_str(&self.word(name)?),
            }
            rest = after;
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(TemplatePart::Text(text));
        }
        Ok(parts)
    }

    fn word(&self, name: &str) -> Result<String, String> {
        match name.split_once(':') {
            None if name == "environment" => Ok(self.context.request.environment.name.clone()),
            None if name == "namespace" => Ok(self.context.target().to_owned()),
            None if name == "url" => self.urls.first().cloned().ok_or_else(|| {
                "${url}: the clone has no preview URL, since it has no route or its class no expose.domain".to_owned()
            }),
            Some(("host", service)) => self.host(service),
            _ => Err(format!("${{{name}}} is not known; there are {KNOWN}")),
        }
    }

    /// The preview host that leads to a Service.
    fn host(&self, service: &str) -> Result<String, String> {
        let mut known = BTreeSet::new();
        for ingress in self.clones.iter().filter(|it| ours::is(it, "networking.k8s.io", "Ingress"))
        {
            let backends = route::backends(ingress);
            known.extend(backends.iter().map(|(name, _)| name.clone()));
            if !backends.iter().any(|(name, _)| name == service) {
                continue;
            }
            let rules = ingress.get("/spec/rules").and_then(Value::as_array).into_iter().flatten();
            for rule in rules {
                let paths = rule.pointer("/http/paths").and_then(Value::as_array);
                let leads = paths.into_iter().flatten().any(|path| {
                    path.pointer("/backend/service/name").and_then(Value::as_str) == Some(service)
                });
                if let Some(host) = rule["host"].as_str().filter(|_| leads) {
                    return Ok(host.to_owned());
                }
            }
        }
        let there = if known.is_empty() {
            "there is none".to_owned()
        } else {
            format!("there are some for {}", known.into_iter().collect::<Vec<_>>().join(", "))
        };
        Err(format!("${{host:{service}}}: no preview host leads to a Service {service:?}; {there}"))
    }
}

/// Why a template cannot take a key of a cloned Secret.
fn no_value(recipes: &BTreeMap<String, PlannedSecret>, secret: &str, key: &str) -> Option<String> {
    let Some(recipe) = recipes.get(secret) else {
        let known: Vec<&str> = recipes.keys().map(String::as_str).collect();
        return Some(format!("no Secret {secret} is cloned; there are {}", known.join(", ")));
    };
    match recipe.keys.get(key) {
        Some(PlannedValue::Parts(_) | PlannedValue::Keys(_) | PlannedValue::From(_)) => None,
        Some(PlannedValue::Template(_)) => {
            Some(format!("{secret}/{key} is a template itself: write its text here"))
        }
        None if recipe.keys.contains_key(EVERY_KEY) => None,
        None => {
            let known: Vec<&str> = recipe.keys.keys().map(String::as_str).collect();
            Some(format!("Secret {secret} has no key {key}; it has {}", known.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::fixture;

    fn filled(template: &str) -> Result<Vec<TemplatePart>, String> {
        let request = fixture::request(json!({}), json!({}));
        let capture = fixture::capture();
        let context = Context::new(&request, &capture).unwrap();
        let path = json!({"backend": {"service": {"name": "web", "port": {"number": 80}}}});
        let ingress = fixture::object(
            "networking.k8s.io/v1",
            "Ingress",
            "web",
            json!({"spec": {"rules": [{"host": "web.staging.test", "http": {"paths": [path]}}]}}),
        );
        let urls = ["https://web.staging.test".to_owned()];
        Words::new(&[ingress], &urls, &context).fill(template)
    }

    #[test]
    fn names_of_the_clone_are_filled_in_and_values_stay_references() {
        let text = |text: &str| TemplatePart::Text(text.to_owned());
        let value = TemplatePart::Value { secret: "db".to_owned(), key: "password".to_owned() };
        assert_eq!(
            filled("postgres://${environment}:${secret:db/password}@db.${namespace}.svc/a$$b"),
            Ok(vec![text("postgres://pr-7:"), value, text("@db.stg-pr-7-abcde.svc/a$b")])
        );
        assert_eq!(
            filled("${url}/login on ${host:web}"),
            Ok(vec![text("https://web.staging.test/login on web.staging.test")])
        );
    }

    #[test]
    fn what_is_not_known_is_refused_with_all_that_is() {
        for (template, says) in [
            ("${nonsense}", "${secret:NAME/KEY}, ${environment}"),
            ("${secret:db}", "is not ${secret:NAME/KEY}"),
            ("costs 5$", "a $ stands alone"),
            ("${host:api}", "there are some for web"),
        ] {
            let why = filled(template).unwrap_err();
            assert!(why.contains(says), "{template}: {why}");
        }
    }

    #[test]
    fn a_value_alone_is_no_text_beside_it() {
        let value = TemplatePart::Value { secret: "db".to_owned(), key: "p".to_owned() };
        assert_eq!(filled("${secret:db/p}"), Ok(vec![value.clone()]));
        assert_eq!(filled("${secret:db/p}${secret:db/p}"), Ok(vec![value.clone(), value]));
        assert_eq!(filled(""), Ok(vec![]));
        for template in ["${secret:/p}", "${secret:db/}"] {
            assert!(filled(template).is_err(), "{template}");
        }
    }

    #[test]
    fn a_host_is_the_one_that_leads_to_the_service() {
        let rule = |host: &str, service: &str| {
            let backend =
                json!({"backend": {"service": {"name": service, "port": {"number": 80}}}});
            json!({"host": host, "http": {"paths": [backend]}})
        };
        let ingress = |kind: &str, name: &str, rules: Value| {
            fixture::object("networking.k8s.io/v1", kind, name, json!({"spec": {"rules": rules}}))
        };
        let clones = [
            ingress("NetworkPolicy", "it", json!([rule("wrong.test", "api")])),
            ingress("Ingress", "web", json!([rule("web.test", "web")])),
            ingress("Ingress", "api", json!([rule("docs.test", "docs"), rule("api.test", "api")])),
        ];
        let request = fixture::request(json!({}), json!({}));
        let capture = fixture::capture();
        let context = Context::new(&request, &capture).unwrap();
        let words = Words::new(&clones, &[], &context);
        for (service, host) in [("web", "web.test"), ("docs", "docs.test"), ("api", "api.test")] {
            assert_eq!(words.host(service), Ok(host.to_owned()));
        }
        let none = words.host("db").unwrap_err();
        assert!(none.contains("there are some for api, docs, web"), "{none}");
        let none = Words::new(&[], &[], &context).host("db").unwrap_err();
        assert!(none.ends_with("there is none"), "{none}");
    }

    #[test]
    fn a_template_takes_what_a_secret_holds_or_may_hold() {
        let place = crate::secrets::Place {
            origin: crate::secrets::Origin::Request,
            secret: "mine".to_owned(),
            key: "k".to_owned(),
        };
        let recipe = |key: &str, value: PlannedValue| PlannedSecret {
            keys: BTreeMap::from([(key.to_owned(), value)]),
        };
        let recipes = BTreeMap::from([
            ("db".to_owned(), recipe("p", PlannedValue::Parts(Vec::new()))),
            ("tls".to_owned(), recipe("k", PlannedValue::Keys(Vec::new()))),
            ("text".to_owned(), recipe("t", PlannedValue::Template(Vec::new()))),
            ("whole".to_owned(), recipe(EVERY_KEY, PlannedValue::From(place))),
        ]);
        for (secret, key, says) in [
            ("db", "p", None),
            ("tls", "k", None),
            ("whole", "any", None),
            ("db", "q", Some("Secret db has no key q; it has p")),
            ("text", "t", Some("text/t is a template itself: write its text here")),
            ("gone", "p", Some("no Secret gone is cloned; there are db, text, tls, whole")),
        ] {
            assert_eq!(no_value(&recipes, secret, key).as_deref(), says, "{secret}/{key}");
        }
    }
}
