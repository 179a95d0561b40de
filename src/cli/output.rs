//! Objects as programs read them.

use std::io::Write;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Value, json};

/// Formats for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The object as JSON
    Json,
    /// The object as YAML
    Yaml,
    /// Kind and name
    Name,
}

/// Writes an object.
///
/// # Errors
///
/// If it cannot be written.
pub fn print(mut out: impl Write, object: &impl Serialize, format: Format) -> Result<()> {
    let mut object = serde_json::to_value(object)?;
    unmanaged(&mut object);
    match format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&object)?)?,
        Format::Yaml => write!(out, "{}", serde_saphyr::to_string(&object)?)?,
        Format::Name => {
            let name = object.pointer("/metadata/name").and_then(Value::as_str);
            writeln!(out, "{}", full_name(name.unwrap_or_default()))?;
        }
    }
    Ok(())
}

/// Writes a list as kubectl does.
///
/// # Errors
///
/// If it cannot be written.
pub fn print_list<T: Serialize>(mut out: impl Write, items: &[T], format: Format) -> Result<()> {
    if format == Format::Name {
        return items.iter().try_for_each(|it| print(&mut out, it, format));
    }
    let mut items = serde_json::to_value(items)?;
    items.as_array_mut().into_iter().flatten().for_each(unmanaged);
    let list = json!({
        "apiVersion": "v1", "kind": "List", "metadata": { "resourceVersion": "" }, "items": items
    });
    print(out, &list, format)
}

/// An environment as kubectl writes it.
pub fn full_name(name: &str) -> String {
    format!("stagingenvironment.kulisse.dev/{name}")
}

/// Who owns which field is noise, as kubectl has it.
fn unmanaged(object: &mut Value) {
    if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}
