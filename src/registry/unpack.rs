//! A layer of an artefact → its manifests. In memory, and within limits.
//!
//! What a layer is, its bytes say: tools write the same media type for a file and for an archive.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use kulisse_core::{api::condition::Reason, lifecycle::Problem};
use tar::{Archive, EntryType};

/// Most bytes of all layers, unpacked.
const BYTES: usize = 16 * 1024 * 1024;
/// Most files of all layers.
const FILES: usize = 4096;
/// Most parts of a path.
const DEPTH: usize = 16;
/// What cannot be planned as it is.
pub const CHART: &str = "it is a Helm chart: push what «helm template» makes of it";

/// What all layers may still hold.
pub struct Room {
    bytes: usize,
    files: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { bytes: BYTES, files: FILES }
    }
}

/// The manifests of a layer, by path. `title`: the name of a layer that is a single file.
///
/// # Errors
///
/// If there is not enough room, or the layer holds what is no rendered manifest.
pub fn layer(
    bytes: &[u8],
    title: Option<&str>,
    room: &mut Room,
) -> Result<Vec<(String, String)>, Problem> {
    let unpacked = if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        let mut reader = MultiGzDecoder::new(bytes).take(room.bytes as u64 + 1);
        reader.read_to_end(&mut unpacked).map_err(|_| invalid("a layer is not gzip to its end"))?;
        unpacked
    } else if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Err(invalid("a layer is compressed with zstd: use gzip, or nothing"));
    } else {
        bytes.to_vec()
    };
    room.bytes = room.bytes.checked_sub(unpacked.len()).ok_or_else(|| {
        Problem::new(Reason::TooLarge, format!("it unpacks to more than {} MiB", BYTES >> 20))
    })?;
    if unpacked.get(257..262) == Some(b"ustar") {
        return archive(&unpacked, room);
    }
    let path = title.unwrap_or("manifests.yaml");
    count(room)?;
    Ok(manifest(path, unpacked)?.into_iter().collect())
}

fn archive(bytes: &[u8], room: &mut Room) -> Result<Vec<(String, String)>, Problem> {
    let broken = |_| invalid("a layer is not a tar archive to its end");
    let mut files = Vec::new();
    for entry in Archive::new(bytes).entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = path(&entry.path_bytes())?;
        count(room)?;
        match entry.header().entry_type() {
            EntryType::Directory | EntryType::XGlobalHeader => {}
            EntryType::Regular | EntryType::Continuous => {
                let mut content = Vec::new();
                // No more than the archive itself holds, whatever its headers say.
                let mut reader = (&mut entry).take(bytes.len() as u64);
                reader.read_to_end(&mut content).map_err(broken)?;
                files.extend(manifest(&path, content)?);
            }
            _ => {
                return Err(invalid(&format!(
                    "{path} is neither a file nor a folder: links and devices are not read"
                )));
            }
        }
    }
    Ok(files)
}

/// A path within the archive: nothing is written anywhere, but who packs `../` means no good.
fn path(bytes: &[u8]) -> Result<String, Problem> {
    let path = std::str::from_utf8(bytes).map_err(|_| invalid("a path is not UTF-8"))?;
    let parts: Vec<&str> = path.split('/').filter(|it| !it.is_empty() && *it != ".").collect();
    let shown = path.escape_debug();
    if path.starts_with('/') || parts.contains(&"..") {
        return Err(invalid(&format!("the path {shown} leads out of the archive")));
    }
    if parts.len() > DEPTH || path.len() > 1024 {
        let why = format!("the path {shown} has more than {DEPTH} parts or 1024 bytes");
        return Err(Problem::new(Reason::TooLarge, why));
    }
    Ok(parts.join("/"))
}

/// The text of a file that is a manifest.
fn manifest(path: &str, content: Vec<u8>) -> Result<Option<(String, String)>, Problem> {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name {
        "kustomization.yaml" | "kustomization.yml" | "Kustomization" => {
            let why = format!(
                "{path} is a kustomization, which is not built here: push what «kustomize build» makes of it"
            );
            return Err(invalid(&why));
        }
        "Chart.yaml" => return Err(invalid(CHART)),
        _ => {}
    }
    if ![".yaml", ".yml", ".json"].iter().any(|it| name.ends_with(it)) {
        return Ok(None);
    }
    let text = String::from_utf8(content).map_err(|_| invalid(&format!("{path} is not UTF-8")))?;
    Ok(Some((path.to_owned(), text)))
}

fn count(room: &mut Room) -> Result<(), Problem> {
    room.files = room.files.checked_sub(1).ok_or_else(|| {
        Problem::new(Reason::TooLarge, format!("it holds more than {FILES} files and folders"))
    })?;
    Ok(())
}

fn invalid(why: &str) -> Problem {
    Problem::new(Reason::InvalidManifest, why)
}
