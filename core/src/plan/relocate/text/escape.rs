//! Quoted text as it is meant, with the way back to how it is written.

use super::{Edit, Kind};

/// A text without its escapes.
pub(super) struct Plain {
    /// What is meant.
    pub(super) text: String,
    /// For every byte of it, where it is written; and the end.
    written: Vec<usize>,
}

impl Plain {
    /// Takes out the escapes that JSON, YAML, TOML and properties have in common.
    pub(super) fn of(text: &str) -> Self {
        let mut plain = Self { text: String::with_capacity(text.len()), written: Vec::new() };
        let mut rest = text.char_indices();
        while let Some((at, c)) = rest.next() {
            if c != '\\' {
                plain.push(c, at);
                continue;
            }
            match rest.next().map(|(_, c)| c) {
                Some('n') => plain.push('\n', at),
                Some('t') => plain.push('\t', at),
                Some('r') => plain.push('\r', at),
                Some('u') => {
                    let code =
                        text.get(at + 2..at + 6).and_then(|it| u32::from_str_radix(it, 16).ok());
                    if let Some(c) = code.and_then(char::from_u32) {
                        plain.push(c, at);
                        rest.nth(3);
                    } else {
                        plain.push('u', at);
                    }
                }
                Some(c) => plain.push(c, at),
                None => plain.push('\\', at),
            }
        }
        plain.written.push(text.len());
        plain
    }

    fn push(&mut self, c: char, at: usize) {
        self.text.push(c);
        self.written.extend(std::iter::repeat_n(at, c.len_utf8()));
    }

    /// An edit of the plain text as one of the written text. A name that is written with escapes is
    /// shown and not replaced.
    pub(super) fn back(&self, text: &str, edit: Edit) -> Option<Edit> {
        let at = |it: usize| self.written.get(it).copied();
        let name = at(edit.name.start)?..at(edit.name.end)?;
        let word = at(edit.word.start)?..at(edit.word.end)?;
        let same = text.get(name.clone())? == &self.text[edit.name];
        let kind = if same { edit.kind } else { Kind::Possible };
        Some(Edit { name, word, kind, form: edit.form && same })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_taken_out_and_found_again() {
        for (text, plain) in [
            (r#"a \"b\" \\ c"#, r#"a "b" \ c"#),
            (r"a\nb\tc\/d", "a\nb\tc/d"),
            (r"\u0061\u00e9é", "aéé"),
            (r"\u12", "u12"),
            (r"\", r"\"),
            ("", ""),
        ] {
            let it = Plain::of(text);
            assert_eq!(it.text, plain);
            assert_eq!(it.written.len(), plain.len() + 1);
        }
    }

    #[test]
    fn an_edit_is_brought_back_to_where_it_is_written() {
        for (text, at, name, word, kind) in [
            (r"a\/shop\/b", 1, "shop", r"\/shop\/", Kind::Host),
            (r"\n/shop/", 1, "shop", "/shop/", Kind::Host),
            (r"\u00e9/shop/", 2, "shop", "/shop/", Kind::Host),
            // Written with an escape, it is shown and not replaced.
            (r"a/sh\u006fp/", 1, r"sh\u006fp", r"/sh\u006fp/", Kind::Possible),
        ] {
            let edit =
                Edit { name: at + 1..at + 5, word: at..at + 6, kind: Kind::Host, form: true };
            let back = Plain::of(text).back(text, edit).unwrap();
            assert_eq!((&text[back.name], &text[back.word]), (name, word));
            assert_eq!((back.kind, back.form), (kind, kind == Kind::Host), "{text}");
        }
    }
}
