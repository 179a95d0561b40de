//! Where the canary was found that may be in Secrets of production only.

use kube::{ResourceExt, api::DynamicObject};

use super::{
    canary::{sings, sings_packed},
    objects::Objects,
};

/// Objects of these namespaces that hold the canary, of whatever kind, and stored plans that do.
pub async fn leaks(objects: &Objects, namespaces: &[&str]) -> Vec<String> {
    let mut leaks = Vec::new();
    let mut read = 0;
    for namespace in namespaces {
        for object in objects.contents(namespace).await {
            read += 1;
            let metadata = serde_json::to_string(&object.metadata).expect("JSON");
            if sings(&object.data.to_string()) || sings(&metadata) {
                leaks.push(format!("{} {namespace}/{}", kind(&object), object.name_any()));
            }
        }
    }
    assert!(read > namespaces.len(), "there is something in {namespaces:?}");
    let stored = objects.list("v1 Secret", "kulisse").await;
    let singing = stored.iter().filter(|it| sings_packed(&it.data));
    leaks.extend(singing.map(|it| format!("stored plan {}", it.name_any())));
    leaks
}

fn kind(object: &DynamicObject) -> String {
    object.types.as_ref().map(|it| it.kind.clone()).unwrap_or_default()
}
