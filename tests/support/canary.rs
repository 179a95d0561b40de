//! A text in Secrets of production, which may be nowhere else: not in logs, not in what people read,
//! not in a clone, not in a stored plan.

use std::io::Read;

use k8s_openapi::ByteString;
use kube::ResourceExt;

use super::objects::Objects;

/// The text.
pub const CANARY: &str = "canary-Tq7vXz3LpW9s";

/// Whether the canary is in a text, as it is or in base64.
pub fn sings(text: &str) -> bool {
    // Base64 depends on where the text begins; each of the three ways, without its ends.
    let encoded = ["", "x", "xx"].into_iter().any(|before| {
        let bytes = ByteString(format!("{before}{CANARY}").into_bytes());
        let needle = serde_json::to_string(&bytes).expect("JSON").replace('"', "");
        text.contains(&needle[4..needle.len() - 4])
    });
    encoded || text.contains(CANARY)
}

/// Objects of these namespaces that hold the canary, of whatever kind, and stored plans that do.
pub async fn leaks(objects: &Objects, namespaces: &[&str]) -> Vec<String> {
    let mut leaks = Vec::new();
    let mut read = 0;
    for namespace in namespaces {
        for object in objects.contents(namespace).await {
            read += 1;
            let metadata = serde_json::to_string(&object.metadata).expect("JSON");
            if sings(&object.data.to_string()) || sings(&metadata) {
                leaks.push(format!("{} {namespace}/{}", types(&object), object.name_any()));
            }
        }
    }
    assert!(read > namespaces.len(), "there is something in {namespaces:?}");
    for secret in objects.list("v1 Secret", "kulisse").await {
        for (_, value) in secret.data["data"].as_object().into_iter().flatten() {
            let bytes: ByteString = serde_json::from_value(value.clone()).expect("base64");
            let mut text = String::new();
            let unpacked = flate2::read::GzDecoder::new(&bytes.0[..]).read_to_string(&mut text);
            // What is not packed is a key of ours, or Helm's record.
            if unpacked.is_ok() && sings(&text) {
                leaks.push(format!("stored plan {}", secret.name_any()));
            }
        }
    }
    leaks
}

fn types(object: &kube::api::DynamicObject) -> String {
    object.types.as_ref().map(|it| it.kind.clone()).unwrap_or_default()
}
