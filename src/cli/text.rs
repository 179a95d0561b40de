//! Text in lines that fit. Pure.

/// Words in lines of at most `width` characters; a longer one has a line of its own.
pub fn filled<'a>(words: impl IntoIterator<Item = &'a str>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A text of at most `width` characters.
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).collect::<String>().trim_end().to_owned() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_filled_and_no_word_is_cut() {
        assert_eq!(filled("a bc def".split(' '), 4), ["a bc", "def"]);
        assert_eq!(filled("abcdefgh i".split(' '), 4), ["abcdefgh", "i"]);
        assert!(filled([], 4).is_empty());
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abc def", 5), "abc…");
    }
}
