//! Where the comments of a text are whose language is not known.

use std::ops::Range;

/// What begins a comment at the start of a line. A blank must follow the last ones, which are flags
/// or operators otherwise.
const LINE: &[&str] = &["#", "//", ";", "-- ", "% ", "REM "];
/// What a comment stands between.
const BLOCK: &[(&str, &str)] = &[("/*", "*/"), ("<!--", "-->")];

/// Comments, in order. Only what is written as one in every language that has the sign counts; a
/// text of one line has none.
pub(super) fn spans(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    if !text.contains('\n') {
        return found;
    }
    let mut at = 0;
    let mut open: Option<(usize, &str)> = None;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        if let Some((start, close)) = open {
            match line.find(close) {
                Some(closed) => {
                    found.push(start..at + closed + close.len());
                    open = None;
                }
                None => {
                    at = end;
                    continue;
                }
            }
        } else {
            let blank = line.len() - line.trim_start().len();
            let inner = &line[blank..];
            let block = BLOCK.iter().find(|(sign, _)| inner.starts_with(sign));
            if let Some((sign, close)) = block {
                match inner[sign.len()..].find(close) {
                    Some(closed) => {
                        let closed = at + blank + sign.len() + closed + close.len();
                        found.push(at + blank..closed);
                    }
                    None => open = Some((at + blank, close)),
                }
            } else if LINE.iter().any(|it| inner.starts_with(it)) {
                found.push(at + blank..end);
            } else if let Some(hash) = trailing(line) {
                found.push(at + hash..end);
            }
        }
        at = end;
    }
    // What is never closed is no comment.
    found
}

/// Where a comment begins that stands after something: ` # `, outside of quotes.
fn trailing(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    let mut quote = None;
    for (at, byte) in bytes.iter().enumerate() {
        match (byte, quote) {
            (b'"' | b'\'', None) => quote = Some(*byte),
            (byte, Some(open)) if *byte == open => quote = None,
            (b'#', None) => {
                let before = at.checked_sub(1).is_some_and(|it| bytes[it].is_ascii_whitespace());
                let after = bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace);
                if before && after {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comments(text: &str) -> Vec<&str> {
        spans(text).into_iter().map(|it| text[it].trim_end()).collect()
    }

    #[test]
    fn comments_are_found_in_whatever_language() {
        for (text, expected) in [
            ("# a\nb # c\nd", vec!["# a", "# c"]),
            ("\t// a\nb", vec!["// a"]),
            ("-- a\n--flag", vec!["-- a"]),
            ("/* a\n b */ c\nd", vec!["/* a\n b */"]),
            ("<!-- a -->\n<b/>", vec!["<!-- a -->"]),
            ("color: #fff\nx", vec![]),
            ("echo '# a' \"# b\"\nx", vec![]),
            ("# a", vec![]),
            ("/* never closed\nb", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(comments(text), expected, "{text}");
        }
    }

    #[test]
    fn comments_are_found_one_after_another() {
        for (text, expected) in [
            (
                "a\n  /* b */ c\n/* d\n e */ f\n  # g\nh # i\n",
                vec!["/* b */", "/* d\n e */", "# g", "# i"],
            ),
            ("<!-- a\nb\nc --> d\n<!-- e -->f\n", vec!["<!-- a\nb\nc -->", "<!-- e -->"]),
            ("a\nREM b\nREMOTE c\n%d\n% e\n; f\n", vec!["REM b", "% e", "; f"]),
            ("# a\n/* never closed\n# b\n", vec!["# a"]),
        ] {
            assert_eq!(comments(text), expected, "{text}");
        }
    }

    #[test]
    fn a_comment_behind_something_stands_between_blanks_and_out_of_quotes() {
        for (line, expected) in [
            ("a # b", Some(2)),
            ("é # b", Some(3)),
            ("a #", Some(2)),
            ("a #b # c", Some(5)),
            ("a# b", None),
            ("a #b", None),
            ("#", None),
            ("' # ' # b", Some(6)),
            ("\"it's # \" # b", Some(10)),
            ("'a # b", None),
        ] {
            assert_eq!(trailing(line), expected, "{line}");
        }
    }
}
