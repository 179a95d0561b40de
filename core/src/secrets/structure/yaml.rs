//! YAML, line by line: block and flow style, quotes, block scalars.
//!
//! It finds values, it does not understand YAML: anchors, tags and aliases are text. What it takes
//! for a value under the name of a credential is replaced wherever it ends.

use serde_json::{Deserializer, de::IoRead};

use super::{fields, json, lines, quoted};
use crate::secrets::{
    classify::{Hint, value},
    name::{self, Role},
    pattern::Pattern,
    pieces::{NotInventable, Pieces, Taken},
    shape, url,
};

static KEY: Pattern = Pattern::new(
    r#"^("(?:[^"\\]|\\.)*"|'[^']*'|[^\s#\[\]{}"'&*!|>%@`,-][^#"'{}\[\],\n]*?|-[^\s#:]+)[ \t]*:([ \t]+|\r?\n|$)"#,
);
static PROPERTIES: Pattern = Pattern::new(r"^((?:[!&][^\s,\[\]{}]*[ \t]+)+)");
static BLOCK: Pattern = Pattern::new(r"^([|>][-+0-9]*[ \t]*(?:#[^\n]*)?\r?\n)");
static FLOW_ENTRY: Pattern = Pattern::new(
    r#"["']?([A-Za-z_][\w.-]*)["']?\s*:\s+("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,{}\[\]"'][^,{}\[\]\n]*)"#,
);

/// How far in the content of a line begins: behind blanks, and behind the dashes of lists.
fn indent(line: &str) -> usize {
    let blank = |from: usize, which: &[char]| {
        line[from..].len() - line[from..].trim_start_matches(which).len()
    };
    let mut at = blank(0, &[' ']);
    while line[at..].starts_with("- ") || line[at..].starts_with("-\t") {
        at += 1 + blank(at + 1, &[' ', '\t']);
    }
    at
}

/// A key whose value may go on below it.
struct Parent {
    indent: usize,
    role: Role,
}

/// Takes a YAML text apart.
pub(super) fn take_apart(hint: Hint<'_>, text: &str) -> Taken {
    let mut reader = Reader {
        hint,
        rest: text,
        pieces: Pieces::default(),
        parents: Vec::new(),
        sibling: (0, String::new()),
    };
    while !reader.rest.is_empty() {
        reader.line()?;
    }
    Ok(reader.pieces)
}

struct Reader<'t, 'h> {
    hint: Hint<'h>,
    rest: &'t str,
    pieces: Pieces,
    parents: Vec<Parent>,
    /// `- name: DB_PASSWORD` gives `value: …` beside it its name.
    sibling: (usize, String),
}

impl<'t> Reader<'t, '_> {
    fn keep(&mut self, length: usize) -> &'t str {
        let (kept, rest) = self.rest.split_at(length);
        self.pieces.text(kept);
        self.rest = rest;
        kept
    }

    fn line(&mut self) -> Result<(), NotInventable> {
        let line = &self.rest[..lines::line_end(self.rest)];
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', '%']) || content == "---" {
            lines::comment(self.hint, line, &mut self.pieces)?;
            self.rest = &self.rest[line.len()..];
            return Ok(());
        }
        let indent = indent(line);
        self.keep(indent);
        self.parents.retain(|parent| parent.indent < indent);
        // Groups cost many times a match, and behind the colon are blanks alone.
        let start = KEY.find(self.rest);
        let Some((key, blank)) = start.and_then(|it| it.rsplit_once(':')) else {
            let role = self.parents.last().map_or(self.hint.role, |parent| parent.role);
            return self.scalar(Hint { role, ..self.hint.field(&[]) }, indent);
        };
        let name = key.trim().trim_matches(['"', '\'']).to_owned();
        self.keep(key.len() + 1);
        let role = self.role(&name, indent);
        self.parents.push(Parent { indent, role });
        self.keep(blank.len());
        if blank.contains('\n') || blank.is_empty() {
            return Ok(());
        }
        let names = [name.as_str()];
        let hint = Hint { role, ..self.hint.field(&names) };
        self.scalar(hint, indent)
    }

    /// What a key says about its value, by itself, by the name beside it, or by its parent.
    fn role(&mut self, name: &str, indent: usize) -> Role {
        if matches!(name, "name" | "key") {
            let line = self.rest[..lines::line_end(self.rest)].trim();
            self.sibling = (indent, line.trim_matches(['"', '\'']).to_owned());
        }
        let own = if name == "value" && self.sibling.0 == indent {
            name::role(&self.sibling.1)
        } else {
            name::role(name)
        };
        let above = self.parents.last().map_or(self.hint.role, |parent| parent.role);
        if own == Role::Unknown && above == Role::Credential { above } else { own }
    }

    /// The value that stands at the start of the rest, to the end of its line or of itself.
    fn scalar(&mut self, hint: Hint<'_>, indent: usize) -> Result<(), NotInventable> {
        if self.rest.starts_with(['!', '&'])
            && let Some([properties]) = PROPERTIES.groups(self.rest)
        {
            self.keep(properties.len());
        }
        if self.rest.starts_with(['|', '>'])
            && let Some([header]) = BLOCK.groups(self.rest)
        {
            self.keep(header.len());
            return self.block(hint, indent);
        }
        let line = lines::line_end(self.rest);
        match self.rest.as_bytes().first() {
            Some(b'{' | b'[') => self.flow(hint),
            // With more behind it, it is no YAML yet: a template's quotes stand in quotes.
            Some(b'"' | b'\'')
                if let Some(end) = quoted::end(self.rest)
                    && ends_a_line(&self.rest[end..]) =>
            {
                let pieces = quoted::take_apart(hint, &self.rest[..end])?;
                self.pieces.extend(pieces);
                self.rest = &self.rest[end..];
                self.rest_of_line()
            }
            Some(b'*' | b'#') => {
                self.keep(line);
                Ok(())
            }
            _ => {
                let text = self.rest[..line].trim_end_matches(['\r', '\n']);
                let text = &text[..text.find(" #").unwrap_or(text.len())];
                let is_null = matches!(text.trim(), "~" | "null" | "");
                let pieces = if is_null { Pieces::kept(text) } else { value(hint, text)? };
                self.pieces.extend(pieces);
                self.rest = &self.rest[text.len()..];
                self.rest_of_line()
            }
        }
    }

    /// Keeps what follows a value on its line: a comment.
    fn rest_of_line(&mut self) -> Result<(), NotInventable> {
        let end = lines::line_end(self.rest);
        let pieces = url::embedded(self.hint, &self.rest[..end])?;
        self.pieces.extend(pieces);
        self.rest = &self.rest[end..];
        Ok(())
    }

    /// The lines below that stand further in.
    fn block(&mut self, hint: Hint<'_>, indent: usize) -> Result<(), NotInventable> {
        // Dashes are in `indent`, so the lines of a block in a list may stand as far in as its key.
        let mut length = 0;
        let mut first = None;
        for line in self.rest.split_inclusive('\n') {
            let depth = line.len() - line.trim_start_matches(' ').len();
            let is_blank = line.trim().is_empty();
            if !is_blank && depth < first.unwrap_or(1.max(self.outer(indent) + 1)) {
                break;
            }
            if !is_blank && first.is_none() {
                first = Some(depth);
            }
            length += line.len();
        }
        let pieces = value(hint, &self.rest[..length])?;
        self.pieces.extend(pieces);
        self.rest = &self.rest[length..];
        Ok(())
    }

    /// The indentation of the key whose block this is.
    fn outer(&self, indent: usize) -> usize {
        self.parents.last().map_or(0, |parent| parent.indent.min(indent))
    }

    /// A map or list in braces. Where it is JSON it is read as that.
    fn flow(&mut self, hint: Hint<'_>) -> Result<(), NotInventable> {
        let mut values = Deserializer::new(IoRead::new(self.rest.as_bytes()))
            .into_iter::<serde::de::IgnoredAny>();
        if let Some(Ok(_)) = values.next() {
            let length = values.byte_offset();
            if let Some(text) = self.rest.get(..length)
                && let Some(pieces) = json::take_apart(hint, text)
            {
                self.pieces.extend(pieces?);
                self.rest = &self.rest[length..];
                return self.rest_of_line();
            }
        }
        let line = &self.rest[..lines::line_end(self.rest)];
        let done = fields::listed(hint, line, &FLOW_ENTRY, &mut self.pieces)?;
        if done == 0 && hint.role == Role::Credential {
            return self.flow_list(hint, line);
        }
        let pieces = url::embedded(hint, &line[done..])?;
        self.pieces.extend(pieces);
        self.rest = &self.rest[line.len()..];
        Ok(())
    }

    /// `[a, b]` under the name of a credential.
    fn flow_list(&mut self, hint: Hint<'_>, line: &str) -> Result<(), NotInventable> {
        for word in line.split_inclusive([',', '[', ']']) {
            let inner = word.trim_end_matches([',', '[', ']', '\n', '\r']).trim();
            let start = word.find(inner).unwrap_or_default();
            self.pieces.text(&word[..start]);
            let pieces = if shape::is_boolean(inner) {
                Pieces::kept(inner)
            } else {
                quoted::take_apart(hint, inner)?
            };
            self.pieces.extend(pieces);
            self.pieces.text(&word[start + inner.len()..]);
        }
        self.rest = &self.rest[line.len()..];
        Ok(())
    }
}

fn ends_a_line(rest: &str) -> bool {
    let rest = rest[..lines::line_end(rest)].trim();
    !rest.contains(['"', '\'']) || rest.starts_with(['#', ',', ']', '}', ';', '/'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for pattern in [&KEY, &PROPERTIES, &BLOCK, &FLOW_ENTRY] {
            assert!(pattern.get().is_some());
        }
    }

    #[test]
    fn the_content_of_a_line_begins_behind_blanks_and_dashes() {
        for (line, expected) in [
            ("a: 1", 0),
            ("  a: 1", 2),
            ("- a: 1", 2),
            ("  -   a", 6),
            ("- - a", 4),
            ("-\ta", 2),
            ("-a", 0),
        ] {
            assert_eq!(indent(line), expected, "{line}");
        }
    }
}
