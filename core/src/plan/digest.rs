//! A hash of all that will be applied.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{PlannedClone, object::Object, task::PlannedTask};
use crate::secrets::PlannedSecret;

pub(super) fn plan(
    namespace: &Object,
    clones: &[PlannedClone],
    secrets: &BTreeMap<String, PlannedSecret>,
    tasks: &[PlannedTask],
) -> String {
    of(&(namespace, clones, secrets, tasks))
}

/// Hash of anything that serialises, as 64 hexadecimal digits. Maps are sorted, so equal values
/// have equal hashes.
pub fn of(value: &impl Serialize) -> String {
    let text = serde_json::to_vec(value).unwrap_or_default();
    Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect()
}
