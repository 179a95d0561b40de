//! How much is tried of what takes long: a part of it every time, all of it where somebody asks.

/// Whether all of this is to be tried: `FAULTS` names it, among others, or says `all`.
pub fn wanted(what: &str) -> bool {
    std::env::var("FAULTS").is_ok_and(|it| it.split(',').any(|it| it == what || it == "all"))
}

/// Of plans that take hours, one in so many where `EVERY` says so. Drawn by lot, since each so many-th
/// would be the same few faults at every request; always the same ones for a `LOT`, of which those from
/// 0 to `EVERY` - 1 make up the whole.
pub fn sample<T>(plans: Vec<T>) -> Vec<T> {
    let every = number("EVERY").unwrap_or(1).max(1);
    let ours = number("LOT").unwrap_or(0);
    assert!(ours < every, "LOT is one of 0 to {}, EVERY less one: {ours}", every - 1);
    let mut lot = fastrand::Rng::with_seed(1);
    plans.into_iter().filter(|_| lot.usize(..every) == ours).collect()
}

/// What a variable says, if it is there: one that is no number is a mistake of whoever set it.
fn number(name: &str) -> Option<usize> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number: {text:?}")))
}
