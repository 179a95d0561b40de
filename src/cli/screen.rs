//! The terminal: colours and glyphs where there is one, plain text where there is none.

use std::io::{IsTerminal, Write};

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
    /// Not known, or not as it might be.
    Doubt,
}

impl Mark {
    /// For terminals.
    pub fn glyph(self) -> &'static str {
        match self {
            Self::Fine => "✔",
            Self::Wrong => "✖",
            Self::Going => "●",
            Self::Open => "○",
            Self::Doubt => "!",
        }
    }

    /// For everything else.
    fn word(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Wrong => "!!",
            Self::Going => "..",
            Self::Open => "--",
            Self::Doubt => "??",
        }
    }
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

    /// As a terminal is.
    #[cfg(test)]
    pub fn terminal(colour: bool) -> Self {
        Self { colour, live: true }
    }

    /// A mark, coloured where there is colour.
    pub fn mark(self, mark: Mark) -> String {
        if self.live { self.tinted(mark.glyph(), mark) } else { mark.word().to_owned() }
    }

    /// How much room a mark takes.
    pub fn glyph(self) -> usize {
        if self.live { 1 } else { 2 }
    }

    /// Text in the colour of a mark.
    pub fn tinted(self, text: &str, mark: Mark) -> String {
        let colour = match mark {
            Mark::Fine => 32,
            Mark::Wrong => 31,
            Mark::Going | Mark::Doubt => 33,
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

    /// The width of the terminal, if it is one.
    pub fn width(self) -> Option<usize> {
        let size = terminal_size::terminal_size().filter(|_| self.live);
        size.map(|(width, _)| usize::from(width.0))
    }

    fn coloured(self, text: &str, code: u8) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// A picture that is drawn over the last one.
#[derive(Debug, Default)]
pub struct Drawn {
    lines: usize,
}

impl Drawn {
    /// Draws `text` where the last one was: no line may wrap, and none may leave the screen.
    ///
    /// # Errors
    ///
    /// If the terminal cannot be written to.
    pub fn over(
        &mut self,
        out: &mut impl Write,
        text: &str,
        screen: Screen,
    ) -> std::io::Result<()> {
        let (width, height) = terminal_size::terminal_size()
            .map_or((DEFAULT_WIDTH, usize::MAX), |(width, height)| {
                (usize::from(width.0), usize::from(height.0))
            });
        if self.lines > 0 {
            write!(out, "\u{1b}[{}A\u{1b}[J", self.lines)?;
        }
        let all = text.lines().count();
        let most = if all < height { all } else { height.saturating_sub(2) };
        for line in text.lines().take(most) {
            writeln!(out, "{}", cut(line, width))?;
        }
        if most < all {
            writeln!(out, "{}", screen.faint(&format!("… and {} more lines", all - most)))?;
        }
        self.lines = most + usize::from(most < all);
        out.flush()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_to_the_terminal_and_keeps_its_colours() {
        assert_eq!(cut("\u{1b}[31mabcdef\u{1b}[0m", 3), "\u{1b}[31mabc\u{1b}[0m");
        assert_eq!(cut("abc", 10), "abc");
    }
}
