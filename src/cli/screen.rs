//! The terminal: colours and glyphs where there is one, plain text where there is none.

use std::io::IsTerminal;

use jiff::Timestamp;

use super::parity::Room;

/// Where the width of the terminal is not known.
const DEFAULT_WIDTH: usize = 100;

/// How output may look.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    colour: bool,
    /// Whether the picture can be drawn over.
    pub live: bool,
}

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Fine.
    Fine,
    /// Wrong.
    Wrong,
    /// On its way.
    Going,
    /// Not begun.
    Open,
}

impl Screen {
    /// As standard output is. `NO_COLOR` is respected.
    pub fn of_stdout() -> Self {
        let live = std::io::stdout().is_terminal();
        Self { colour: live && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty()), live }
    }

    /// As a file is.
    #[cfg(test)]
    pub fn plain() -> Self {
        Self { colour: false, live: false }
    }

    /// A mark, coloured where there is colour.
    pub fn mark(self, mark: Mark) -> String {
        let (glyph, word) = match mark {
            Mark::Fine => ("✔", "ok"),
            Mark::Wrong => ("✖", "!!"),
            Mark::Going => ("●", ".."),
            Mark::Open => ("○", "--"),
        };
        if self.live { self.tinted(glyph, mark) } else { word.to_owned() }
    }

    /// Text in the colour of a mark.
    pub fn tinted(self, text: &str, mark: Mark) -> String {
        let colour = match mark {
            Mark::Fine => 32,
            Mark::Wrong => 31,
            Mark::Going => 33,
            Mark::Open => 90,
        };
        self.coloured(text, colour)
    }

    /// Bold text.
    pub fn strong(self, text: &str) -> String {
        self.coloured(text, 1)
    }

    /// Text that matters less.
    pub fn faint(self, text: &str) -> String {
        self.coloured(text, 90)
    }

    /// The space there is; without a terminal, that of a usual one.
    pub fn room(self) -> Room {
        let usual = Room { width: 80, height: 24 };
        let size = terminal_size::terminal_size().filter(|_| self.live);
        size.map_or(usual, |(width, height)| Room {
            width: usize::from(width.0).clamp(60, 120),
            height: usize::from(height.0).max(usual.height),
        })
    }

    /// Cuts every line to the width of the terminal. Colours take no room.
    pub fn fit(text: &str) -> String {
        let width =
            terminal_size::terminal_size().map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0));
        text.lines().map(|line| cut(line, width) + "\n").collect()
    }

    fn coloured(self, text: &str, code: u8) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Cuts a line to `width` characters, not counting the sequences that set colours.
fn cut(line: &str, width: usize) -> String {
    let mut out = String::new();
    let (mut room, mut in_colour) = (width, false);
    for c in line.chars() {
        if c == '\u{1b}' {
            in_colour = true;
        }
        if !in_colour {
            if room == 0 {
                continue;
            }
            room -= 1;
        }
        out.push(c);
        in_colour &= c != 'm';
    }
    out
}

/// A span of time as people say it: the two largest units.
pub fn span(seconds: i64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let mut left = seconds.max(0);
    let mut parts = Vec::new();
    for (size, name) in units {
        if left >= size || (size == 1 && parts.is_empty()) {
            parts.push(format!("{}{name}", left / size));
            left %= size;
        }
    }
    parts.truncate(2);
    parts.join(" ")
}

/// How long until (or since) a time.
pub fn until(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.duration_since(now).as_secs();
    if seconds >= 0 { format!("in {}", span(seconds)) } else { format!("{} ago", span(-seconds)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_to_the_terminal_and_keeps_its_colours() {
        assert_eq!(cut("\u{1b}[31mabcdef\u{1b}[0m", 3), "\u{1b}[31mabc\u{1b}[0m");
        assert_eq!(cut("abc", 10), "abc");
    }

    #[test]
    fn spans_have_two_units() {
        for (seconds, text) in
            [(0, "0s"), (59, "59s"), (61, "1m 1s"), (165_600, "1d 22h"), (86_400, "1d")]
        {
            assert_eq!(span(seconds), text);
        }
    }
}
