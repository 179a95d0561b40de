//! How large things are, and how large a spec may make them.
//!
//! What a spec says once, it says of every object that it means: a patch of 60 KiB over a thousand
//! ConfigMaps, variables of a megabyte over all containers. A plan is held in memory and stored.

use serde_json::Value;

use super::object::Object;

/// The largest object that a patch may make, in bytes: the API server takes no larger one.
pub(super) const OBJECT: usize = 1_536 * 1024;
/// What `spec.env` and `spec.patches` may add to all clones together, in bytes.
const ADDED: usize = 32 * 1024 * 1024;

/// About as many bytes as a value has as JSON, and no fewer than its texts have. Nothing is written
/// for it.
pub fn of(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(list) => list.iter().map(|it| of(it) + 1).sum::<usize>() + 2,
        Value::Object(map) => map.iter().map(|(key, it)| key.len() + of(it) + 4).sum::<usize>() + 2,
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

/// Why an object is refused.
pub(super) fn too_large() -> String {
    format!("the object would be larger than {OBJECT} bytes")
}

/// What may still be added to clones.
pub(super) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(ADDED)
    }
}

impl Room {
    /// Counts what was added to an object.
    ///
    /// # Errors
    ///
    /// If the object, or all that was added so far, is too large, in words that follow its name.
    pub(super) fn take(&mut self, before: usize, after: &Object) -> Result<(), String> {
        let after = of(after.value());
        if after > OBJECT && after > before {
            return Err(too_large());
        }
        self.0 = self.0.checked_sub(after.saturating_sub(before)).ok_or_else(|| {
            format!(
                "with it, more than {} MiB would be added to the clones: let it mean fewer objects",
                ADDED >> 20
            )
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_about_as_large_as_its_json() {
        for value in
            [json!("x".repeat(999)), json!({"a": [1, true, null], "b": {"c": "d"}}), json!([])]
        {
            let written = value.to_string().len();
            assert!((written / 2..=written * 3).contains(&of(&value)), "{value}");
        }
    }

    #[test]
    fn what_is_added_counts_over_all_objects_and_what_is_taken_away_does_not() {
        let object = |bytes: usize| {
            Object::made("v1", "ConfigMap", "a", json!({"data": {"a": "x".repeat(bytes)}}))
        };
        let mut room = Room::default();
        let (small, large) = (object(10), object(1 << 20));
        let before = of(small.value());
        for _ in 0..ADDED >> 20 {
            assert!(room.take(before, &large).is_ok());
            assert!(room.take(of(large.value()), &small).is_ok());
        }
        assert!(room.take(before, &large).unwrap_err().contains("32 MiB"));
        assert!(Room::default().take(before, &object(OBJECT)).is_err());
        // Production has it as large as that.
        assert!(Room::default().take(of(object(OBJECT).value()), &object(OBJECT)).is_ok());
    }

    #[test]
    fn what_holds_texts_alone_counts_one_byte_more_for_each_list_and_map() {
        for (value, more) in [
            (json!(""), 0),
            (json!("text"), 0),
            (json!(["a", "bc"]), 1),
            (json!({"key": "value", "other": ""}), 1),
            (json!({"a": {"b": ["c", ["d"]]}}), 4),
        ] {
            assert_eq!(of(&value), value.to_string().len() + more, "{value}");
        }
    }

    #[test]
    fn an_object_may_be_as_large_as_the_api_server_takes_it_and_not_a_byte_larger() {
        let object = |bytes: usize| {
            Object::made("v1", "ConfigMap", "a", json!({"data": {"a": "x".repeat(bytes)}}))
        };
        let most = OBJECT - of(object(0).value());
        assert_eq!(Room::default().take(0, &object(most)), Ok(()));
        let why = Room::default().take(0, &object(most + 1)).unwrap_err();
        assert!(why.contains("larger than 1572864 bytes"), "{why}");
    }
}
