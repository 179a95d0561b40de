//! What a new plan would change: two plans, compared like with like.
//!
//! Both sides are planned by the same code, for the same request: a newer operator, an edited class and
//! an edited environment are no drift. Neither are credentials of production that were rotated, since
//! the clone has its own; nor addresses, which every restart of a Pod changes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    Plan, PlanError,
    capture::Capture,
    kinds::{self, Shape},
    object::{Key, Object, escape},
    plan,
    request::Request,
};
use crate::{
    api::{
        drift::{Became, Drifted, PATHS},
        staging_plan::Finding,
    },
    secrets::{Part, PlannedKey, PlannedSecret, PlannedValue},
};

/// Longest path that is named.
const LONGEST: usize = 512;

/// What would be planned now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The clones that would be other ones, in the order of their keys.
    pub objects: Vec<Drifted>,
    /// Why it could not be applied: there is no plan, or it would lead back to production.
    pub held_back: Option<String>,
}

/// What planning `fresh` would change of `held`, which was planned from `captured` for `request`.
pub fn moved(request: &Request, captured: &Capture, held: &Plan, fresh: &Capture) -> Moved {
    let now = Capture {
        captured_at: captured.captured_at,
        addresses: captured.addresses.clone(),
        ..fresh.clone()
    };
    // What an older operator planned may not be what this one would.
    let before = plan(request, captured);
    let before = before.as_ref().unwrap_or(held);
    match plan(request, &now) {
        Ok(after) => {
            let first = after.blocking().next();
            let blocks = first.filter(|_| before.blocking().next().is_none()).map(Finding::told);
            let held_back = blocks.or_else(|| unread(captured, fresh));
            Moved { objects: compare(before, &after), held_back }
        }
        Err(error) => Moved { objects: unplannable(&error), held_back: Some(error.to_string()) },
    }
}

/// What is missing may be there: a kind that could be read once is not taken for one without objects.
#[must_use]
pub fn unread(captured: &Capture, fresh: &Capture) -> Option<String> {
    let kind = fresh.unreadable.iter().find(|it| !captured.unreadable.contains(it))?;
    Some(format!("{kind} of {} can no longer be read by the operator", fresh.namespace))
}

/// Without a plan, nobody knows what would become of the objects: the environment itself stands for them.
fn unplannable(error: &PlanError) -> Vec<Drifted> {
    let path = match error {
        PlanError::PatchFailed { field, .. } | PlanError::InvalidSpec { field, .. } => {
            field.clone()
        }
        PlanError::TooLarge { .. }
        | PlanError::InvalidManifest { .. }
        | PlanError::BeyondClass { .. }
        | PlanError::InvalidClass { .. } => String::new(),
    };
    let paths = [path].into_iter().filter(|it| !it.is_empty()).collect();
    vec![Drifted {
        object: "StagingEnvironment.kulisse.dev".to_owned(),
        what: Became::Changed,
        paths,
    }]
}

/// The clones that differ.
fn compare(before: &Plan, after: &Plan) -> Vec<Drifted> {
    let (before, after) = (shown(before), shown(after));
    let keys: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
    let differs = |key: &Key| {
        let (what, paths) = match (before.get(key), after.get(key)) {
            (None, _) => (Became::Came, Vec::new()),
            (_, None) => (Became::Went, Vec::new()),
            (Some(one), Some(other)) => {
                let paths = paths(one, other);
                if paths.is_empty() {
                    return None;
                }
                (Became::Changed, paths)
            }
        };
        Some(Drifted { object: key.to_string(), what, paths })
    };
    keys.into_iter().filter_map(differs).collect()
}

/// The clones by key, with what their Secrets hold, as far as that is not invented.
fn shown(plan: &Plan) -> BTreeMap<Key, Value> {
    let clone = |object: &Object| {
        let recipe = match kinds::shape(object) {
            Shape::Secret => plan.secrets.get(object.name()),
            Shape::Settings => plan.settings.get(object.name()),
            _ => None,
        };
        let mut value = object.value().clone();
        if let Some(recipe) = recipe {
            let mut data = value.get("data").cloned().unwrap_or_default();
            for (key, kept) in skeleton(recipe) {
                data[key] = kept;
            }
            value["data"] = data;
        }
        (object.key(), value)
    };
    plan.clones.iter().map(|it| clone(&it.object)).collect()
}

/// What a recipe keeps, without what is invented anew.
fn skeleton(recipe: &PlannedSecret) -> impl Iterator<Item = (String, Value)> {
    recipe.keys.iter().map(|(key, value)| {
        let kept = match value {
            PlannedValue::Parts(parts) => parts.iter().map(part).collect(),
            PlannedValue::Keys(keys) => keys.iter().map(planned_key).collect(),
            PlannedValue::From(place) => json!(place),
            PlannedValue::Template(parts) => json!(parts),
        };
        (key.clone(), kept)
    })
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!(text),
        Part::Credential { .. } => Value::Null,
        Part::Base64(inner) => inner.iter().map(self::part).collect(),
    }
}

fn planned_key(key: &PlannedKey) -> Value {
    match key {
        PlannedKey::Text(text) => json!(text),
        PlannedKey::Authority { .. } => json!("authority"),
        PlannedKey::Certificate(leaf) => json!([leaf.subject, leaf.names, leaf.purposes]),
        PlannedKey::PrivateKey { form, .. } => json!(form),
        PlannedKey::PublicKey { .. } => json!("public"),
    }
}

/// JSON pointers of the first fields that differ, as deep as they can be told apart.
pub fn paths(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(before, after, &mut String::new(), &mut found);
    found
}

fn walk<'a>(before: &'a Value, after: &'a Value, at: &mut String, found: &mut Vec<String>) {
    if before == after || found.len() == PATHS {
        return;
    }
    let length = at.len();
    match (before, after) {
        (Value::Object(one), Value::Object(other)) => {
            let fields: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for field in fields {
                at.push('/');
                at.push_str(&escape(field));
                let of = |it: &'a Map<String, Value>| it.get(field).unwrap_or(&Value::Null);
                walk(of(one), of(other), at, found);
                at.truncate(length);
            }
        }
        // Of a list that grew or shrank nobody can say which element became which.
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                at.push('/');
                at.push_str(&index.to_string());
                walk(one, other, at, found);
                at.truncate(length);
            }
        }
        _ => found.push(at.chars().take(LONGEST).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::identity::NamespaceName,
        plan::{
            capture::{Reading, assemble},
            fixture,
        },
        secrets::{OpenSecret, OperatorKey, SecretBytes},
    };

    fn source(change: impl FnOnce(&mut Vec<Value>), password: &str) -> Capture {
        let mut objects = vec![
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"A": "1"}}),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "type": "Opaque"}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                "spec": {"selector": {"matchLabels": {"app": "web"}}, "template":
                    {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}}}),
        ];
        change(&mut objects);
        let value = |text: &str| SecretBytes::new(text.as_bytes().to_vec());
        let data = [
            ("password".to_owned(), value(password)),
            ("url".to_owned(), value(&format!("postgres://shop:{password}@db:5432/shop"))),
        ];
        let secret = OpenSecret { name: "db".into(), kind: "Opaque".into(), data: data.into() };
        let reading = Reading {
            namespace: NamespaceName::parse("shop").unwrap(),
            captured_at: jiff::Timestamp::UNIX_EPOCH,
            objects: objects.into_iter().map(|it| Object::new(it).unwrap()).collect(),
            secrets: Some(vec![secret]),
            unreadable: Vec::new(),
        };
        assemble(reading, &OperatorKey::from_bytes(&[7; OperatorKey::LENGTH]).unwrap())
    }

    fn after(change: impl FnOnce(&mut Vec<Value>), password: &str) -> (Moved, bool) {
        let request = fixture::request(json!({}), json!({}));
        let before = source(|_| (), "Tq7vXz3LpW9s");
        let held = plan(&request, &before).unwrap();
        let fresh = source(change, password);
        let other = before.mark != fresh.mark;
        (moved(&request, &before, &held, &fresh), other)
    }

    fn drifted(object: &str, what: Became, paths: &[&str]) -> Drifted {
        let paths = paths.iter().map(|it| (*it).to_owned()).collect();
        Drifted { object: object.to_owned(), what, paths }
    }

    #[test]
    fn a_source_that_stays_as_it_is_has_not_moved() {
        let (moved, other) = after(|_| (), "Tq7vXz3LpW9s");
        assert_eq!((moved.objects, moved.held_back, other), (vec![], None, false));
    }

    #[test]
    fn what_came_went_and_changed_is_named_with_its_path() {
        let (moved, other) = after(
            |objects| {
                objects[0]["metadata"]["name"] = json!("other");
                objects[2]["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:2");
            },
            "Tq7vXz3LpW9s",
        );
        let image = "/spec/template/spec/containers/0/image";
        assert_eq!(
            moved.objects,
            [
                drifted("ConfigMap/other", Became::Came, &[]),
                drifted("ConfigMap/settings", Became::Went, &[]),
                drifted("Deployment.apps/web", Became::Changed, &[image]),
            ]
        );
        assert!(other && moved.held_back.is_none());
    }

    #[test]
    fn a_password_that_was_rotated_is_no_drift_whatever_its_length() {
        let (moved, other) = after(|_| (), "another-and-longer-one-9X2k");
        assert_eq!((moved.objects, other), (vec![], true));
    }

    #[test]
    fn what_is_not_cloned_is_no_drift() {
        let set =
            json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"}});
        let (moved, other) = after(|objects| objects.push(set), "Tq7vXz3LpW9s");
        assert_eq!((moved.objects, other), (vec![], true));
    }

    #[test]
    fn addresses_are_no_drift() {
        let request = fixture::request(json!({}), json!({}));
        let before = source(|_| (), "Tq7vXz3LpW9s");
        let held = plan(&request, &before).unwrap();
        let address = crate::plan::capture::Address {
            what: "Pod/web-0".into(),
            host: "10.1.0.7".into(),
            port: 80,
        };
        let fresh = Capture { addresses: vec![address], ..before.clone() };
        assert_eq!(moved(&request, &before, &held, &fresh).objects, []);
    }

    #[test]
    fn an_edited_class_is_no_drift_as_both_sides_are_planned_alike() {
        let before = source(|_| (), "Tq7vXz3LpW9s");
        let held = plan(&fixture::request(json!({}), json!({})), &before).unwrap();
        let scaled = fixture::request(json!({"scale": {"profile": "Full"}}), json!({}));
        assert_eq!(moved(&scaled, &before, &held, &before).objects, []);
    }

    #[test]
    fn a_kind_that_can_no_longer_be_read_is_not_followed() {
        let (request, before) =
            (fixture::request(json!({}), json!({})), source(|_| (), "Tq7vXz3LpW9s"));
        let held = plan(&request, &before).unwrap();
        let mut fresh = source(
            |objects| {
                objects.remove(0);
            },
            "Tq7vXz3LpW9s",
        );
        fresh.unreadable.push("ConfigMap".into());
        let moved = moved(&request, &before, &held, &fresh);
        assert_eq!(moved.objects.len(), 1);
        assert!(moved.held_back.unwrap().contains("can no longer be read"));
    }

    #[test]
    fn what_could_no_longer_be_planned_says_why() {
        let request = fixture::request(json!({}), json!({"limits": {"maxObjects": 20}}));
        let before = source(|_| (), "Tq7vXz3LpW9s");
        let held = plan(&request, &before).unwrap();
        let many = |objects: &mut Vec<Value>| {
            for at in 0..30 {
                objects.push(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{at}")}}));
            }
        };
        let moved = moved(&request, &before, &held, &source(many, "Tq7vXz3LpW9s"));
        assert_eq!(moved.objects.len(), 1);
        assert!(moved.held_back.unwrap().contains("maxObjects"));
    }

    #[test]
    fn paths_are_as_deep_as_can_be_and_lists_of_another_length_are_named_whole() {
        let one = json!({"a": {"b~/c": 1}, "l": [1], "m": [{"x": 1}]});
        let other = json!({"a": {"b~/c": 2}, "l": [1, 2], "m": [{"x": 2}]});
        assert_eq!(paths(&one, &other), ["/a/b~0~1c", "/l", "/m/0/x"]);
        assert_eq!(paths(&one, &one), Vec::<String>::new());
    }

    #[test]
    fn where_no_plan_can_be_made_the_field_is_named_that_keeps_it_from_being_made() {
        let failed = PlanError::InvalidSpec { field: "spec.env".into(), why: "it is not".into() };
        let of = |error| unplannable(&error).remove(0).paths;
        assert_eq!(of(failed), ["spec.env"]);
        assert_eq!(of(PlanError::TooLarge { objects: 2, allowed: 1 }), [""; 0]);
    }

    #[test]
    fn what_clones_of_secrets_and_settings_will_hold_is_compared_with_them() {
        let (request, capture) =
            (fixture::request(json!({}), json!({})), source(|_| (), "Tq7vXz3LpW9s"));
        let before = plan(&request, &capture).unwrap();
        assert_eq!(compare(&before, &before), []);
        let mut after = before.clone();
        after.secrets.get_mut("db").unwrap().keys.remove("url");
        let text = PlannedValue::Parts(vec![Part::Text("x".into())]);
        let made = PlannedSecret { keys: [("ca.crt".to_owned(), text)].into() };
        after.settings.insert("settings".to_owned(), made);
        assert_eq!(
            compare(&before, &after),
            [
                drifted("ConfigMap/settings", Became::Changed, &["/data/ca.crt"]),
                drifted("Secret/db", Became::Changed, &["/data/url"]),
            ]
        );
    }

    #[test]
    fn of_what_is_kept_everything_counts_and_of_what_is_invented_nothing() {
        use crate::secrets::{
            Alphabet, CredentialClass, Encoding, KeyForm, KeyId, Leaf, Names, Origin, Place,
            TemplatePart,
        };
        let same = |one: PlannedValue, other: PlannedValue| {
            let of = |it: PlannedValue| {
                let keys = [("k".to_owned(), it)].into();
                skeleton(&PlannedSecret { keys }).map(|(_, kept)| kept).collect::<Vec<_>>()
            };
            of(one) == of(other)
        };
        let text = |it: &str| Part::Text(it.to_owned());
        let credential = |class: &str, length| Part::Credential {
            class: CredentialClass(class.to_owned()),
            length,
            alphabet: Alphabet::Digits,
            encoding: Encoding::Plain,
        };
        let parts = |part| PlannedValue::Parts(vec![part]);
        let keys = |key| PlannedValue::Keys(vec![key]);
        let leaf = |host: &str, from: i64| {
            keys(PlannedKey::Certificate(Box::new(Leaf {
                key: KeyId("a".to_owned()),
                subject: Vec::new(),
                names: Names { dns: vec![host.to_owned()], ..Names::default() },
                purposes: Vec::new(),
                from: jiff::Timestamp::from_second(from).unwrap(),
            })))
        };
        let private = |form| keys(PlannedKey::PrivateKey { key: None, form });
        let from = |key: &str| {
            let (secret, key) = ("a".to_owned(), key.to_owned());
            PlannedValue::From(Place { origin: Origin::Request, secret, key })
        };
        let template = |it: &str| PlannedValue::Template(vec![TemplatePart::Text(it.to_owned())]);
        for (one, other, expected) in [
            (parts(text("a")), parts(text("b")), false),
            (parts(credential("a", 8)), parts(credential("b", 9)), true),
            (parts(credential("a", 8)), parts(text("a")), false),
            (parts(Part::Base64(vec![text("a")])), parts(Part::Base64(vec![text("b")])), false),
            (keys(PlannedKey::Text("a".into())), keys(PlannedKey::Text("b".into())), false),
            (leaf("a.test", 0), leaf("a.test", 9), true),
            (leaf("a.test", 0), leaf("b.test", 0), false),
            (private(KeyForm::Pkcs8), private(KeyForm::Sec1), false),
            (private(KeyForm::Pkcs8), keys(PlannedKey::PublicKey { key: None }), false),
            (from("a"), from("b"), false),
            (template("a"), template("b"), false),
        ] {
            assert_eq!(same(one.clone(), other.clone()), expected, "{one:?} {other:?}");
        }
    }

    #[test]
    fn an_address_in_an_opening_is_no_drift_either() {
        let opening = json!({"to": [{"ipBlock": {"cidr": "10.1.0.0/24"}}]});
        let request = fixture::request(
            json!({"egress": [opening]}),
            json!({"boundary": {"allow": [opening]}}),
        );
        let before = source(|_| (), "Tq7vXz3LpW9s");
        let held = plan(&request, &before).unwrap();
        let (what, host) = ("Pod/web-0".to_owned(), "10.1.0.7".to_owned());
        let address = crate::plan::capture::Address { what, host, port: 80 };
        let fresh = Capture { addresses: vec![address], ..before.clone() };
        assert!(plan(&request, &fresh).is_err(), "the address is production's");
        let moved = moved(&request, &before, &held, &fresh);
        assert_eq!((moved.objects, moved.held_back), (vec![], None));
    }

    #[test]
    fn only_the_first_fields_that_differ_are_named() {
        let many = |value: u8| json!({"a": value, "b": value, "c": value, "d": value, "e": value});
        assert_eq!(paths(&many(1), &many(2)), ["/a", "/b", "/c", "/d"]);
        let long = |value: u8| json!({("x".repeat(2 * LONGEST)): value});
        assert_eq!(paths(&long(1), &long(2))[0].len(), LONGEST);
    }
}
