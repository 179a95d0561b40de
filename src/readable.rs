//! Environments as the API server has them. One that was stored under another schema, or by somebody
//! who got past it, cannot be read by this version: that is its own trouble, and keeps nobody from
//! the others.

use std::{borrow::Cow, fmt};

use kube::{Resource, api::ObjectMeta};
use kulisse_core::api::environment::StagingEnvironment;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

/// An environment, or what keeps it from being read.
///
/// As [`kube::core::DeserializeGuard`], and it says which field it is.
#[derive(Clone, Debug)]
pub struct Readable(pub Result<StagingEnvironment, Unreadable>);

/// An environment that cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreadable {
    /// What can be read of every object.
    pub metadata: ObjectMeta,
    /// The field, from the root: `status.workloads.ready`.
    pub field: String,
    /// What is there, and what was expected.
    pub why: String,
    /// The object as it is stored.
    object: Value,
}

impl Readable {
    /// The environment, if it can be read.
    pub fn read(&self) -> Option<&StagingEnvironment> {
        self.0.as_ref().ok()
    }
}

impl Unreadable {
    /// The command with which a person mends it.
    pub fn edit(&self) -> String {
        let name = self.metadata.name.as_deref().unwrap_or_default();
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        // Without this, kubectl drops what was changed there.
        let part = if self.field.starts_with("status") { " --subresource=status" } else { "" };
        format!("kubectl edit stagingenvironment {name} -n {namespace}{part}")
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.why)
    }
}

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        Ok(Self(match serde_path_to_error::deserialize(&object) {
            Ok(environment) => Ok(environment),
            Err(error) => Err(Unreadable {
                metadata: Deserialize::deserialize(&object["metadata"])
                    .map_err(D::Error::custom)?,
                field: error.path().to_string(),
                why: error.inner().to_string(),
                object,
            }),
        }))
    }
}

impl Serialize for Readable {
    /// One that cannot be read is written as it is.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Ok(environment) => environment.serialize(serializer),
            Err(unreadable) => unreadable.object.serialize(serializer),
        }
    }
}

impl Resource for Readable {
    type DynamicType = <StagingEnvironment as Resource>::DynamicType;
    type Scope = <StagingEnvironment as Resource>::Scope;

    fn kind(dt: &Self::DynamicType) -> Cow<'_, str> {
        StagingEnvironment::kind(dt)
    }

    fn group(dt: &Self::DynamicType) -> Cow<'_, str> {
        StagingEnvironment::group(dt)
    }

    fn version(dt: &Self::DynamicType) -> Cow<'_, str> {
        StagingEnvironment::version(dt)
    }

    fn plural(dt: &Self::DynamicType) -> Cow<'_, str> {
        StagingEnvironment::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.as_ref().map_or_else(|it| &it.metadata, Resource::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.as_mut().map_or_else(|it| &mut it.metadata, Resource::meta_mut)
    }
}

#[cfg(test)]
mod tests {
    use kube::ResourceExt;
    use serde_json::json;

    use super::*;

    fn stored(spec: &Value, status: &Value) -> Value {
        json!({
            "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
            "metadata": { "name": "pr-1", "namespace": "previews", "uid": "u" },
            "spec": spec, "status": status
        })
    }

    fn read(object: &Value) -> Readable {
        serde_json::from_str(&object.to_string()).unwrap()
    }

    #[test]
    fn one_that_cannot_be_read_says_which_field_it_is_and_what_mends_it() {
        let spec = json!({ "source": { "namespace": "shop" } });
        let object =
            stored(&spec, &json!({ "workloads": { "ready": 5_000_000_000_u64, "total": 1 } }));
        let it = read(&object);
        assert_eq!(it.name_any(), "pr-1");
        assert_eq!(serde_json::to_value(&it).unwrap(), object, "nothing of it is lost");
        let trouble = it.0.unwrap_err();
        assert_eq!(
            trouble.to_string(),
            "status.workloads.ready: invalid value: integer `5000000000`, expected u32"
        );
        assert_eq!(
            trouble.edit(),
            "kubectl edit stagingenvironment pr-1 -n previews --subresource=status"
        );
        let trouble = read(&stored(&json!({ "source": { "namespace": 7 } }), &json!({})));
        let trouble = trouble.0.unwrap_err();
        assert!(trouble.to_string().starts_with("spec.source.namespace: "), "{trouble}");
        assert_eq!(trouble.edit(), "kubectl edit stagingenvironment pr-1 -n previews");
    }

    #[test]
    fn one_that_can_be_read_is_what_it_is() {
        let object = stored(&json!({ "source": { "namespace": "shop" } }), &json!({}));
        let it = read(&object);
        assert_eq!(it.read().unwrap().spec.source.namespace, "shop");
        assert_eq!(it.meta().uid.as_deref(), Some("u"));
    }
}
