//! What the operators of a life write into their log, listened to for the canary.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kulisse::telemetry::logs::filtered;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{fmt, layer::SubscriberExt};

use crate::canary::sings;

/// Lines that hold the canary.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Listens to this thread, to all that can be logged, until what is returned is dropped.
    pub fn listen(&self) -> DefaultGuard {
        let lines = self.clone();
        let all = filtered("trace").expect("a filter");
        let layer = fmt::layer().with_ansi(false).with_writer(move || lines.clone());
        tracing::subscriber::set_default(all.with(layer))
    }

    /// The lines that were found.
    pub fn found(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A whole line comes at once.
impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        if sings(&text) {
            self.found().push(text.into_owned());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_line_that_holds_a_secret_value_is_found_at_any_level_and_others_are_not() {
    let log = Log::default();
    let listening = log.listen();
    tracing::trace!(value = %format!("{}-1", crate::canary::CANARY), "read");
    tracing::error!("nothing of that kind");
    drop(listening);
    tracing::error!("{} after that", crate::canary::CANARY);
    assert_eq!(log.found().len(), 1, "{:?}", log.found());
}
