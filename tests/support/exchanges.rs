//! Exchanges with an API server, as `tests/sim/conformance.yaml` has them: what is asked, and what a real
//! one answered.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One request and its answer.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// What it shows, in a sentence.
    pub shows: String,
    /// `GET /api/v1/namespaces`. A word with `$` stands for what an earlier exchange has kept.
    pub ask: String,
    /// The type of the body, if it is not plain JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// What is accepted, if it is not plain JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<String>,
    /// The body.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
    /// What later exchanges need: a name, and where it is in the answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keep: BTreeMap<String, String>,
    /// Asked again until this is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u16>,
    /// Of a watch: so many events are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<usize>,
    /// Only the status of its answer counts: the object is the operator's to change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bodiless: bool,
    /// What was answered: the status, and the body; of a watch, its events.
    pub code: u16,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub answer: Value,
}

/// Where they are.
pub fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/sim/conformance.yaml")
}

/// All of them, in their order.
pub fn all() -> Vec<Exchange> {
    let text = std::fs::read_to_string(file()).expect("the exchanges");
    serde_saphyr::from_str(&text).expect("exchanges")
}

/// What is the same in every run, whichever server answers.
#[derive(Default)]
pub struct Run {
    kept: BTreeMap<String, String>,
    uids: Vec<String>,
    versions: Vec<String>,
}

impl Run {
    /// A text with what earlier exchanges have kept in the place of `$` and its name.
    pub fn filled(&self, text: &str) -> String {
        self.kept
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${name}"), value))
    }

    /// The same for all texts of a body.
    pub fn filled_in(&self, body: &Value) -> Value {
        match body {
            Value::String(text) => json!(self.filled(text)),
            Value::Array(items) => items.iter().map(|it| self.filled_in(it)).collect(),
            Value::Object(map) => {
                map.iter().map(|(key, it)| (key.clone(), self.filled_in(it))).collect()
            }
            other => other.clone(),
        }
    }

    /// Takes note of an answer; the exchange with what does not differ from one run to another.
    pub fn took(&mut self, asked: &Exchange, code: u16, answer: &Value) -> Exchange {
        for (name, at) in &asked.keep {
            let value = answer.pointer(at).and_then(Value::as_str).unwrap_or_default();
            self.kept.insert(name.clone(), value.to_owned());
        }
        if asked.bodiless {
            return Exchange { code, answer: Value::Null, ..asked.clone() };
        }
        self.learn(answer);
        let answer = self.plain(answer, "");
        Exchange { code, answer, ..asked.clone() }
    }

    fn learn(&mut self, value: &Value) {
        match value {
            Value::Object(map) => {
                for (key, it) in map {
                    let known = match (key.as_str(), it.as_str()) {
                        ("uid", Some(uid)) => Some((&mut self.uids, uid)),
                        ("resourceVersion", Some(version)) if !is_of_cluster(map) => {
                            Some((&mut self.versions, version))
                        }
                        _ => None,
                    };
                    match known {
                        Some((all, new)) if !all.iter().any(|it| it == new) => {
                            all.push(new.to_owned());
                        }
                        Some(_) => {}
                        None => self.learn(it),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|it| self.learn(it)),
            _ => {}
        }
    }

    fn plain(&self, value: &Value, key: &str) -> Value {
        match value {
            Value::Object(map) => {
                let mut plain = serde_json::Map::new();
                for (key, it) in map {
                    let it = match key.as_str() {
                        "resourceVersion" if is_of_cluster(map) => json!("of the cluster"),
                        "managedFields" => self.owners(it),
                        key => self.plain(it, key),
                    };
                    plain.insert(self.plain_text(key, ""), it);
                }
                Value::Object(plain)
            }
            Value::Array(items) => items.iter().map(|it| self.plain(it, "")).collect(),
            Value::String(text) => json!(self.plain_text(text, key)),
            other => other.clone(),
        }
    }

    /// Who owns which fields, in one order. Who owns a map or an item apart from what is in it, and when
    /// somebody last wrote, is not looked at.
    fn owners(&self, entries: &Value) -> Value {
        let mut entries: Vec<Value> = entries.as_array().cloned().unwrap_or_default();
        for it in &mut entries {
            it.as_object_mut().map(|it| it.remove("time"));
            bare(&mut it["fieldsV1"]);
            *it = self.plain(it, "");
        }
        entries.sort_by_key(|it| {
            format!("{} {} {}", it["manager"], it["operation"], it["subresource"])
        });
        Value::Array(entries)
    }

    fn plain_text(&self, text: &str, key: &str) -> String {
        match key {
            "resourceVersion" => {
                let at = self.versions.iter().position(|it| it == text).unwrap_or_default();
                return format!("version {}", at + 1);
            }
            "continue" => return "a token".to_owned(),
            _ if text.parse::<jiff::Timestamp>().is_ok() => return "a time".to_owned(),
            _ => {}
        }
        let mut text = text.to_owned();
        for (at, uid) in self.uids.iter().enumerate() {
            text = text.replace(uid, &format!("uid {}", at + 1));
        }
        if key == "message" {
            for version in &self.versions {
                text = text.replace(&format!("({version})"), "(a version)");
            }
            // What the oldest version is that it remembers is the cluster's.
            if let Some((first, _)) = text.split_once("too old resource version") {
                return format!("{first}too old resource version");
            }
            // What was wrong with the bytes of a token is the decoder's affair.
            if let Some((first, _)) = text.split_once("continue key is not valid") {
                return format!("{first}continue key is not valid");
            }
        }
        // Names that the server has made are not made of anything else.
        for (name, value) in self.kept.iter().filter(|(_, value)| value.starts_with("made-")) {
            text = text.replace(value.as_str(), &format!("${name}"));
        }
        text
    }
}

/// Whether these are the metadata of a list or of a bookmark: their version is whatever the cluster is at.
fn is_of_cluster(metadata: &serde_json::Map<String, Value>) -> bool {
    !metadata.contains_key("name")
}

fn bare(fields: &mut Value) {
    for it in fields.as_object_mut().into_iter().flat_map(|it| {
        it.remove(".");
        it.values_mut()
    }) {
        bare(it);
    }
}

/// Where two answers differ first.
pub fn difference(recorded: &Exchange, found: &Exchange) -> Option<String> {
    let (shows, answer) = (&found.shows, &found.answer);
    if recorded.code != found.code {
        let (code, wanted) = (found.code, recorded.code);
        return Some(format!("{shows}: {code} is answered and not {wanted}: {answer}"));
    }
    Some(format!("{shows}: {}", first(&recorded.answer, answer, "")?))
}

/// Where two values differ first.
pub fn first(wanted: &Value, found: &Value, at: &str) -> Option<String> {
    match (wanted, found) {
        _ if wanted == found => None,
        (Value::Object(known), Value::Object(there)) => {
            let mut keys = known.keys().chain(there.keys());
            let key = keys.find(|key| known.get(*key) != there.get(*key))?;
            first(&wanted[key], &found[key], &format!("{at}/{key}"))
        }
        (Value::Array(known), Value::Array(there)) if known.len() == there.len() => {
            let place = known.iter().zip(there).position(|(known, there)| known != there)?;
            first(&known[place], &there[place], &format!("{at}/{place}"))
        }
        _ => Some(format!("{at}: {found} and not {wanted}").chars().take(400).collect()),
    }
}
