//! What runs inside a target, from the operator's own image: it tries the ways to production, and
//! makes the HTTP requests of seeds and smokes.
//!
//! The answer is left as the container's termination message, so that nobody has to exec or read
//! logs for it.

pub mod fence;
pub mod http;

use std::io::Write;

/// Where Kubernetes picks up a container's last words.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// Leaves the answer, and prints it for whoever reads the log.
pub fn leave(answer: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{answer}");
    // Outside a Pod there is no such file, and the output above is enough.
    if let Ok(mut file) = std::fs::OpenOptions::new().write(true).open(TERMINATION_LOG) {
        let _ = file.write_all(answer.as_bytes());
    }
}
