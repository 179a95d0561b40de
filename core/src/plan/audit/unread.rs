//! Files in ConfigMaps that are no text: nobody has looked into them.
//!
//! What a file of known form holds that nobody connects to by it (pictures, fonts) is not told.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;

use super::keystore;
use crate::{
    api::staging_plan::Severity,
    plan::{
        context::Context,
        kinds::{self, Shape},
        log::Log,
        object::{Object, escape},
        places::listed,
    },
    secrets::is_packed,
};

/// First bytes of files that hold no address.
const HARMLESS: [&[u8]; 10] = [
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"RIFF",
    b"\0\0\x01\0",
    b"wOFF",
    b"wOF2",
    b"OTTO",
    b"\0\x01\0\0",
    b"%PDF",
];

/// First bytes of packed files, and the command that shows what is in one.
const PACKED: [(&[u8], &str); 4] = [
    (b"\x1f\x8b", "zcat"),
    (b"\x28\xb5\x2f\xfd", "zstdcat"),
    (b"BZh", "bzcat"),
    (b"\xfd7zXZ", "xzcat"),
];

/// Says of each ConfigMap which of its files were not looked into.
pub(super) fn files(objects: &[Object], context: &Context, log: &mut Log) {
    for object in objects.iter().filter(|it| kinds::shape(it) == Shape::Settings) {
        let files = |map: &str| object.get(map).and_then(Value::as_object).into_iter().flatten();
        let packed = |text: &str| is_packed(text.trim()).then(|| reader(text.trim())).flatten();
        let binary = files("/binaryData")
            .filter_map(|(name, file)| Some(("binaryData", name, reader(file.as_str()?)?)));
        // A text may be a packed file in base64.
        let texts =
            files("/data").filter_map(|(name, file)| Some(("data", name, packed(file.as_str()?)?)));
        let unread: Vec<(&str, &String, &str)> = binary.chain(texts).collect();
        let Some((map, first, reader)) = unread.first() else { continue };
        let names: Vec<String> = unread.iter().map(|(_, name, _)| (*name).clone()).collect();
        log.find(
            Severity::Informs,
            &object.key(),
            &format!("/{map}/{}", escape(first)),
            "unread-file",
            format!(
                "nobody has seen what is in {}, since that is no text: whatever it names comes along as it is",
                listed(&names)
            ),
            format!(
                "# to see what it holds; nothing, if that is no address of production's\nkubectl get configmap {} --namespace {} --output go-template='{{{{index .{map} \"{first}\"}}}}' | base64 -d | {reader}",
                object.name(),
                context.source(),
            ),
        );
    }
}

/// The command that shows what is in a file, if it is no text, not harmless, and not told otherwise.
fn reader(file: &str) -> Option<&'static str> {
    let bytes = BASE64.decode(file.replace(['\r', '\n'], "").as_bytes()).ok()?;
    let begins = |it: &&[u8]| bytes.starts_with(it);
    let told = keystore::is_key(&bytes);
    if std::str::from_utf8(&bytes).is_ok() || told || HARMLESS.iter().any(begins) {
        return None;
    }
    let packed = PACKED.iter().find(|(it, _)| begins(it));
    Some(packed.map_or("strings", |(_, reader)| reader))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_with_what_its_first_bytes_say() {
        for (bytes, expected) in [
            (&b"text"[..], None),
            (b"\x89PNG\xff", None),
            (b"GIF8\xff", None),
            (b"\x1f\x8b\x08", Some("zcat")),
            (b"\x28\xb5\x2f\xfd", Some("zstdcat")),
            (b"BZh\xff", Some("bzcat")),
            (b"\xfd7zXZ", Some("xzcat")),
            (b"\xff\xfe", Some("strings")),
        ] {
            let encoded = BASE64.encode(bytes);
            let (start, end) = encoded.split_at(2);
            for file in [encoded.clone(), format!("{start}\r\n{end}\n")] {
                assert_eq!(reader(&file), expected, "{bytes:?}");
            }
        }
        assert_eq!(reader("no base64"), None);
    }
}
