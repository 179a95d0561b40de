//! A text in Secrets of production, which may be nowhere else: not in logs, not in what people read,
//! not in a clone, not in a stored plan.

use std::{io::Read, sync::LazyLock};

use k8s_openapi::ByteString;
use serde_json::Value;

/// The text.
pub const CANARY: &str = "canary-Tq7vXz3LpW9s";

/// Whether the canary is in a text, as it is or in base64.
pub fn sings(text: &str) -> bool {
    text.contains(CANARY) || ENCODED.iter().any(|it| text.contains(it))
}

/// Base64 depends on where the text begins; each of the three ways, without its ends.
static ENCODED: LazyLock<[String; 3]> = LazyLock::new(|| {
    ["", "x", "xx"].map(|before| {
        let bytes = ByteString(format!("{before}{CANARY}").into_bytes());
        let text = serde_json::to_string(&bytes).expect("JSON").replace('"', "");
        text[4..text.len() - 4].to_owned()
    })
});

/// Whether the canary is in what a Secret holds packed, as a stored plan.
pub fn sings_packed(secret: &Value) -> bool {
    secret["data"].as_object().into_iter().flatten().any(|(_, value)| {
        let bytes: ByteString = serde_json::from_value(value.clone()).expect("base64");
        let mut text = String::new();
        let unpacked = flate2::read::GzDecoder::new(&bytes.0[..]).read_to_string(&mut text);
        // What is not packed is a key of ours, or Helm's record.
        unpacked.is_ok() && sings(&text)
    })
}
