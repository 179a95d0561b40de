//! YAML and JSON texts → documents that know where they stand.
//!
//! Messages name the place and never quote the text: it may be a Secret.

use std::{
    fmt,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

/// Stands for standard input among paths.
const STDIN: &str = "-";
/// What a folder's files are called.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// Files that say that a folder is to be rendered first: file, tool, command.
const RENDERED: [(&str, &str, &str); 2] = [
    ("Chart.yaml", "a Helm chart", "helm template"),
    ("kustomization.yaml", "input of Kustomize", "kustomize build"),
];

/// A document, and where it stands.
#[derive(Clone)]
pub struct Document {
    /// What it says.
    pub value: Value,
    /// Where it stands.
    pub place: Place,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    file: String,
    line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The documents of a file, of all files below a folder, or of standard input (`-`).
///
/// # Errors
///
/// If something cannot be read, or is neither YAML nor JSON.
pub fn read(path: &Path) -> Result<Vec<Document>> {
    if path == Path::new(STDIN) {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return parse(&text, "standard input");
    }
    let mut documents = Vec::new();
    for file in files(path)? {
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        documents.extend(parse(&text, &file.display().to_string())?);
    }
    Ok(documents)
}

/// The documents of a text; the items of a list count as documents, empty documents do not.
///
/// # Errors
///
/// If it is neither YAML nor JSON.
pub fn parse(text: &str, file: &str) -> Result<Vec<Document>> {
    let options = serde_saphyr::options! {
        // 0644 is a file mode, as Kubernetes' own tools read it.
        legacy_octal_numbers: true,
        // Of a text that may be a Secret nothing is quoted.
        with_snippet: false,
        budget: serde_saphyr::budget! { max_documents: 100_000, max_nodes: 10_000_000, max_events: 40_000_000 },
    };
    let parsed: Vec<Spanned<Value>> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| unreadable(&error, text, file))?;
    let mut documents = Vec::new();
    for it in parsed {
        let place = Place { file: file.to_owned(), line: it.referenced.line() };
        unfold(Document { value: it.value, place }, &mut documents);
    }
    Ok(documents)
}

/// A document as a type of ours: every field must be known, as for `kubectl apply`.
///
/// # Errors
///
/// If a field is unknown or holds what it cannot; the message names its path.
pub fn typed<T: DeserializeOwned>(document: &Document) -> Result<T> {
    let place = &document.place;
    let mut unknown: Vec<String> = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(&document.value, &mut track);
    let read =
        serde_ignored::deserialize(deserializer, |path| unknown.push(field(&path.to_string())));
    let value: T = read.map_err(|error| anyhow!("{place}: {}: {error}", track.path()))?;
    // What kind it is has been looked at; a status may be a later version's.
    let known = |field: &&String| {
        ["apiVersion", "kind"].contains(&field.as_str()) || field.starts_with("status.")
    };
    match unknown.iter().find(|it| !known(it)) {
        Some(field) => {
            bail!("{place}: unknown field {field}: «kubectl explain» lists those there are")
        }
        None => Ok(value),
    }
}

/// serde_ignored marks optional fields with a `?`.
fn field(path: &str) -> String {
    path.replace(".?", "")
}

fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let about =
        std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if !about.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    walk(path, &mut found)?;
    if found.is_empty() {
        bail!("there is no file called *.{} in {}", ENDINGS.join(", *."), path.display());
    }
    found.sort();
    Ok(found)
}

/// Files below a folder. Hidden ones and links to folders are left out.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for (file, what, command) in RENDERED {
        if folder.join(file).is_file() {
            let folder = folder.display();
            bail!(
                "{folder} is {what}: render it first, «{command} {folder} | kulisse plan -f ENV.yaml --source -»"
            );
        }
    }
    let context = || format!("cannot read {}", folder.display());
    for entry in std::fs::read_dir(folder).with_context(context)? {
        let entry = entry.with_context(context)?;
        let (path, kind) = (entry.path(), entry.file_type().with_context(context)?);
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        if kind.is_dir() {
            walk(&path, found)?;
        } else if ENDINGS.contains(&ending) && path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

fn unreadable(error: &serde_saphyr::Error, text: &str, file: &str) -> anyhow::Error {
    let place = error
        .location()
        .map_or_else(|| file.to_owned(), |at| format!("{file}:{}:{}", at.line(), at.column()));
    if is_template(text, error.location().map(|at| at.line())) {
        return anyhow!("{place}: a template, not YAML: render it first, as with «helm template»");
    }
    anyhow!("{place}: not YAML: {}", words(error))
}

/// Whether what cannot be read is what a template has: on the line, the one before it, or alone on
/// some line. In quotes it is YAML.
fn is_template(text: &str, line: Option<u64>) -> bool {
    let near = |at: usize| line.is_some_and(|it| (it.saturating_sub(2)..it).contains(&(at as u64)));
    text.lines()
        .enumerate()
        .any(|(at, it)| it.trim_start().starts_with("{{") || near(at) && it.contains("{{"))
}

/// The parser's words without what it quotes of the text, and without the place, which is said already.
fn words(error: &serde_saphyr::Error) -> String {
    let said = error.without_snippet().to_string();
    // What comes after a colon is a piece of the text.
    let said = said.split(" at line ").next().unwrap_or_default();
    let said = said.split([':', ';']).next().unwrap_or_default();
    let mut bare = String::new();
    let mut quoted = None;
    for c in said.chars() {
        match quoted {
            None if matches!(c, '"' | '`') => {
                quoted = Some(c);
                bare.push('…');
            }
            None => bare.push(c),
            Some(end) if c == end => quoted = None,
            Some(_) => {}
        }
    }
    bare.trim().to_owned()
}

/// Takes a list to pieces: `List` of any tool, and `ConfigMapList` and the like of the API server.
fn unfold(document: Document, into: &mut Vec<Document>) {
    let Document { mut value, place } = document;
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
    let of = kind.strip_suffix("List").map(ToOwned::to_owned);
    match (of, value.get_mut("items").map(Value::take)) {
        (Some(of), Some(Value::Array(items))) => {
            let version = value.get("apiVersion").cloned();
            for mut item in items {
                // Of a list of one kind the items do not repeat it.
                if let (Some(item), Some(version), false) =
                    (item.as_object_mut(), &version, of.is_empty())
                {
                    complete(item, version, &of);
                }
                unfold(Document { value: item, place: place.clone() }, into);
            }
        }
        (_, items) => {
            if let (Some(items), Some(map)) = (items, value.as_object_mut()) {
                map.insert("items".to_owned(), items);
            }
            if !value.is_null() {
                into.push(Document { value, place });
            }
        }
    }
}

fn complete(item: &mut Map<String, Value>, version: &Value, kind: &str) {
    item.entry("apiVersion").or_insert_with(|| version.clone());
    item.entry("kind").or_insert_with(|| kind.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_know_their_line_and_empty_ones_are_none() {
        let text = "# helm\n---\n# nothing\n---\nkind: A\n---\n\nkind: B\nmode: 0644\n";
        let found = parse(text, "x.yaml").unwrap();
        let places: Vec<String> = found.iter().map(|it| it.place.to_string()).collect();
        assert_eq!(places, ["x.yaml:5", "x.yaml:8"]);
        assert_eq!(found[1].value["mode"], 0o644);
    }

    #[test]
    fn lists_are_taken_to_pieces() {
        let text = "kind: List\nitems: [{kind: A}, {kind: ConfigMapList, apiVersion: v1, items: [{metadata: {name: x}}]}]";
        let kinds: Vec<Value> =
            parse(text, "-").unwrap().into_iter().map(|it| it.value["kind"].clone()).collect();
        assert_eq!(kinds, ["A", "ConfigMap"]);
    }

    #[test]
    fn an_error_names_the_line_and_quotes_nothing() {
        for text in [
            "a: 1\npassword: \"hunter2\nb: 2\n",
            "a: 1\nhunter2: x\nhunter2: y\n",
            "a: *hunter2\n",
            "a: [hunter2\nb: }",
        ] {
            let error = parse(text, "x.yaml").err().unwrap().to_string();
            assert!(error.starts_with("x.yaml:") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_unknown_field_is_named_with_its_path() {
        #[derive(Debug, serde::Deserialize)]
        struct Inner {
            #[allow(dead_code)]
            known: Option<u8>,
        }
        #[derive(Debug, serde::Deserialize)]
        struct Outer {
            #[allow(dead_code)]
            spec: Option<Inner>,
        }
        let told =
            |text: &str| typed::<Outer>(&parse(text, "x").unwrap()[0]).unwrap_err().to_string();
        assert!(told("spec: {knwon: 1}").contains("unknown field spec.knwon"));
        assert!(told("spec: {known: a}").contains("spec.known: invalid type"));
    }
}
