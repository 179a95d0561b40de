//! Structured text, as what it is made of: values under their keys, with their places in the text.
//!
//! Parsers only say where things stand; nothing is ever written back by them, so that a file keeps
//! its form to the byte. A text that none of them takes is no document.

mod lines;
mod toml;
mod xml;
mod yaml;

use std::ops::Range;

use super::{Place, key};

/// How many names around a value are looked at.
const AROUND: usize = 3;

/// A value, or a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its bytes in the text, without quotes.
    pub(super) span: Range<usize>,
    /// Whether it is written with escapes.
    pub(super) escaped: bool,
    /// What names it.
    named: Named,
    /// The map that it stands in.
    scope: usize,
    /// Whether it is a key.
    key: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    /// A key, or the flag before it in a list.
    Key(String),
    /// The map itself, or what is named beside: text of an XML element.
    Map,
}

/// A map, with what is known about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Scope {
    name: String,
    parent: Option<usize>,
    /// The `name` beside a `value`.
    beside: Option<String>,
    /// Labels whose values are matched with a `regex`.
    labels: Vec<String>,
}

/// What a text is made of. Comments, and what stands between values, are in none of the pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    pieces: Vec<Piece>,
    scopes: Vec<Scope>,
}

impl Document {
    /// Its values and keys.
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// What is around a piece.
    pub(super) fn place(&self, at: usize) -> Place<'_> {
        let piece = &self.pieces[at];
        let mut scope = &self.scopes[piece.scope];
        let mut around = self.around(piece.scope);
        let mut named = match &piece.named {
            Named::Key(name) => name,
            Named::Map => {
                around.remove(0);
                let name = scope.beside.as_ref().filter(|_| !piece.key).unwrap_or(&scope.name);
                scope = scope.parent.map_or(scope, |at| &self.scopes[at]);
                name
            }
        };
        if piece.key {
            return Place { named, within: around, key: true, ..Place::default() };
        }
        if is_value(named) {
            named = scope.beside.as_ref().unwrap_or(named);
        }
        let labels = if named == "regex" { &scope.labels[..] } else { &[] };
        Place { named, within: around, labels, ..Place::default() }
    }

    /// Names of a map and of those around it, from the inside out.
    fn around(&self, scope: usize) -> Vec<&str> {
        let mut next = Some(scope);
        let mut names = Vec::with_capacity(AROUND + 1);
        while let Some(at) = next.filter(|_| names.len() <= AROUND) {
            names.push(self.scopes[at].name.as_str());
            next = self.scopes[at].parent;
        }
        names
    }
}

/// Fields that say what another field beside them says the name of.
fn is_value(name: &str) -> bool {
    matches!(name, "value" | "values" | "Value" | "Values")
}

fn is_name(name: &str) -> bool {
    matches!(name, "name" | "key" | "Name" | "Key")
}

fn is_labels(name: &str) -> bool {
    matches!(name, "source_labels" | "sourceLabels")
}

/// Takes a text apart, by the ending of its name or by what it looks like.
pub(super) fn read(name: &str, text: &str) -> Option<Document> {
    let ending = name.rsplit_once('.').map_or(name, |(_, ending)| ending).to_ascii_lowercase();
    match ending.as_str() {
        "yaml" | "yml" | "json" => yaml::read(text, true).or_else(|| guessed(text)),
        "toml" => toml::read(text).or_else(|| lines::read(text, true)),
        "xml" | "xsl" | "xhtml" | "config" => xml::read(text).or_else(|| guessed(text)),
        "properties" | "ini" | "env" | "cfg" | "cnf" | "dotenv" => lines::read(text, true),
        "sh" | "bash" | "py" | "js" | "ts" | "lua" | "sql" | "md" | "tf" | "hcl" | "go" | "rb"
        | "groovy" | "css" | "php" => None,
        _ => guessed(text),
    }
}

fn guessed(text: &str) -> Option<Document> {
    let start = text.trim_start();
    if start.starts_with("#!") {
        return None;
    }
    if start.starts_with('<') {
        return xml::read(text);
    }
    let flow = start.starts_with(['{', '[']);
    if !flow && !text.contains('\n') {
        return None;
    }
    yaml::read(text, false).or_else(|| toml::read(text)).or_else(|| lines::read(text, false))
}

/// Gathers the pieces of a document in the order in which a parser comes across them.
#[derive(Debug)]
struct Builder {
    pieces: Vec<Piece>,
    scopes: Vec<Scope>,
    open: Vec<Open>,
}

#[derive(Debug)]
enum Open {
    /// A map, and the key whose value comes next.
    Map { scope: usize, key: Option<String> },
    /// A list, its name, and the flag that names its next element.
    List { scope: usize, name: String, flag: Option<String> },
}

impl Builder {
    fn new() -> Self {
        Self {
            pieces: Vec::new(),
            scopes: vec![Scope::default()],
            open: vec![Open::List { scope: 0, name: String::new(), flag: None }],
        }
    }

    fn finish(self) -> Option<Document> {
        (!self.pieces.is_empty()).then_some(Document { pieces: self.pieces, scopes: self.scopes })
    }

    /// The map that is open, and the name of what comes next.
    fn next(&mut self) -> (usize, String) {
        match self.open.last_mut() {
            Some(Open::Map { scope, key }) => (*scope, key.take().unwrap_or_default()),
            Some(Open::List { scope, name, flag }) => {
                (*scope, flag.take().unwrap_or_else(|| name.clone()))
            }
            None => (0, String::new()),
        }
    }

    /// A map begins.
    fn map(&mut self) {
        let (parent, name) = self.next();
        self.scopes.push(Scope { name, parent: Some(parent), ..Scope::default() });
        self.open.push(Open::Map { scope: self.scopes.len() - 1, key: None });
    }

    /// A list begins.
    fn list(&mut self) {
        let (scope, name) = self.next();
        self.open.push(Open::List { scope, name, flag: None });
    }

    /// A map or a list ends.
    fn end(&mut self) {
        self.open.pop();
    }

    /// All maps but the outermost end.
    fn at_root(&mut self) {
        self.open.truncate(2);
    }

    /// What comes next in a map has this name.
    fn name(&mut self, name: &str) {
        if let Some(Open::Map { key, .. }) = self.open.last_mut() {
            *key = Some(name.to_owned());
        }
    }

    /// What comes next in a map is the value of this key.
    fn key(&mut self, name: &str, span: Range<usize>, escaped: bool) {
        self.name(name);
        if let Some(Open::Map { scope, .. }) = self.open.last() {
            let (named, scope) = (Named::Map, *scope);
            self.pieces.push(Piece { span, escaped, named, scope, key: true });
        }
    }

    /// Whether a key is awaited.
    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Map { key: None, .. }))
    }

    /// A value without inner structure.
    fn value(&mut self, value: &str, span: Range<usize>, escaped: bool) {
        let (scope, name) = self.next();
        if is_labels(&name) {
            self.scopes[scope].labels.push(value.to_owned());
        } else if is_name(&name) {
            self.scopes[scope].beside = Some(value.to_owned());
        }
        if let Some(Open::List { flag, .. }) = self.open.last_mut() {
            *flag = key::flag(value).map(str::to_owned);
            // A host and a port, each by itself.
            if key::is_port(value)
                && let Some(last) = self.pieces.last_mut().filter(|it| it.scope == scope && !it.key)
            {
                last.named = Named::Key("host".to_owned());
            }
        }
        self.pieces.push(Piece { span, escaped, named: Named::Key(name), scope, key: false });
    }

    /// Text of the map itself.
    fn text(&mut self, text: &str, span: Range<usize>) {
        if let Some(Open::Map { scope, .. }) = self.open.last() {
            let (named, scope) = (Named::Map, *scope);
            if is_name(&self.scopes[scope].name)
                && let Some(parent) = self.scopes[scope].parent
            {
                self.scopes[parent].beside = Some(text.trim().to_owned());
            }
            self.pieces.push(Piece { span, escaped: false, named, scope, key: false });
        }
    }

    /// More of the last value.
    fn again(&mut self, span: Range<usize>) {
        let last = self.pieces.last().cloned();
        let last = last.unwrap_or_else(|| Piece {
            span: 0..0,
            escaped: false,
            named: Named::Key(String::new()),
            scope: 0,
            key: false,
        });
        self.pieces.push(Piece { span, ..last });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What names each value, the names around it, and the value.
    fn values(name: &str, text: &str) -> Vec<(String, String, String)> {
        let Some(document) = read(name, text) else { return Vec::new() };
        let mut found = Vec::new();
        for (at, piece) in document.pieces().iter().enumerate() {
            let place = document.place(at);
            if !place.key {
                let value = text[piece.span.clone()].to_owned();
                found.push((place.named.to_owned(), place.within.join("<"), value));
            }
        }
        found
    }

    fn told(list: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
        let own = |it: &str| it.to_owned();
        list.iter().map(|(named, within, value)| (own(named), own(within), own(value))).collect()
    }

    #[test]
    fn values_stand_under_their_keys_and_the_maps_around_them() {
        let json =
            r#"{"b": {"c": {"a": ["1x", "2x"], "d": ["--host", "db", "a.b", "80"]}}, "e": "5x"}"#;
        let yaml = "b:\n  c:\n    a: [1x, '2x']\n    d:\n    - --host\n    - db\n    - a.b\n    \
            - '80'\ne: 5x\n";
        for (name, text) in [("a.json", json), ("", json), ("a.yml", yaml), ("A.YAML", yaml)] {
            assert_eq!(
                values(name, text),
                told(&[
                    ("a", "c<b<<", "1x"),
                    ("a", "c<b<<", "2x"),
                    ("d", "c<b<<", "--host"),
                    ("host", "c<b<<", "db"),
                    // A port behind it says that it is a host.
                    ("host", "c<b<<", "a.b"),
                    ("d", "c<b<<", "80"),
                    ("e", "<", "5x"),
                ]),
                "{name}: {text}"
            );
        }
    }

    #[test]
    fn a_name_beside_a_value_names_it() {
        for (name, text) in [
            ("a.yaml", "- name: N\n  value: v\n- key: N\n  Values: [v]\n"),
            ("a.toml", "[[a]]\nName = \"N\"\nvalues = 'v'\n[[a]]\nkey = \"N\"\nvalue = '''v'''\n"),
            ("a.xml", "<a><b><name> N </name><value>v</value></b><c key='N' value=\"v\"/></a>"),
        ] {
            let found = values(name, text);
            let found: Vec<_> = found.iter().filter(|it| it.2 == "v").map(|it| &*it.0).collect();
            assert_eq!(found, ["N", "N"], "{text}");
        }
    }

    #[test]
    fn a_file_is_what_its_ending_or_its_look_says() {
        for (name, text, expected) in [
            ("a.sh", "a: 1\nb: 2\n", false),
            ("py", "a: 1\nb: 2\n", false),
            ("", "#!/bin/sh\na: 1\n", false),
            ("", "a: 1", false),
            ("a.yaml", "a: 1", true),
            ("", "{a: 1}", true),
            ("", " [a]", true),
            ("", "a\nb\n", false),
            ("a.yaml", "a\nb\n", true),
            ("", "a = 1\nb = 2\n", true),
            ("a.ini", "a = 1", true),
            ("a.toml", "a = 1", true),
            ("a.toml", "a = b c", true),
            ("", "<a>b</a>", true),
            ("a.config", "<a>b</a>", true),
            ("", "<a>b", false),
            ("a.yaml", "? [a]\n: b\n", false),
        ] {
            assert_eq!(read(name, text).is_some(), expected, "{name}: {text}");
        }
    }

    #[test]
    fn texts_of_toml_are_told_without_their_quotes() {
        let text = "a = \"1x\"\nb.\"c\" = '2x'\n[t.u]\nd = \"\"\"3x\"\"\"\ne = '''4x'''\n\
            f = [ 5, { g = \"\" } ]\n[[v]]\nh = true\n";
        assert_eq!(
            values("a.toml", text),
            told(&[
                ("a", "<", "1x"),
                ("b.c", "<", "2x"),
                ("d", "t.u<<", "3x"),
                ("e", "t.u<<", "4x"),
                ("f", "t.u<<", "5"),
                ("g", "f<t.u<<", ""),
                ("h", "v<<", "true"),
            ])
        );
    }

    #[test]
    fn templates_in_yaml_keep_their_place() {
        let text = "{{- if .A }}\na: {{ .B }}-1x\n{{ end }}\nb: 2x\n";
        assert_eq!(values("a.yaml", text), told(&[("a", "<", "{{ .B }}-1x"), ("b", "<", "2x")]));
    }
}
