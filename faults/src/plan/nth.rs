//! Which of the requests that match.

use std::{fmt, str::FromStr};

use super::Parsed;

/// Which of the requests, or events, that match; counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nth {
    /// `#2`: this one. `#2-5`: from this one to that one.
    Between(u64, u64),
    /// `#2+`: this one and all later ones. `#1+` is every one, and is not written.
    From(u64),
    /// `#30%`: this share of them, the same ones in each run.
    Share(u8),
}

impl Nth {
    /// Every one.
    pub const EVERY: Self = Self::From(1);

    /// Whether the one with this number is meant.
    pub fn fits(self, number: u64) -> bool {
        match self {
            Self::Between(first, last) => (first..=last).contains(&number),
            Self::From(first) => number >= first,
            Self::Share(percent) => scattered(number) % 100 < u64::from(percent),
        }
    }
}

/// Numbers that look arbitrary and are always the same (the finaliser of SplitMix64).
fn scattered(number: u64) -> u64 {
    let it = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    it ^ (it >> 31)
}

impl FromStr for Nth {
    type Err = String;

    fn from_str(text: &str) -> Parsed<Self> {
        let wrong = || {
            format!(
                "`{text}` does not say which ones; allowed are `#2` (the second), `#2-5`, `#2+` (from \
                 the second on), `#30%` (this share of them) and nothing (every one)"
            )
        };
        let number = |it: &str| match it.parse::<u64>() {
            Ok(number) if number > 0 && it.bytes().all(|it| it.is_ascii_digit()) => Ok(number),
            _ => Err(wrong()),
        };
        let bare = text.strip_prefix('#').unwrap_or(text);
        if let Some(first) = bare.strip_suffix('+') {
            return Ok(Self::From(number(first)?));
        }
        if let Some(percent) = bare.strip_suffix('%') {
            let percent = number(percent)?;
            return u8::try_from(percent)
                .ok()
                .filter(|it| *it <= 100)
                .map(Self::Share)
                .ok_or_else(wrong);
        }
        let (first, last) = bare.split_once('-').unwrap_or((bare, bare));
        let (first, last) = (number(first)?, number(last)?);
        if first <= last { Ok(Self::Between(first, last)) } else { Err(wrong()) }
    }
}

impl fmt::Display for Nth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Between(first, last) if first == last => write!(f, "#{first}"),
            Self::Between(first, last) => write!(f, "#{first}-{last}"),
            Self::From(first) => write!(f, "#{first}+"),
            Self::Share(percent) => write!(f, "#{percent}%"),
        }
    }
}
