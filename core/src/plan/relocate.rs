//! The new namespace, and every reference to the old one.
//!
//! ```text
//! fields   metadata.namespace, subjects, namespace selectors     by their place
//! values   POD_NAMESPACE=shop, --namespace shop                  by the name beside them
//! text     db.shop.svc, system:serviceaccount:shop:web           by their form, anywhere
//! ```
//!
//! A bare word that happens to equal the namespace is left alone: a Spring profile `prod` or a
//! database `shop` is the same in staging, and parity wants it so. Names of objects, labels and
//! selectors never change; nor do images, which nodes pull and not Pods.
//!
//! What is not rewritten is looked for again by [`super::audit`], with the same eyes.

mod place;
pub(super) mod text;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

use self::text::{Edit, Kind, Names, Place};
use super::{
    context::Context,
    kinds::{self, Shape},
    log::{Log, Rule},
    object::{Key, Object, escape, unescape},
};

const HOST: Rule =
    Rule { name: "service-host", why: "the Service answers in the clone's own namespace" };
const OWN: Rule = Rule {
    name: "own-namespace",
    why: "it names the namespace the application runs in, which is another one here",
};

/// The pass.
pub(super) fn relocate(objects: Vec<Object>, context: &Context, log: &mut Log) -> Vec<Object> {
    log.each(objects, |mut object, log| {
        object.set("/metadata/namespace", json!(context.target()));
        for change in rewrite(&mut object, context) {
            let rule = if change.kind == Kind::Host { &HOST } else { &OWN };
            let (from, to) = (json!(change.from), json!(change.to));
            log.changed(object.key(), &change.path, Some(&from), Some(&to), rule);
        }
        Some(object)
    })
}

/// The text with every reference to the source replaced, if it holds one. `named` is what names the
/// text: a field, a key.
pub(super) fn rewrite_text(context: &Context, named: &str, text: &str) -> Option<String> {
    let place = Place { named, ..Place::default() };
    let edits = text::edits(&Names::of(context), &place, text);
    (!edits.is_empty()).then(|| text::apply(text, &edits, context.target()))
}

/// Replaces every reference to the source in an object, and notes it under a rule.
pub(super) fn rewrite_object(context: &Context, object: &mut Object, rule: &Rule, log: &mut Log) {
    for it in rewrite(object, context) {
        log.changed(object.key(), &it.path, Some(&json!(it.from)), Some(&json!(it.to)), rule);
    }
}

/// A reference to the source that is left in an object.
pub(super) struct Mention {
    /// JSON pointer.
    pub(super) path: String,
    /// The word that refers to it.
    pub(super) word: String,
    /// How sure it is.
    pub(super) kind: Kind,
}

/// Every reference to the source in an object, sure or not. What stands in base64 is looked for
/// one level deep, and is never rewritten.
pub(super) fn mentions(context: &Context, object: &Object) -> Vec<Mention> {
    let names = Names::of(context);
    let settings = kinds::shape(object) == Shape::Settings;
    let variables = variables(object, context);
    let mut found = Vec::new();
    for part in place::parts(object, settings) {
        let Some(value) = object.get(&part) else { continue };
        place::each_text(value, &part, &mut |site, text| {
            let all = text::mentions(&names, &site.place(&variables), text);
            found.extend(all.into_iter().map(|it| mention(site.path, text, &it)));
            let encoded = text::encoded(&names, text).into_iter().map(|word| Mention {
                path: site.path.to_owned(),
                word,
                kind: Kind::Possible,
            });
            found.extend(encoded);
        });
    }
    found
}

/// References in files that are no text, one level of base64 deep. They are never rewritten: what
/// the file is made of is not known.
pub(super) fn mentions_in_files(context: &Context, object: &Object) -> Vec<Mention> {
    if kinds::shape(object) != Shape::Settings {
        return Vec::new();
    }
    let files = object.get("/binaryData").and_then(Value::as_object);
    let mut found = Vec::new();
    for (name, file) in files.into_iter().flatten() {
        let Some(bytes) = file.as_str().and_then(|it| BASE64.decode(it.as_bytes()).ok()) else {
            continue;
        };
        let path = format!("/binaryData/{}", escape(name));
        found.extend(mentions_in_text(context, &path, &String::from_utf8_lossy(&bytes)));
    }
    found
}

/// Every reference to the source in a text that stands at `path`.
pub(super) fn mentions_in_text(context: &Context, path: &str, text: &str) -> Vec<Mention> {
    let named = unescape(path.rsplit('/').next().unwrap_or_default());
    let mut found = mentions_under(context, &named, text);
    for it in &mut found {
        path.clone_into(&mut it.path);
    }
    found
}

/// Every reference to the source in a text that something names.
pub(super) fn mentions_under(context: &Context, named: &str, text: &str) -> Vec<Mention> {
    let place = Place { named, ..Place::default() };
    let found = text::mentions(&Names::of(context), &place, text);
    found.into_iter().map(|it| mention("", text, &it)).collect()
}

fn mention(path: &str, text: &str, edit: &Edit) -> Mention {
    Mention { path: path.to_owned(), word: text[edit.word.clone()].to_owned(), kind: edit.kind }
}

/// A rewritten piece of text.
struct Rewritten {
    path: String,
    from: String,
    to: String,
    kind: Kind,
}

fn rewrite(object: &mut Object, context: &Context) -> Vec<Rewritten> {
    let (names, target) = (&Names::of(context), context.target());
    let (mut changes, mut new) = (Vec::new(), Vec::new());
    let variables = variables(object, context);
    let settings = kinds::shape(object) == Shape::Settings;
    for part in place::parts(object, settings) {
        let Some(value) = object.get(&part) else { continue };
        place::each_text(value, &part, &mut |site, text| {
            let edits = text::edits(names, &site.place(&variables), text);
            for edit in &edits {
                let (from, to) = text::shown(text, edit, target);
                changes.push(Rewritten { path: site.path.to_owned(), from, to, kind: edit.kind });
            }
            if !edits.is_empty() {
                new.push((site.path.to_owned(), text::apply(text, &edits, target)));
            }
        });
    }
    for (path, text) in new {
        object.set(&path, json!(text));
    }
    changes.dedup_by(|a, b| a.path == b.path && a.from == b.from && a.to == b.to);
    changes
}

/// Variables that an object's containers have and that hold the source's name, but for those that are
/// rewritten where they are set: in `env`, and in ConfigMaps.
fn variables(object: &Object, context: &Context) -> Vec<String> {
    let mut found = Vec::new();
    place::variables(object.value(), context.source(), &mut found);
    let settings = |name: &str| {
        let key = Key { group: String::new(), kind: "ConfigMap".to_owned(), name: name.to_owned() };
        let data = context.by_key.get(&key).and_then(|it| it.get("/data")?.as_object());
        let own = |(name, value): &(&String, &Value)| {
            *value == context.source() && !text::variable::is_rewritten(name)
        };
        data.into_iter().flatten().filter(own).map(|(name, _)| name.as_str())
    };
    for container in kinds::containers(object) {
        for from in object.expand(&format!("{container}/envFrom/*")) {
            let prefix = object.text(&format!("{from}/prefix"));
            let keys = settings(object.text(&format!("{from}/configMapRef/name")));
            found.extend(keys.map(|it| format!("{prefix}{it}")));
        }
        for variable in object.expand(&format!("{container}/env/*")) {
            let reference = format!("{variable}/valueFrom/configMapKeyRef");
            let key = object.text(&format!("{reference}/key"));
            if settings(object.text(&format!("{reference}/name"))).any(|it| it == key) {
                found.push(object.text(&format!("{variable}/name")).to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{self, deployment, object, service};

    /// Looks at something with a source that has Services `db` and `web`, and some settings.
    fn with<T>(look: impl FnOnce(&Context) -> T) -> T {
        let (request, mut capture) = (fixture::request(json!({}), json!({})), fixture::capture());
        let data = json!({"data": {"ENV": "shop", "NAMESPACE": "shop", "OTHER": "shop-2"}});
        let settings = object("v1", "ConfigMap", "settings", data.clone());
        let secret = object("v1", "Secret", "secret", data);
        capture.objects = vec![service("db"), service("web"), settings, secret];
        look(&Context::new(&request, &capture).unwrap())
    }

    fn web(container: &Value) -> Object {
        deployment("web", json!({}), json!({"containers": [container]}))
    }

    #[test]
    fn every_reference_is_noted_once_where_it_stands() {
        let twice = "http://db.shop.svc http://db.shop.svc http://web.shop.svc";
        let args = json!([twice, "http://db.shop.svc", "--namespace=shop", "shop", "web.shop.x"]);
        let mut log = Log::default();
        let object = web(&json!({"name": "web", "image": "db.shop.svc/web", "args": args}));
        let made = with(|context| relocate(vec![object], context, &mut log));
        let at = "/spec/template/spec/containers/0";
        assert_eq!(made[0].text("/metadata/namespace"), "stg-pr-7-abcde");
        assert_eq!(made[0].text(&format!("{at}/image")), "db.shop.svc/web");
        let told: Vec<_> = log
            .changes
            .iter()
            .map(|it| {
                let place = it.path.strip_prefix(at).unwrap_or_default();
                (place, it.from.as_deref().unwrap_or_default(), &*it.rule)
            })
            .collect();
        assert_eq!(
            told,
            [
                ("/args/0", "db.shop.svc", "service-host"),
                ("/args/0", "web.shop.svc", "service-host"),
                ("/args/1", "db.shop.svc", "service-host"),
                ("/args/2", "--namespace=shop", "own-namespace"),
            ]
        );
        assert_eq!(log.changes[3].to.as_deref(), Some("--namespace=stg-pr-7-abcde"));
    }

    #[test]
    fn a_text_is_rewritten_by_what_names_it() {
        with(|context| {
            for (named, text, expected) in [
                ("POD_NAMESPACE", "shop", Some("stg-pr-7-abcde")),
                ("PROFILE", "shop", None),
                ("KAFKA_TOPIC", "web.shop", None),
                ("HOST", "web.shop", Some("web.stg-pr-7-abcde")),
            ] {
                assert_eq!(rewrite_text(context, named, text).as_deref(), expected, "{named}");
                let found = mentions_under(context, named, text);
                assert_eq!(found.len(), usize::from(expected.is_some()), "{named}");
                let path = format!("/data/{named}");
                let found = mentions_in_text(context, &path, text);
                assert!(found.iter().all(|it| it.path == path && it.word == text), "{named}");
                assert_eq!(found.len(), usize::from(expected.is_some()), "{named}");
            }
        });
    }

    #[test]
    fn variables_come_from_settings_as_well() {
        let reference = |key: &str, name: &str| json!({"name": name, "valueFrom": {"configMapKeyRef": {"name": "settings", "key": key}}});
        let object = web(&json!({
            "name": "web",
            "env": [
                {"name": "HERE", "value": "shop"},
                reference("ENV", "STAGE"),
                reference("OTHER", "MORE"),
                reference("NAMESPACE", "SPACE"),
            ],
            "envFrom": [
                {"prefix": "P_", "configMapRef": {"name": "settings"}},
                {"configMapRef": {"name": "gone"}},
                {"configMapRef": {"name": "secret"}},
            ],
        }));
        let found = with(|context| variables(&object, context));
        assert_eq!(found, ["HERE", "P_ENV", "STAGE"]);
    }

    #[test]
    fn what_is_encoded_or_no_text_is_found_in_settings() {
        let file = BASE64.encode(b"\xff http://db.shop.svc \xff");
        let rest = json!({"data": {"url": BASE64.encode("http://web.shop.svc")},
            "binaryData": {"a/b": file, "broken": "?"}});
        let (settings, other) = (
            object("v1", "ConfigMap", "files", rest.clone()),
            object("example.com/v1", "File", "files", rest),
        );
        with(|context| {
            let told = |all: Vec<Mention>| -> Vec<(String, String)> {
                all.into_iter().map(|it| (it.path, it.word)).collect()
            };
            let one = |path: &str, word: &str| vec![(path.to_owned(), word.to_owned())];
            let found = mentions_in_files(context, &settings);
            assert_eq!(told(found), one("/binaryData/a~1b", "db.shop.svc"));
            assert!(mentions_in_files(context, &other).is_empty());
            let found = mentions(context, &settings);
            assert!(found.iter().all(|it| it.kind == Kind::Possible));
            assert_eq!(told(found), one("/data/url", "web.shop.svc"));
        });
    }
}
