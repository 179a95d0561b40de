//! What a container is told once variables are filled in: `postgres://$(USER)@$(HOST)/x`, where the
//! parts stand in Secrets, ConfigMaps and other variables.
//!
//! Each part by itself may look harmless: together they are an address. Kubernetes fills in
//! `$(NAME)`; in commands and arguments a shell fills in `$NAME` and `${NAME}`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Origin, Text, arguments, shown};
use crate::{
    plan::{
        kinds,
        object::{Key, Object, escape},
    },
    secrets::{PlannedSecret, PlannedValue},
};

/// How deep variables that hold variables are followed.
const DEPTH: usize = 4;
/// Longest text that is filled in, in bytes: a longer one is a script, or a joke.
const LONGEST: usize = 4096;
/// Most variables that are looked up for one text, those within variables included: each of a thousand
/// that holds a thousand others would be looked up for itself.
const LOOKED_UP: usize = 256;

/// What variables can be filled in from.
pub(in crate::plan) struct Known<'a> {
    settings: BTreeMap<&'a str, &'a Object>,
    secrets: &'a BTreeMap<String, PlannedSecret>,
}

/// A text that is filled in, and whether something of a Secret is in it.
#[derive(Default)]
struct Filled {
    text: String,
    secret: bool,
}

/// What one container is given, found by name: some have a thousand variables.
struct Given<'a> {
    env: Vec<&'a Value>,
    /// The places in `env` of each name, in their order.
    named: BTreeMap<&'a str, Vec<usize>>,
    from: Vec<&'a Value>,
}

impl<'a> Given<'a> {
    fn of(object: &'a Object, container: &str) -> Self {
        let list = |field: &str| {
            let list = object.get(&format!("{container}/{field}")).and_then(Value::as_array);
            list.into_iter().flatten().collect::<Vec<_>>()
        };
        let (env, from) = (list("env"), list("envFrom"));
        let mut named: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, entry) in env.iter().enumerate() {
            named.entry(word(entry, "/name")).or_default().push(at);
        }
        Self { env, named, from }
    }

    /// The last variable of a name before the one numbered `nth`.
    fn before(&self, nth: usize, name: &str) -> Option<(usize, &'a Value)> {
        let all = self.named.get(name)?;
        let at = *all[..all.partition_point(|at| *at < nth)].last()?;
        Some((at, self.env[at]))
    }
}

impl<'a> Known<'a> {
    /// Of a plan.
    pub(in crate::plan) fn of(
        objects: &'a [Object],
        secrets: &'a BTreeMap<String, PlannedSecret>,
    ) -> Self {
        let settings = objects.iter().filter(|it| kinds::shape(it) == kinds::Shape::Settings);
        Self { settings: settings.map(|it| (it.name(), it)).collect(), secrets }
    }

    /// The texts of the containers of one object that hold variables, with those that are known
    /// filled in.
    pub(super) fn texts(&self, object: &Object, at: &str, key: &Key) -> Vec<Text> {
        let mut texts = Vec::new();
        for container in kinds::containers(object) {
            let mut add = |path: String, named: &str, filled: Filled| {
                texts.push(Text {
                    object: key.clone(),
                    path: format!("{at}{path}"),
                    named: named.to_owned(),
                    value: filled.text,
                    secret: filled.secret,
                    origin: Origin::Filled,
                });
            };
            let given = Given::of(object, &container);
            let fill = |text: &str, nth: usize, shell: bool| {
                self.fill(&given, text, nth, shell, DEPTH, &mut LOOKED_UP.clone())
            };
            for (nth, entry) in given.env.iter().enumerate() {
                if let Some(filled) = fill(word(entry, "/value"), nth, false) {
                    let path = format!("{container}/env/{nth}/value");
                    add(path, word(entry, "/name"), filled);
                }
            }
            for list in ["command", "args"] {
                let path = format!("{container}/{list}");
                arguments(object.get(&path), &path, &mut |path, named, text| {
                    if let Some(filled) = fill(text, usize::MAX, true) {
                        add(path, named, filled);
                    }
                });
            }
        }
        texts
    }

    /// A text of a shell in one container, with the variables filled in that are known; `None` if none is.
    pub(in crate::plan) fn filled(
        &self,
        object: &Object,
        container: &str,
        text: &str,
    ) -> Option<String> {
        let given = Given::of(object, container);
        let filled = self.fill(&given, text, usize::MAX, true, DEPTH, &mut LOOKED_UP.clone());
        filled.map(|it| it.text)
    }

    /// A text with the variables filled in that are known before the one numbered `nth`; `None` if
    /// none is.
    fn fill(
        &self,
        given: &Given,
        text: &str,
        nth: usize,
        shell: bool,
        depth: usize,
        left: &mut usize,
    ) -> Option<Filled> {
        if !text.contains('$') || text.len() > LONGEST || depth == 0 {
            return None;
        }
        let mut filled = Filled::default();
        let mut rest = text;
        let mut any = false;
        while let Some(start) = rest.find('$') {
            filled.text.push_str(&rest[..start]);
            rest = &rest[start..];
            let used = variable(rest, shell);
            let value = used.and_then(|(name, _)| {
                *left = left.checked_sub(1)?;
                self.value(given, name, nth, depth, left)
            });
            let length = used.map_or(1, |(_, length)| length);
            match value {
                Some(value) if filled.text.len() + value.text.len() <= LONGEST => {
                    filled.text.push_str(&value.text);
                    filled.secret |= value.secret;
                    any = true;
                }
                _ => filled.text.push_str(&rest[..length]),
            }
            rest = &rest[length..];
        }
        filled.text.push_str(rest);
        any.then_some(filled)
    }

    /// What a variable holds: the last of its name in `env`, else what `envFrom` gives.
    fn value(
        &self,
        given: &Given,
        name: &str,
        nth: usize,
        depth: usize,
        left: &mut usize,
    ) -> Option<Filled> {
        if let Some((at, entry)) = given.before(nth, name) {
            let plain = word(entry, "/value");
            if !plain.is_empty() {
                let filled = self.fill(given, plain, at, false, depth - 1, left);
                return filled.or_else(|| short(plain, false));
            }
            let reference =
                |kind: &str, field: &str| word(entry, &format!("/valueFrom/{kind}/{field}"));
            return self
                .setting(reference("configMapKeyRef", "name"), reference("configMapKeyRef", "key"))
                .or_else(|| {
                    self.secret(reference("secretKeyRef", "name"), reference("secretKeyRef", "key"))
                });
        }
        given.from.iter().rev().find_map(|from| {
            let key = name.strip_prefix(word(from, "/prefix"))?;
            self.setting(word(from, "/configMapRef/name"), key)
                .or_else(|| self.secret(word(from, "/secretRef/name"), key))
        })
    }

    fn setting(&self, name: &str, key: &str) -> Option<Filled> {
        let text = self.settings.get(name)?.get(&format!("/data/{}", escape(key)))?.as_str()?;
        short(text, false)
    }

    fn secret(&self, name: &str, key: &str) -> Option<Filled> {
        match self.secrets.get(name)?.keys.get(key)? {
            PlannedValue::Parts(parts) => short(&shown(parts), true),
            PlannedValue::Keys(_) | PlannedValue::Template(_) | PlannedValue::From(_) => None,
        }
    }
}

/// What a variable holds, unless it is longer than all that is filled in.
fn short(text: &str, secret: bool) -> Option<Filled> {
    (text.len() <= LONGEST).then(|| Filled { text: text.to_owned(), secret })
}

/// A text at a JSON pointer; empty if there is none.
fn word<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The variable that a text begins with, and the length of its use.
fn variable(text: &str, shell: bool) -> Option<(&str, usize)> {
    let inside = |open: &str, close: char| {
        let rest = text.strip_prefix(open)?;
        let end = rest.find(close)?;
        is_name(&rest[..end]).then_some((&rest[..end], open.len() + end + 1))
    };
    inside("$(", ')').or_else(|| inside("${", '}').filter(|_| shell)).or_else(|| {
        let rest = text.strip_prefix('$').filter(|_| shell)?;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        is_name(&rest[..end]).then_some((&rest[..end], end + 1))
    })
}

fn is_name(text: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    !text.is_empty() && text.chars().all(part) && !text.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        plan::fixture::{deployment, object},
        secrets::Part,
    };

    /// Name, value and secrecy of what a container is told, once it is filled in.
    fn filled(container: &Value) -> Vec<(String, String, bool)> {
        let text = |it: &str| PlannedValue::Parts(vec![Part::Text(it.to_owned())]);
        let keys = [("user".to_owned(), text("u")), ("long".to_owned(), text(&"s".repeat(4097)))];
        let secrets = BTreeMap::from([("login".to_owned(), PlannedSecret { keys: keys.into() })]);
        let data = json!({"data": {"host": "db.acme.com", "a/b": "slash"}});
        let objects = [
            object("v1", "ConfigMap", "settings", data.clone()),
            object("example.com/v1", "Other", "login", data),
        ];
        let web = deployment("web", json!({}), json!({"containers": [container]}));
        let texts = Known::of(&objects, &secrets).texts(&web, "", &web.key());
        assert!(texts.iter().all(|it| it.origin == Origin::Filled && it.object == web.key()));
        texts.into_iter().map(|it| (it.named, it.value, it.secret)).collect()
    }

    fn told(list: &[(&str, &str, bool)]) -> Vec<(String, String, bool)> {
        list.iter().map(|(name, text, secret)| ((*name).into(), (*text).into(), *secret)).collect()
    }

    #[test]
    fn a_use_of_a_variable_is_told_from_other_dollars() {
        for (text, shell, expected) in [
            ("$(A)b", false, Some(("A", 4))),
            ("$(A.b-c_d)", false, Some(("A.b-c_d", 10))),
            ("$(A", false, None),
            ("$()", true, None),
            ("$(1A)", false, None),
            ("$(A b)", true, None),
            ("${A}b", true, Some(("A", 4))),
            ("${A}b", false, None),
            ("${A:-b}", true, None),
            ("$A-b", true, Some(("A", 2))),
            ("$A_1.b", true, Some(("A_1", 4))),
            ("$A", true, Some(("A", 2))),
            ("$A", false, None),
            ("$1", true, None),
            ("$$", true, None),
            ("A", true, None),
        ] {
            assert_eq!(variable(text, shell), expected, "{text}");
        }
    }

    #[test]
    fn variables_are_filled_in_from_wherever_they_come() {
        let from = |kind: &str, name: &str, key: &str| {
            let mut from = json!({});
            from[kind] = json!({"name": name, "key": key});
            from
        };
        let found = filled(&json!({
            "name": "web",
            "env": [
                {"name": "HOST", "valueFrom": from("configMapKeyRef", "settings", "host")},
                {"name": "USER", "valueFrom": from("secretKeyRef", "login", "user")},
                {"name": "URL", "value": "db://$(USER)@$(HOST)/x"},
                {"name": "TWICE", "value": "$(URL)?$(LATER)"},
                {"name": "LATER", "value": "$(HOST)"},
                {"name": "SHELL", "value": "$HOST ${HOST} HOST"},
                {"name": "SAME", "value": "1"},
                {"name": "SAME", "value": "$(SAME)2"},
                {"name": "OTHER", "valueFrom": from("configMapKeyRef", "login", "host")},
                {"name": "NONE", "value": "$(OTHER)$(GONE)"},
            ],
            "envFrom": [
                {"prefix": "FROM_", "configMapRef": {"name": "settings"}},
                {"secretRef": {"name": "login"}},
            ],
            "command": ["run", "$(SAME)"],
            "args": ["--a=$SAME", "${FROM_host}", "$user$FROM_user", "$(FROM_a/b)"],
        }));
        assert_eq!(
            found,
            told(&[
                ("URL", "db://u@db.acme.com/x", true),
                ("TWICE", "db://u@db.acme.com/x?$(LATER)", true),
                ("LATER", "db.acme.com", false),
                ("SAME", "12", false),
                ("", "12", false),
                ("a", "12", false),
                ("", "db.acme.com", false),
                ("", "u$FROM_user", true),
            ])
        );
    }

    #[test]
    fn variables_in_variables_are_followed_four_deep() {
        let chain = json!([
            {"name": "A", "value": "x"},
            {"name": "B", "value": "$(A)"},
            {"name": "C", "value": "$(B)"},
            {"name": "D", "value": "$(C)"},
            {"name": "E", "value": "$(D)"},
            {"name": "F", "value": "$(E)"},
        ]);
        let ends: Vec<String> =
            filled(&json!({"name": "web", "env": chain})).into_iter().map(|it| it.1).collect();
        assert_eq!(ends, ["x", "x", "x", "x", "$(A)"]);
    }

    #[test]
    fn what_is_too_long_or_too_much_is_not_filled_in() {
        let x = |count: usize| "x".repeat(count);
        for (value, text, expected) in [
            // So long a text at most.
            (x(1), format!("$(A){}", x(4092)), Some(x(4093))),
            (x(1), format!("$(A){}", x(4093)), None),
            // So long a variable.
            (x(4096), "$(A)".to_owned(), Some(x(4096))),
            (x(4097), "$(A)".to_owned(), None),
            // So long together.
            (x(2048), "$(A)$(A)".to_owned(), Some(x(4096))),
            (x(2049), "$(A)$(A)".to_owned(), Some(format!("{}$(A)", x(2049)))),
            // So many.
            (x(1), "$(A)".repeat(300), Some(format!("{}{}", x(256), "$(A)".repeat(44)))),
        ] {
            let env = json!([{"name": "A", "value": value}, {"name": "B", "value": text}]);
            let found = filled(&json!({"name": "web", "env": env}));
            let found: Vec<String> = found.into_iter().map(|it| it.1).collect();
            assert_eq!(found, Vec::from_iter(expected), "{} {}", value.len(), text.len());
        }
        let from = json!([{"secretRef": {"name": "login"}}]);
        assert_eq!(
            filled(&json!({"name": "web", "envFrom": from, "args": ["$(long) $(user)"]})),
            told(&[("", "$(long) u", true)])
        );
    }
}
