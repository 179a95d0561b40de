//! What takes more than a moment says that it is going on.

use std::{
    io::{IsTerminal, Write},
    pin::pin,
    time::Duration,
};

/// How long nobody wonders.
const MOMENT: Duration = Duration::from_secs(1);

/// Does something; if it takes more than a second and there is a terminal, a line says what is waited
/// for. The line goes when it is done.
pub async fn slowly<T>(what: &str, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if let Ok(done) = tokio::time::timeout(MOMENT, &mut work).await {
        return done;
    }
    let mut screen = std::io::stderr();
    if !screen.is_terminal() {
        return work.await;
    }
    // Nobody is served by an error about a line of progress.
    let _ = write!(screen, "{what} …").and_then(|()| screen.flush());
    let done = work.await;
    let _ = write!(screen, "\r\u{1b}[K").and_then(|()| screen.flush());
    done
}
