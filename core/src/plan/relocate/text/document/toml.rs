//! TOML.

use std::ops::Range;

use toml_parser::{
    ParseError, Source,
    decoder::Encoding,
    parser::{Event, EventKind, RecursionGuard, parse_document},
};

use super::{Builder, Document};

/// Arrays and inline tables within each other.
const DEPTH: u32 = 128;

/// Takes a TOML text apart; nothing if it is none.
pub(super) fn read(text: &str) -> Option<Document> {
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    let mut reader = Reader { text, builder: Builder::new(), key: None };
    reader.builder.map();
    let mut failed = false;
    let mut receive = |event: Event| reader.event(&event);
    let mut guarded = RecursionGuard::new(&mut receive, DEPTH);
    parse_document(&tokens, &mut guarded, &mut |_: ParseError| failed = true);
    if failed { None } else { reader.builder.finish() }
}

struct Reader<'t> {
    text: &'t str,
    builder: Builder,
    /// The key that is being read, its dots included.
    key: Option<Range<usize>>,
}

impl Reader<'_> {
    fn event(&mut self, event: &Event) {
        let span = event.span().start()..event.span().end();
        match event.kind() {
            EventKind::StdTableOpen | EventKind::ArrayTableOpen => {
                self.builder.at_root();
                self.key = None;
            }
            EventKind::StdTableClose | EventKind::ArrayTableClose => {
                self.name();
                self.builder.map();
            }
            EventKind::SimpleKey => {
                let start = self.key.take().map_or(span.start, |it| it.start);
                self.key = Some(start..span.end);
            }
            EventKind::KeyValSep => self.name(),
            EventKind::Scalar => {
                let raw = self.text.get(span.clone()).unwrap_or_default();
                let marks = if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 };
                let encoding = event.encoding();
                let quoted = encoding.is_some() && raw.len() >= 2 * marks;
                let inner = if quoted { span.start + marks..span.end - marks } else { span };
                let value = self.text.get(inner.clone()).unwrap_or_default();
                let basic =
                    matches!(encoding, Some(Encoding::BasicString | Encoding::MlBasicString));
                let escaped = basic && value.contains('\\');
                self.builder.value(value, inner, escaped);
            }
            EventKind::InlineTableOpen => self.builder.map(),
            EventKind::ArrayOpen => self.builder.list(),
            EventKind::InlineTableClose | EventKind::ArrayClose => self.builder.end(),
            EventKind::KeySep
            | EventKind::ValueSep
            | EventKind::Whitespace
            | EventKind::Comment
            | EventKind::Newline
            | EventKind::Error => {}
        }
    }

    /// Names what comes next.
    fn name(&mut self) {
        let span = self.key.take().unwrap_or_default();
        let name: String = self.text.get(span.clone()).unwrap_or_default().replace(['"', '\''], "");
        self.builder.key(&name, span, false);
    }
}
