//! Members of a set that are named one by one (`db-0,db-1,db-2`). A list is shortened only where it is
//! certain what it is.

use std::ops::Range;

/// What may stand between the members of a list.
const BETWEEN: [&str; 4] = [",", "\n", " ", ";"];

/// The members of the set `name` that a text names: number and place. Of all in one (`db-{0...3}`) the
/// last.
pub(super) fn named(text: &str, name: &str) -> Vec<(u64, Range<usize>)> {
    let start = format!("{name}-");
    let is_part = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    let bytes = text.as_bytes();
    let found = text.match_indices(&start).filter_map(|(at, _)| {
        if at > 0 && is_part(bytes[at - 1]) {
            return None;
        }
        let digits = at + start.len();
        if let Some((last, length)) = range(&text[digits..]) {
            return Some((last, at..digits + length));
        }
        let count = bytes[digits..].iter().take_while(|it| it.is_ascii_digit()).count();
        let end = digits + count;
        let apart = !bytes.get(end).is_some_and(|it| is_part(*it));
        Some((text[digits..end].parse().ok()?, at..end)).filter(|_| apart)
    });
    found.collect()
}

/// The last number of a range that a text begins with, and how long that is: `{0...3}` of `MinIO`,
/// `{0..3}` of shells, `[0-3]`.
fn range(text: &str) -> Option<(u64, usize)> {
    let close = match text.chars().next()? {
        '{' => '}',
        '[' => ']',
        _ => return None,
    };
    let end = text.find(close)?;
    // Of a regular expression.
    if text[end + 1..].starts_with(['+', '*', '?', '{', '$', '\\', ')', '|']) {
        return None;
    }
    let (first, last) = text[1..end].split_once("..").or_else(|| text[1..end].split_once('-'))?;
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    let last = last.trim_start_matches('.');
    if !is_number(first) || !is_number(last) {
        return None;
    }
    Some((last.parse().ok()?, end + 1))
}

/// Takes the members from number `end` on out of every list. `None` if it is not certain what
/// would be left.
pub(super) fn shortened(text: &str, name: &str, end: u64) -> Option<String> {
    let mut text = text.to_owned();
    loop {
        let gone = |text: &str| named(text, name).iter().filter(|it| it.0 >= end).count();
        let before = gone(&text);
        if before == 0 {
            return Some(text);
        }
        let shorter = BETWEEN.iter().find_map(|between| one_list(&text, name, end, between))?;
        if gone(&shorter) >= before {
            return None;
        }
        text = shorter;
    }
}

/// Shortens the first list whose members stand between `between`. They must follow one another and
/// look the same but for their numbers.
fn one_list(text: &str, name: &str, end: u64, between: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(between).collect();
    let number = |part: &str| named(part, name).first().map(|it| it.0);
    let first = (1..parts.len()).find(|at| {
        number(parts[*at]) == Some(end)
            && named(parts[at - 1], name).last().is_some_and(|it| it.0 + 1 == end)
    })?;
    let kept = shape(parts[first - 1].trim());
    let mut last = first;
    while let (Some(here), Some(next)) =
        (number(parts[last]), parts.get(last + 1).and_then(|it| number(it)))
    {
        if next != here + 1 {
            break;
        }
        last += 1;
    }
    let final_part = parts[last].trim_start();
    let member =
        if last > first { shape(parts[first].trim()) } else { common(&kept, &shape(final_part))? };
    let alike = parts[first..last].iter().all(|it| shape(it.trim()) == member);
    if !alike || !kept.ends_with(&member) || !member.contains(&shape(&format!("{name}-0"))) {
        return None;
    }
    let tail = after(final_part, &member)?;
    let mut shorter = parts[..first].join(between);
    shorter.push_str(tail);
    for part in &parts[last + 1..] {
        shorter.push_str(between);
        shorter.push_str(part);
    }
    Some(shorter)
}

/// A text with `#` for every number.
fn shape(text: &str) -> String {
    let mut shape = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_ascii_digit() {
            true if shape.ends_with('#') => {}
            true => shape.push('#'),
            false => shape.push(c),
        }
    }
    shape
}

/// The longest text that ends `first` and begins `second`.
fn common(first: &str, second: &str) -> Option<String> {
    let starts = first.char_indices().map(|(at, _)| &first[at..]);
    starts.into_iter().find(|end| second.starts_with(end)).map(str::to_owned)
}

/// What follows in `text` after something of this shape.
fn after<'t>(text: &'t str, shape: &str) -> Option<&'t str> {
    let mut rest = text;
    for c in shape.chars() {
        rest = if c == '#' && rest.starts_with(|it: char| it.is_ascii_digit()) {
            rest.trim_start_matches(|it: char| it.is_ascii_digit())
        } else {
            rest.strip_prefix(c)?
        };
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_its_first_members_and_what_stands_around_it() {
        for (text, expected) in [
            ("db-0,db-1,db-2", "db-0"),
            ("db-0=http://db-0.db:2380,db-1=http://db-1.db:2380", "db-0=http://db-0.db:2380"),
            ("run --join=db-0.db,db-1.db,db-2.db --cache 25%", "run --join=db-0.db --cache 25%"),
            ("hosts: [\"db-0\", \"db-1\", \"db-2\"]\nport: 1", "hosts: [\"db-0\"]\nport: 1"),
            (
                "server.1=db-0.db:2888:3888;2181 server.2=db-1.db:2888:3888;2181",
                "server.1=db-0.db:2888:3888;2181",
            ),
            ("peers:\n  - db-0.db\n  - db-1.db\n  - db-2.db\nend", "peers:\n  - db-0.db\nend"),
            ("for it in db-0 db-1 db-2; do ping $it; done", "for it in db-0; do ping $it; done"),
            ("a=db-0,db-1 b=db-0,db-1", "a=db-0 b=db-0"),
            ("db-0 alone", "db-0 alone"),
            ("my-db-1, db-10x, odb-1", "my-db-1, db-10x, odb-1"),
        ] {
            assert_eq!(shortened(text, "db", 1).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(
            shortened("${S2}-0.${H},${S2}-1.${H},${S2}-2.${H} x", "${S2}", 1).as_deref(),
            Some("${S2}-0.${H} x")
        );
        let four = "db-0:1,db-1:1,db-2:1,db-3:1";
        assert_eq!(shortened(four, "db", 2).as_deref(), Some("db-0:1,db-1:1"));
        let grown = "db-8,db-9,db-10,db-11";
        assert_eq!(shortened(grown, "db", 9).as_deref(), Some("db-8"));
    }

    #[test]
    fn all_members_in_one_are_named_by_the_last_of_them() {
        let of = |text: &str| named(text, "db").into_iter().map(|it| it.0).collect::<Vec<_>>();
        assert_eq!(of("http://db-{0...3}.db/data{0...1} db-[0-11] db-{1..2}"), [3, 11, 2]);
        assert_eq!(of("db-{a...b} db-{} my-db-{0...3} db-[0] db-[0-9]+"), [0_u64; 0]);
    }

    #[test]
    fn what_is_no_list_for_certain_is_left_alone() {
        for text in [
            "db-1",
            "http://db-{0...3}.db/data",
            "db-{0..3} db-[0-3]",
            "db-1,db-0",
            "--first=db-0 --second=db-1",
            "db-0,db-2",
            "db-0:1,db-1/x,db-2:1",
            "db-0,db-1/x,db-2/x",
            "db-0,db-1,db-2/x,db-3",
            "if [ $HOSTNAME = db-1 ]; then join db-0; fi",
        ] {
            assert_eq!(shortened(text, "db", 1), None, "{text}");
        }
    }

    #[test]
    fn a_number_in_a_shape_stands_for_digits_and_nothing_else() {
        for (text, shape, rest) in [
            ("db-12:1 x", "db-#", Some(":1 x")),
            ("db-12", "db-#", Some("")),
            ("db-", "db-#", None),
            ("db-x", "db-#", None),
            ("7", "d", None),
        ] {
            assert_eq!(after(text, shape), rest, "{text}");
        }
    }
}
