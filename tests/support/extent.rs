//! How much is tried of what takes long: a part of it every time, all of it where somebody asks.

/// Whether all of this is to be tried: `FAULTS` names it, among others, or says `all`.
pub fn wanted(what: &str) -> bool {
    std::env::var("FAULTS").is_ok_and(|it| it.split(',').any(|it| it == what || it == "all"))
}

/// Of plans that take hours, one in so many where `EVERY` says so. Drawn by lot, the same ones every time:
/// each so many-th would be the same few faults at every request.
pub fn sample<T>(plans: Vec<T>) -> Vec<T> {
    let every = std::env::var("EVERY").ok().and_then(|it| it.parse().ok()).unwrap_or(1).max(1);
    let mut lot = fastrand::Rng::with_seed(1);
    plans.into_iter().filter(|_| lot.usize(..every) == 0).collect()
}
