//! Whoever is killed.

use std::{future::Future, pin::Pin, time::Duration};

use rustix::{
    io::Errno,
    process::{Pid, kill_process, kill_process_group, test_kill_process},
};
use tokio::time::sleep;

use crate::plan::Signal;

/// What is done to it, in its own time.
pub type Doing<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Whoever sends requests through the proxy, and can be killed and started again.
pub trait Victim: Send + Sync + 'static {
    /// Sends it a signal, and waits until it has ended.
    fn end(&self, signal: Signal) -> Doing<'_>;
    /// Starts it again; does not wait until it is ready.
    fn start(&self) -> Doing<'_>;
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

/// A process that somebody else started, and starts again.
pub struct Process(Pid);

impl Process {
    /// By its id, if there is one.
    pub fn new(id: u32) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(id).ok()?)?;
        test_kill_process(pid).is_ok().then_some(Self(pid))
    }
}

impl Victim for Process {
    fn end(&self, signal: Signal) -> Doing<'_> {
        Box::pin(async move {
            let _ = kill_process(self.0, of(signal));
            while test_kill_process(self.0) != Err(Errno::SRCH) {
                sleep(Duration::from_millis(2)).await;
            }
        })
    }

    fn start(&self) -> Doing<'_> {
        Box::pin(async {})
    }
}

/// Sends a signal to all of a group of processes. 0 is none.
pub fn signal_group(leader: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // A group that has ended is what is wanted.
        let _ = kill_process_group(pid, of(signal));
    }
}

fn of(signal: Signal) -> rustix::process::Signal {
    match signal {
        Signal::Kill => rustix::process::Signal::KILL,
        Signal::Term => rustix::process::Signal::TERM,
        Signal::Int => rustix::process::Signal::INT,
    }
}
