//! Marks of values that are taken from elsewhere: they change with the values, and tell nothing of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    EVERY_KEY, OpenSecret, OperatorKey, Place, PlannedSecret, PlannedValue, SecretBytes,
    TemplatePart,
    hash::{hex, keyed},
};

/// The marks of planned Secrets that take values from elsewhere, or fill templates with them, by name:
/// keyed hashes, worthless without the operator's key.
pub fn marks(
    planned: &BTreeMap<String, PlannedSecret>,
    given: &BTreeMap<Place, SecretBytes>,
    environment: &str,
    key: &OperatorKey,
) -> BTreeMap<String, String> {
    let taken = |name: &String| planned.get(name).map(|it| it.keys.values()).into_iter().flatten();
    let places = |value: &PlannedValue| match value {
        PlannedValue::From(place) => Some(place.clone()),
        PlannedValue::Parts(_) | PlannedValue::Keys(_) | PlannedValue::Template(_) => None,
    };
    let all = planned.iter().filter_map(|(name, secret)| {
        let within = secret.keys.values().flat_map(|value| match value {
            PlannedValue::Template(parts) => parts.as_slice(),
            PlannedValue::From(_) | PlannedValue::Parts(_) | PlannedValue::Keys(_) => &[],
        });
        let others = within.filter_map(|part| match part {
            TemplatePart::Text(_) => None,
            TemplatePart::Value { secret, .. } => Some(secret),
        });
        let from: BTreeSet<Place> =
            others.chain([name]).flat_map(taken).filter_map(places).collect();
        let is_meant = |it: &&Place| {
            let every = Place { key: EVERY_KEY.to_owned(), ..(*it).clone() };
            from.contains(*it) || from.contains(&every)
        };
        let mut bytes = vec![sized(environment.as_bytes())];
        for (place, value) in given.iter().filter(|(place, _)| is_meant(place)) {
            let whose = format!("{:?}/{}/{}", place.origin, place.secret, place.key);
            bytes.extend([sized(whose.as_bytes()), sized(value.expose())]);
        }
        let parts: Vec<&[u8]> =
            [&b"given"[..]].into_iter().chain(bytes.iter().map(Vec::as_slice)).collect();
        (!from.is_empty()).then(|| (name.clone(), hex(&keyed(key, &parts))))
    });
    all.collect()
}

impl OpenSecret {
    /// A keyed hash of all its values: it changes with them, and is worthless without the key.
    pub fn proof(&self, key: &OperatorKey) -> String {
        let values = self.data.iter();
        let sized: Vec<Vec<u8>> =
            values.flat_map(|(key, it)| [sized(key.as_bytes()), sized(it.expose())]).collect();
        let parts: Vec<&[u8]> =
            [&b"source"[..]].into_iter().chain(sized.iter().map(Vec::as_slice)).collect();
        hex(&keyed(key, &parts))
    }
}

/// Bytes after their length, so that two never run into each other.
fn sized(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u64).to_be_bytes(), bytes].concat()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn planned() -> BTreeMap<String, PlannedSecret> {
        serde_json::from_value(json!({
            "db": {"keys": {"p": {"From": {"secret": "given", "key": "p"}}, "u": {"Parts": [{"Text": "u"}]}}},
            "all": {"keys": {"*": {"From": {"secret": "given", "key": "*"}}}},
            "url": {"keys": {"u": {"Template": [{"Text": "x"}, {"Value": {"secret": "db", "key": "p"}}]}}},
            "own": {"keys": {"k": {"Parts": [{"Text": "u"}]}}},
        }))
        .unwrap()
    }

    fn marked(values: &[(&str, &str)], environment: &str) -> BTreeMap<String, String> {
        let key = OperatorKey::from_bytes(&[1; OperatorKey::LENGTH]).unwrap();
        let place = |key: &str| Place {
            origin: super::super::Origin::Request,
            secret: "given".into(),
            key: key.into(),
        };
        let value = |text: &str| SecretBytes::new(text.as_bytes().to_vec());
        let given = values.iter().map(|(key, text)| (place(key), value(text))).collect();
        marks(&planned(), &given, environment, &key)
    }

    #[test]
    fn another_value_changes_the_marks_of_those_that_hold_it_and_of_no_others() {
        let before = marked(&[("p", "one"), ("q", "x")], "e");
        assert_eq!(before.keys().collect::<Vec<_>>(), ["all", "db", "url"]);
        assert_eq!(before, marked(&[("p", "one"), ("q", "x")], "e"));
        let other = marked(&[("p", "two"), ("q", "x")], "e");
        assert!(before.iter().all(|(name, mark)| other[name] != *mark));
        let beside = marked(&[("p", "one"), ("q", "y")], "e");
        assert!(beside["db"] == before["db"] && beside["all"] != before["all"]);
        // A key that came, and one that went.
        assert_ne!(marked(&[("p", "one")], "e")["all"], before["all"]);
    }

    #[test]
    fn equal_values_have_different_marks_in_different_environments_and_are_not_in_them() {
        let one = marked(&[("p", "canary")], "e");
        assert_ne!(one["db"], marked(&[("p", "canary")], "f")["db"]);
        assert!(one.values().all(|it| it.len() == 64 && !it.contains("canary")));
    }
}
