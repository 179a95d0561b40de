//! Tables as kubectl has them, cut to the terminal. Pure.

use super::{
    screen::{Mark, Screen},
    text::cut,
};

/// Space between two columns.
const GAP: usize = 2;
/// With less room than this for its last column, a table does without what it can spare.
const LEAST: usize = 40;
/// With less than this even so, the last column stands below.
const BELOW: usize = 30;

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its head.
    pub head: &'static str,
    /// Whether it may go where there is no room.
    pub spare: bool,
}

/// One cell.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    text: String,
    mark: Option<Mark>,
    glyph: bool,
}

impl Cell {
    /// Text in the colour of a mark.
    pub fn tinted(text: impl Into<String>, mark: Mark) -> Self {
        Self { text: text.into(), mark: Some(mark), glyph: false }
    }

    /// The same with its glyph before it, on a terminal.
    pub fn marked(text: impl Into<String>, mark: Mark) -> Self {
        Self { glyph: true, ..Self::tinted(text, mark) }
    }

    fn shown(&self, screen: Screen) -> String {
        // A row is one line.
        let text = self.text.replace('\n', " ");
        match self.mark {
            Some(mark) if self.glyph && screen.live => format!("{} {text}", mark.glyph()),
            _ => text,
        }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

/// Lines of a table. The last column is cut to what `width` leaves it, and stands below each row where
/// that is too little; without a width, nothing is cut.
pub fn table(
    columns: &[Column],
    rows: &[Vec<Cell>],
    screen: Screen,
    width: Option<usize>,
) -> Vec<String> {
    let last = columns.len().saturating_sub(1);
    let texts: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|it| it.shown(screen)).collect()).collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let cells = texts.iter().filter_map(|row| row.get(at)).map(|it| it.chars().count());
            cells.chain([column.head.len()]).max().unwrap_or_default()
        })
        .collect();
    let before = |kept: &dyn Fn(usize) -> bool| -> usize {
        (0..last).filter(|at| kept(*at)).map(|at| widths[at] + GAP).sum()
    };
    let room = |kept: &dyn Fn(usize) -> bool| {
        width.map_or(usize::MAX, |width| width.saturating_sub(before(kept)))
    };
    let needed = widths.get(last).copied().unwrap_or_default();
    let spared = |at: usize| !columns[at].spare;
    let below = room(&spared) < needed.min(BELOW);
    let tight = match (below, width) {
        (true, Some(width)) => before(&|_| true) > width + GAP,
        _ => room(&|_| true) < needed.min(LEAST),
    };
    let kept = |at: usize| at == last || !tight || spared(at);
    let room =
        if below { width.map_or(usize::MAX, |it| it.saturating_sub(GAP)) } else { room(&kept) };
    let lines = |cell: &dyn Fn(usize) -> (String, Option<Mark>)| {
        let mut line = String::new();
        for at in (0..columns.len()).filter(|at| kept(*at)) {
            let (text, mark) = cell(at);
            let text = if at == last { cut(&text, room) } else { text };
            let pad = if at == last { 0 } else { widths[at] + GAP - text.chars().count() };
            if at == last && below {
                line = format!("{}\n{}", line.trim_end(), " ".repeat(GAP));
            }
            line.push_str(&mark.map_or_else(|| text.clone(), |it| screen.tinted(&text, it)));
            line.push_str(&" ".repeat(pad));
        }
        line.lines().map(|it| it.trim_end().to_owned()).collect::<Vec<_>>()
    };
    let head = lines(&|at| (columns[at].head.to_owned(), None));
    let rows = rows.iter().zip(&texts).flat_map(|(row, texts)| {
        lines(&|at| {
            let mark = row.get(at).and_then(|it| it.mark);
            (texts.get(at).cloned().unwrap_or_default(), mark)
        })
    });
    head.into_iter().chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column { head: "NAME", spare: false },
        Column { head: "AGE", spare: true },
        Column { head: "URL", spare: false },
    ];

    fn rows() -> Vec<Vec<Cell>> {
        vec![
            vec![
                Cell::marked("pr-1", Mark::Fine),
                "3d".to_owned().into(),
                "http://a".to_owned().into(),
            ],
            vec!["long-name".to_owned().into(), "1h".to_owned().into(), "x".repeat(60).into()],
        ]
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_files_get_all_of_it() {
        let lines = table(&COLUMNS, &rows(), Screen::plain(), None);
        assert_eq!(lines[0], "NAME       AGE  URL");
        assert_eq!(lines[1], "pr-1       3d   http://a");
        assert_eq!(lines[2], format!("long-name  1h   {}", "x".repeat(60)));
    }

    #[test]
    fn on_a_terminal_the_last_column_is_cut_and_marks_have_glyphs() {
        let lines = table(&COLUMNS, &rows(), Screen::terminal(false), Some(56));
        assert_eq!(lines[1], "✔ pr-1     3d   http://a");
        assert_eq!(lines[2].chars().count(), 56);
        assert!(lines[2].ends_with('…'));
    }

    #[test]
    fn where_there_is_no_room_what_can_be_spared_goes_first() {
        let lines = table(&COLUMNS, &rows(), Screen::terminal(false), Some(52));
        assert_eq!(lines[0], "NAME       URL");
        assert!(lines.iter().all(|it| it.chars().count() <= 52), "{lines:#?}");
    }

    #[test]
    fn where_the_last_column_had_no_room_it_stands_below_each_row() {
        let lines = table(&COLUMNS, &rows(), Screen::terminal(false), Some(40));
        assert_eq!(lines[..4], ["NAME       AGE", "  URL", "✔ pr-1     3d", "  http://a"]);
        assert_eq!(lines[4], "long-name  1h");
        assert_eq!(lines[5].chars().count(), 40);
        assert!(lines[5].starts_with("  xxx") && lines[5].ends_with('…'), "{lines:#?}");
        let lines = table(&COLUMNS, &rows(), Screen::terminal(false), Some(12));
        assert_eq!(lines[2..4], ["✔ pr-1", "  http://a"]);
    }

    #[test]
    fn colours_take_no_room() {
        let lines = table(&COLUMNS, &rows(), Screen::terminal(true), Some(76));
        assert_eq!(lines[1], "\u{1b}[32m✔ pr-1\u{1b}[0m     3d   http://a");
    }
}
