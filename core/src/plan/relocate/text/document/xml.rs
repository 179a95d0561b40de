//! XML.

use roxmltree::ParsingOptions;

use super::{Builder, Document};

/// Elements, texts and attributes of the largest file that is read.
const NODES: u32 = 500_000;

/// Takes an XML text apart; nothing if it is none.
pub(super) fn read(text: &str) -> Option<Document> {
    let options =
        ParsingOptions { allow_dtd: true, nodes_limit: NODES, ..ParsingOptions::default() };
    let tree = roxmltree::Document::parse_with_options(text, options).ok()?;
    let mut builder = Builder::new();
    builder.map();
    let mut next = tree.root().first_child();
    while let Some(node) = next {
        if node.is_element() {
            builder.name(node.tag_name().name());
            builder.map();
            for attribute in node.attributes() {
                builder.name(attribute.name());
                builder.value(attribute.value(), attribute.range_value(), false);
            }
        } else if node.is_text() {
            builder.text(node.text().unwrap_or_default(), node.range());
        }
        next = node.first_child().filter(|_| node.is_element());
        // Up, until there is something beside.
        let mut here = node;
        while next.is_none() {
            if here.is_element() {
                builder.end();
            }
            next = here.next_sibling();
            match here.parent() {
                Some(parent) if next.is_none() => here = parent,
                _ => break,
            }
        }
    }
    builder.finish()
}
