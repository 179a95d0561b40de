//! Amounts of resources, as Kubernetes writes them: `500m`, `1.5Gi`, `2e3`.
//!
//! Arithmetic saturates and never panics, whatever a manifest holds: that is why no crate does it.

use serde_json::Value;

/// Parts of one unit that are told apart: Kubernetes knows nothing smaller than a billionth.
const UNIT: i128 = 1_000_000_000;
const MILLI: i128 = UNIT / 1000;
const MEBI: i128 = UNIT << 20;

/// Powers of 1024, the greatest first.
const BINARY: [(&str, u32); 6] =
    [("Ei", 60), ("Pi", 50), ("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)];
/// Powers of ten.
const DECIMAL: [(&str, i32); 9] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];

/// An amount of a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Quantity(i128);

impl Quantity {
    /// None of it.
    pub(super) const ZERO: Self = Self(0);

    /// Whole units.
    pub(super) const fn whole(units: i64) -> Self {
        Self(units as i128 * UNIT)
    }

    /// Thousandths.
    pub(super) const fn milli(thousandths: i64) -> Self {
        Self(thousandths as i128 * MILLI)
    }

    /// Units of 1024 × 1024.
    pub(super) const fn mebi(mebis: i64) -> Self {
        Self(mebis as i128 * MEBI)
    }

    /// Reads a quantity; `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if whole.len() + part.len() == 0 || part.contains('.') {
            return None;
        }
        let digits: i128 = format!("{whole}{part}").parse().ok()?;
        let places = i32::try_from(part.len()).ok()?;
        let value = match BINARY.iter().find(|it| it.0 == suffix) {
            Some((_, bits)) => power(digits.checked_mul(1 << bits)?, 9 - places)?,
            None => power(digits, 9 - places + exponent(suffix)?)?,
        };
        Some(Self(if negative { -value } else { value }))
    }

    /// Reads a quantity as JSON holds it: a text or a number.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Number(number) => Self::parse(&number.to_string()),
            _ => None,
        }
    }

    /// So many percent of it.
    pub(super) fn percent(self, percent: u32) -> Self {
        Self(self.0.saturating_mul(i128::from(percent)) / 100)
    }

    /// So often.
    pub(super) fn times(self, count: i64) -> Self {
        Self(self.0.saturating_mul(i128::from(count)))
    }

    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The smallest amount that `times` `ratio` is as much as this.
    pub(super) fn over(self, ratio: Self) -> Self {
        if ratio.0 <= 0 {
            return self;
        }
        Self(self.0.saturating_mul(UNIT).saturating_add(ratio.0 - 1) / ratio.0)
    }

    /// As it is written for a resource: bytes in powers of 1024, everything else in units or
    /// thousandths. What does not come out even is rounded up.
    pub(super) fn show(self, resource: &str) -> String {
        let bytes = ["memory", "storage"].iter().any(|it| resource.contains(it))
            || resource.starts_with("hugepages");
        if bytes && self.0 > 0 {
            let even = BINARY.iter().find(|(_, bits)| self.0 % (UNIT << bits) == 0);
            return match even {
                Some((suffix, bits)) => format!("{}{suffix}", self.0 / (UNIT << bits)),
                None if self.0 > MEBI => format!("{}Mi", up(self.0, MEBI)),
                None => up(self.0, UNIT).to_string(),
            };
        }
        if self.0 % UNIT == 0 {
            return (self.0 / UNIT).to_string();
        }
        format!("{}m", up(self.0, MILLI))
    }
}

/// `digits` times a power of ten, rounded up where it is smaller than what is told apart.
fn power(digits: i128, exponent: i32) -> Option<i128> {
    let factor = 10_i128.checked_pow(exponent.unsigned_abs());
    if exponent >= 0 {
        return if digits == 0 { Some(0) } else { digits.checked_mul(factor?) };
    }
    Some(factor.map_or(i128::from(digits > 0), |factor| up(digits, factor)))
}

fn up(value: i128, unit: i128) -> i128 {
    value / unit + i128::from(value % unit > 0)
}

/// The power of ten that a suffix stands for.
fn exponent(suffix: &str) -> Option<i32> {
    if suffix.is_empty() {
        return Some(0);
    }
    if let Some((_, power)) = DECIMAL.iter().find(|it| it.0 == suffix) {
        return Some(*power);
    }
    let number: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    (-99..=99).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        for (text, same) in [
            ("1", "1000m"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("1.", "1000m"),
            ("2Gi", "2048Mi"),
            ("1.5Gi", "1536Mi"),
            ("1e3", "1k"),
            ("1E", "1000P"),
            ("1E3", "1k"),
            ("128974848", "123Mi"),
            ("100000u", "100m"),
            ("1000000000n", "1"),
            ("0e99", "0"),
            ("+1", "1"),
        ] {
            assert!(Quantity::parse(text).is_some(), "{text}");
            assert_eq!(Quantity::parse(text), Quantity::parse(same), "{text}");
        }
        assert!(Quantity::parse("1G") < Quantity::parse("1Gi"));
        assert!(Quantity::parse("-1").is_some_and(|it| it < Quantity::ZERO));
        assert_eq!(Quantity::of(&json!(2)), Quantity::parse("2"));
        assert_eq!(Quantity::of(&json!(0.25)), Quantity::parse("250m"));
    }

    #[test]
    fn what_is_no_quantity_is_none_and_never_a_panic() {
        let long = "9".repeat(60);
        for text in ["", ".", "1.2.3", "x", "1x", "1e", "--1", "1e999", "-", "é", "1Mie3", &long] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
        let most = Quantity(i128::MAX);
        assert_eq!(most.plus(most).times(9).percent(200).over(Quantity(1)), Quantity(i128::MAX));
        assert_eq!(most.over(Quantity::ZERO), most);
    }

    #[test]
    fn they_are_written_as_people_write_them() {
        for (text, resource, expected) in [
            ("1500m", "cpu", "1500m"),
            ("2000m", "cpu", "2"),
            ("1e-9", "cpu", "1m"),
            ("1536Mi", "memory", "1536Mi"),
            ("2048Mi", "limits.memory", "2Gi"),
            ("1G", "requests.storage", "954Mi"),
            ("1000", "memory", "1000"),
            ("0", "memory", "0"),
            ("2048", "pods", "2048"),
        ] {
            assert_eq!(Quantity::parse(text).unwrap().show(resource), expected, "{text}");
        }
    }

    #[test]
    fn a_part_of_a_quantity_is_at_least_what_the_ratio_asks_for() {
        let over = |a: &str, b: &str| {
            Quantity::parse(a).unwrap().over(Quantity::parse(b).unwrap()).show("cpu")
        };
        assert_eq!((over("2", "4"), over("1", "3")), ("500m".to_owned(), "334m".to_owned()));
    }

    #[test]
    fn what_is_too_small_to_be_told_apart_counts_as_the_smallest_amount() {
        for text in ["1n", "1e-10", "0.0000000001", "1e-99"] {
            assert_eq!(Quantity::parse(text), Some(Quantity(1)), "{text}");
        }
        assert_eq!(Quantity::parse("0e-99"), Some(Quantity::ZERO));
    }

    #[test]
    fn an_amount_made_here_is_the_same_as_one_that_is_read() {
        assert_eq!(Some(Quantity::whole(3)), Quantity::parse("3"));
        assert_eq!(Some(Quantity::milli(1500)), Quantity::parse("1.5"));
        assert_eq!(Some(Quantity::mebi(3)), Quantity::parse("3Mi"));
    }
}
