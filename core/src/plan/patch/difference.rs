//! In which fields two objects differ.

use serde_json::Value;

use crate::plan::object::escape;

/// A field that differs: where, and what stood and stands there.
#[derive(Debug, PartialEq)]
pub(super) struct Difference<'a> {
    pub(super) path: String,
    pub(super) before: Option<&'a Value>,
    pub(super) after: Option<&'a Value>,
}

/// The smallest fields that differ. Lists of different lengths differ as a whole: their entries
/// have moved.
pub(super) fn differences<'a>(before: &'a Value, after: &'a Value) -> Vec<Difference<'a>> {
    let mut found = Vec::new();
    compare(Some(before), Some(after), "", &mut found);
    found
}

fn compare<'a>(
    before: Option<&'a Value>,
    after: Option<&'a Value>,
    path: &str,
    found: &mut Vec<Difference<'a>>,
) {
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            for (field, value) in old {
                compare(Some(value), new.get(field), &format!("{path}/{}", escape(field)), found);
            }
            for (field, value) in new.iter().filter(|(field, _)| !old.contains_key(*field)) {
                compare(None, Some(value), &format!("{path}/{}", escape(field)), found);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) if old.len() == new.len() => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                compare(Some(old), Some(new), &format!("{path}/{at}"), found);
            }
        }
        _ if before == after => {}
        _ => found.push(Difference { path: path.to_owned(), before, after }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_told_at_its_smallest() {
        let before = json!({"a": {"b": 1, "c/d": "x"}, "list": [{"n": 1}, {"n": 2}], "gone": true});
        let after = json!({"a": {"b": 1, "c/d": "y"}, "list": [{"n": 1}, {"n": 3}], "new": [1]});
        let found = differences(&before, &after);
        let paths: Vec<&str> = found.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, ["/a/c~1d", "/gone", "/list/1/n", "/new"]);
        assert!(differences(&before, &before).is_empty());
        let (longer, shorter) = (json!({"list": [1, 2]}), json!({"list": [1]}));
        let moved = differences(&longer, &shorter);
        assert_eq!(moved.iter().map(|it| it.path.as_str()).collect::<Vec<_>>(), ["/list"]);
    }
}
