//! What a container is told once variables are filled in: `postgres://$(USER)@$(HOST)/x`, where the
//! parts stand in Secrets, ConfigMaps and other variables.
//!
//! Each part by itself may look harmless: together they are an address. Kubernetes fills in
//! `$(NAME)`; in commands and arguments a shell fills in `$NAME` and `${NAME}`.

use std::collections::BTreeMap;

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

/// What variables can be filled in from.
pub(super) struct Known<'a> {
    settings: BTreeMap<&'a str, &'a Object>,
    secrets: &'a BTreeMap<String, PlannedSecret>,
}

/// A text that is filled in, and whether something of a Secret is in it.
#[derive(Default)]
struct Filled {
    text: String,
    secret: bool,
}

impl<'a> Known<'a> {
    /// Of a plan.
    pub(super) fn of(objects: &'a [Object], secrets: &'a BTreeMap<String, PlannedSecret>) -> Self {
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
            for (nth, entry) in object.expand(&format!("{container}/env/*")).iter().enumerate() {
                let path = format!("{entry}/value");
                let text = object.text(&path);
                if let Some(filled) = self.fill(object, &container, text, nth, false, DEPTH) {
                    add(path, object.text(&format!("{entry}/name")), filled);
                }
            }
            for list in ["command", "args"] {
                let path = format!("{container}/{list}");
                arguments(object.get(&path), &path, &mut |path, named, text| {
                    let all = usize::MAX;
                    if let Some(filled) = self.fill(object, &container, text, all, true, DEPTH) {
                        add(path, named, filled);
                    }
                });
            }
        }
        texts
    }

    /// A text with the variables filled in that are known before the one numbered `nth`; `None` if
    /// none is.
    fn fill(
        &self,
        object: &Object,
        container: &str,
        text: &str,
        nth: usize,
        shell: bool,
        depth: usize,
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
            let value = used.and_then(|(name, _)| self.value(object, container, name, nth, depth));
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
        object: &Object,
        container: &str,
        name: &str,
        nth: usize,
        depth: usize,
    ) -> Option<Filled> {
        let entries = object.expand(&format!("{container}/env/*"));
        let own = entries
            .iter()
            .enumerate()
            .take(nth)
            .rev()
            .find(|(_, entry)| object.text(&format!("{entry}/name")) == name);
        if let Some((at, entry)) = own {
            let reference = |kind: &str, field: &str| {
                object.text(&format!("{entry}/valueFrom/{kind}/{field}")).to_owned()
            };
            let plain = object.text(&format!("{entry}/value"));
            if !plain.is_empty() {
                let filled = self.fill(object, container, plain, at, false, depth - 1);
                return Some(filled.unwrap_or(Filled { text: plain.to_owned(), secret: false }));
            }
            return self
                .setting(
                    &reference("configMapKeyRef", "name"),
                    &reference("configMapKeyRef", "key"),
                )
                .or_else(|| {
                    self.secret(
                        &reference("secretKeyRef", "name"),
                        &reference("secretKeyRef", "key"),
                    )
                });
        }
        object.expand(&format!("{container}/envFrom/*")).iter().rev().find_map(|from| {
            let key = name.strip_prefix(object.text(&format!("{from}/prefix")))?;
            self.setting(object.text(&format!("{from}/configMapRef/name")), key)
                .or_else(|| self.secret(object.text(&format!("{from}/secretRef/name")), key))
        })
    }

    fn setting(&self, name: &str, key: &str) -> Option<Filled> {
        let text = self.settings.get(name)?.get(&format!("/data/{}", escape(key)))?.as_str()?;
        Some(Filled { text: text.to_owned(), secret: false })
    }

    fn secret(&self, name: &str, key: &str) -> Option<Filled> {
        match self.secrets.get(name)?.keys.get(key)? {
            PlannedValue::Parts(parts) => Some(Filled { text: shown(parts), secret: true }),
            PlannedValue::Keys(_) | PlannedValue::Template(_) | PlannedValue::From(_) => None,
        }
    }
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
