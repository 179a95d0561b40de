//! Production that has not moved on.

use kulisse_core::{
    api::drift::Drifted,
    plan::{drift::moved, object::Object, plan, request::Request},
};
use serde_json::json;

use super::capture_with;

/// What is said to have moved of a source in which controllers counted, everything was written once
/// more, and every credential was replaced: nothing of it should be.
pub fn said_to_have_moved(request: &Request, objects: &[Object]) -> Vec<Drifted> {
    let source = &request.spec.source.namespace;
    let before = capture_with(7, source, objects.to_vec());
    let held = plan(request, &before).unwrap();
    let mut written = objects.to_vec();
    written.reverse();
    for object in &mut written {
        object.set("/metadata/resourceVersion", json!("4711"));
        object.set("/metadata/generation", json!(7));
    }
    let same = capture_with(7, source, written.clone());
    assert_eq!(before.mark, same.mark, "nobody has to compare it");
    let mut found = moved(request, &before, &held, &same).objects;
    // Under another key every credential is another one.
    let mut rotated = capture_with(8, source, written);
    rotated.captured_at += jiff::SignedDuration::from_hours(24);
    found.extend(moved(request, &before, &held, &rotated).objects);
    found
}
