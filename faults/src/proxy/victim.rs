//! Whoever is killed.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use crate::plan::Signal;

/// What is done to it, in its own time.
pub type Doing<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Is called when a signal has been sent.
pub type Sent = Box<dyn FnOnce() + Send>;

/// Whoever sends requests through the proxy, and can be killed and started again.
pub trait Victim: Send + Sync + 'static {
    /// Sends it a signal, and waits until it has ended.
    fn end(&self, signal: Signal) -> Doing<'_>;

    /// Starts it again; does not wait until it is ready.
    fn start(&self) -> Doing<'_>;

    /// As [`end`](Self::end), and says when the signal has been sent: from then on requests pass again
    /// with which it tidies up. What is here takes it for sent when `end` waits for the first time.
    fn end_and_say(&self, signal: Signal, sent: Sent) -> Doing<'_> {
        Box::pin(async move {
            let mut end = self.end(signal);
            let first = poll_fn(|context| Poll::Ready(end.as_mut().poll(context))).await;
            sent();
            if first.is_pending() {
                end.await;
            }
        })
    }
}

/// Nobody: plans that kill only cut connections.
pub struct Nobody;

impl Victim for Nobody {
    fn end(&self, _: Signal) -> Doing<'_> {
        Box::pin(async {})
    }

    fn start(&self) -> Doing<'_> {
        Box::pin(async {})
    }
}

/// A signal, as the system calls it.
pub fn named(signal: Signal) -> rustix::process::Signal {
    match signal {
        Signal::Kill => rustix::process::Signal::KILL,
        Signal::Term => rustix::process::Signal::TERM,
        Signal::Int => rustix::process::Signal::INT,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Waits once before it is done.
    struct Slow<'a>(&'a Mutex<Vec<&'static str>>);

    impl Slow<'static> {
        fn say(&self, what: &'static str) {
            self.0.lock().expect("words").push(what);
        }
    }

    impl Victim for Slow<'static> {
        fn end(&self, _: Signal) -> Doing<'_> {
            Box::pin(async {
                self.say("signal");
                tokio::task::yield_now().await;
                self.say("ended");
            })
        }

        fn start(&self) -> Doing<'_> {
            Box::pin(async {})
        }
    }

    #[tokio::test]
    async fn requests_pass_again_after_the_signal_and_before_the_end() {
        static SAID: Mutex<Vec<&str>> = Mutex::new(Vec::new());
        let sent = Box::new(|| SAID.lock().expect("words").push("sent"));
        Slow(&SAID).end_and_say(Signal::Term, sent).await;
        assert_eq!(*SAID.lock().expect("words"), ["signal", "sent", "ended"]);
    }
}
