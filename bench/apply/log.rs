//! The audit log as the benchmark reads it: what was answered, by the time it came in.

use std::{path::Path, time::Duration};

use jiff::Timestamp;

use crate::support::audit;
pub use crate::support::audit::Request;

/// All requests that were answered since `mark`, by the time they were received. Watches are left
/// out: they are not answered, but go on.
pub fn since(log: &Path, mark: u64) -> Vec<Request> {
    let mut requests = audit::since(log, mark);
    requests.retain(|it| it.verb != "watch");
    requests.sort_by_key(|it| it.at);
    requests
}

/// Waits until nobody writes: controllers have work of their own with what was made or deleted.
pub async fn quiet(log: &Path) {
    for _ in 0..60 {
        let mark = audit::mark(log);
        tokio::time::sleep(Duration::from_millis(400)).await;
        if since(log, mark).iter().filter(|it| it.wrote()).count() <= 1 {
            return;
        }
    }
}

/// Milliseconds between two times.
pub fn ms(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() * 1000.0
}
