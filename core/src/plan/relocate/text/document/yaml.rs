//! YAML, and JSON, which it includes.

use std::{borrow::Cow, ops::Range};

use granit_parser::{Event, Parser, ScalarStyle};

use super::{Builder, Document};

/// Takes a YAML text apart: all documents of it, or nothing. A text that is not `known` to be YAML
/// must look like it: prose is YAML too.
pub(super) fn read(text: &str, known: bool) -> Option<Document> {
    let masked = without_templates(text);
    let mut builder = Builder::new();
    let options = granit_parser::options! { emit_comments: false, emit_unresolved_aliases: true };
    let mut structured = false;
    for event in Parser::new_from_str_with_options(&masked, options) {
        let (event, span) = event.ok()?;
        match event {
            Event::Scalar(value, style, ..) => {
                let span = inner(text, span.byte_range()?, style)?;
                // Only in double quotes is a backslash an escape.
                let escaped =
                    style == ScalarStyle::DoubleQuoted && text[span.clone()].contains('\\');
                if builder.wants_key() {
                    builder.key(&value, span, escaped);
                } else {
                    builder.value(&value, span, escaped);
                }
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let at = span.byte_range()?.start;
                if builder.wants_key() {
                    builder.key("", at..at, false);
                } else {
                    builder.value("", at..at, false);
                }
            }
            // Nobody's configuration has maps and lists as keys.
            Event::MappingStart(..) | Event::SequenceStart(..) if builder.wants_key() => {
                return None;
            }
            Event::MappingStart(..) => {
                structured = true;
                builder.map();
            }
            Event::SequenceStart(..) => builder.list(),
            Event::MappingEnd | Event::SequenceEnd => builder.end(),
            // Streams, documents and comments hold no values; the crate may name more such events.
            _ => {}
        }
    }
    (structured || known || text.trim_start().starts_with('[')).then(|| builder.finish()).flatten()
}

/// A scalar's bytes without its quotes.
fn inner(text: &str, span: Range<usize>, style: ScalarStyle) -> Option<Range<usize>> {
    let raw = text.get(span.clone())?;
    let quoted = matches!(style, ScalarStyle::DoubleQuoted | ScalarStyle::SingleQuoted);
    if quoted && raw.len() >= 2 {
        return Some(span.start + 1..span.end - 1);
    }
    Some(span)
}

/// The text with templates (`{{ … }}`) made harmless, each byte at its place: files are often
/// filled in at the start of a Pod.
fn without_templates(text: &str) -> Cow<'_, str> {
    if !text.contains("{{") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let whole = line.trim();
        let alone = whole.starts_with("{{") && whole.ends_with("}}");
        let mut rest = line;
        while let Some((before, inner)) = rest.split_once("{{") {
            let Some((inner, after)) = inner.split_once("}}") else { break };
            out.push_str(before);
            let fill = if alone { " " } else { "x" };
            out.push_str(&fill.repeat(inner.len() + 4));
            rest = after;
        }
        out.push_str(rest);
    }
    Cow::Owned(out)
}
