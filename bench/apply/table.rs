//! What was measured, as a table.

use std::fmt::Write;

/// One run of one contender. Times in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Until the last object was there.
    pub present: f64,
    /// Until whoever did it said so.
    pub done: f64,
    /// Requests.
    pub requests: usize,
}

/// A row.
pub struct Row {
    /// Who.
    pub name: String,
    /// The measured runs.
    pub runs: Vec<Run>,
}

impl Row {
    /// With that name and no run yet.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), runs: Vec::new() }
    }

    /// Until the last object was there.
    pub fn present(&self) -> Spread {
        Spread::of(self.runs.iter().map(|it| it.present).collect())
    }
}

/// Least, middle, most.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// The one in the middle.
    pub median: f64,
    /// The most.
    pub max: f64,
}

impl Spread {
    /// Of these.
    pub fn of(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        match (all.first(), all.get(all.len() / 2), all.last()) {
            (Some(&min), Some(&median), Some(&max)) => Self { min, median, max },
            _ => Self::default(),
        }
    }
}

/// The rows beside `yardstick`'s.
pub fn table(rows: &[Row], yardstick: &Row) -> String {
    let base = yardstick.present();
    let mut text = format!(
        "| {:<42} | {:>5} | {:>6} | {:>5} | {:>11} | {:>8} | {:>14} |\n",
        "present, ms", "min", "median", "max", "done median", "requests", "median ÷ (b)"
    );
    let _ = writeln!(
        text,
        "|{:-<44}|------:|-------:|------:|------------:|---------:|---------------:|",
        ""
    );
    for row in rows {
        let present = row.present();
        let done = Spread::of(row.runs.iter().map(|it| it.done).collect());
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let requests = Spread::of(row.runs.iter().map(|it| it.requests as f64).collect());
        let count = if (requests.min - requests.max).abs() < 0.5 {
            format!("{:.0}", requests.median)
        } else {
            format!("{:.0} to {:.0}", requests.min, requests.max)
        };
        let _ = writeln!(
            text,
            "| {:<42} | {:>5.0} | {:>6.0} | {:>5.0} | {:>11.0} | {count:>8} | {:>14.2} |",
            row.name,
            present.min,
            present.median,
            present.max,
            done.median,
            present.median / base.median
        );
    }
    text
}
