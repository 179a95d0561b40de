//! How much is tried of what takes long: a part of it every time, all of it where somebody asks.

/// Whether all of this is to be tried: `FAULTS` names it, among others, or says `all`.
pub fn wanted(what: &str) -> bool {
    std::env::var("FAULTS").is_ok_and(|it| it.split(',').any(|it| it == what || it == "all"))
}

/// Of plans that take hours, each so many-th is tried where `EVERY` says so.
pub fn every() -> usize {
    std::env::var("EVERY").ok().and_then(|it| it.parse().ok()).unwrap_or(1).max(1)
}
