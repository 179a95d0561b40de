//! A process that somebody else started, and starts again.

use std::time::Duration;

use rustix::process::{Pid, test_kill_process};
use tokio::time::timeout;

use super::victim::{Doing, Sent, Victim};
use crate::plan::Signal;

/// A process that somebody else started, and starts again: under another id, so that it is killed once.
pub struct Process(Handle);

impl Process {
    /// By its id, if there is one that we may end.
    pub fn new(id: u32) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(id).ok()?)?;
        test_kill_process(pid).ok()?;
        Handle::of(pid).map(Self)
    }
}

impl Victim for Process {
    fn end(&self, signal: Signal) -> Doing<'_> {
        self.end_and_say(signal, Box::new(|| ()))
    }

    fn start(&self) -> Doing<'_> {
        Box::pin(async {})
    }

    fn end_and_say(&self, signal: Signal, sent: Sent) -> Doing<'_> {
        /// It is not ours: who may not end is left alone after this.
        const PATIENCE: Duration = Duration::from_secs(30);
        Box::pin(async move {
            self.0.send(signal);
            sent();
            if timeout(PATIENCE, self.0.ended()).await.is_err() {
                let (word, seconds) = (signal.word(), PATIENCE.as_secs());
                eprintln!("kube-faults: the process has not ended {seconds} s after {word}");
            }
        })
    }
}

#[cfg(target_os = "linux")]
use linux::Handle;
#[cfg(not(target_os = "linux"))]
use other::Handle;

#[cfg(target_os = "linux")]
mod linux {
    use std::{os::fd::OwnedFd, time::Duration};

    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        io::Errno,
        process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal},
    };
    use tokio::time::sleep;

    use crate::{plan::Signal, proxy::victim::named};

    /// This process, and no other one that gets its id.
    pub struct Handle(OwnedFd);

    impl Handle {
        pub fn of(pid: Pid) -> Option<Self> {
            pidfd_open(pid, PidfdFlags::empty()).ok().map(Self)
        }

        pub fn send(&self, signal: Signal) {
            // One that has ended is what is wanted.
            let _ = pidfd_send_signal(&self.0, named(signal));
        }

        /// Its descriptor is readable once it has ended, whether or not somebody asked how.
        pub async fn ended(&self) {
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            loop {
                let mut all = [PollFd::new(&self.0, PollFlags::IN)];
                match poll(&mut all, Some(&now)) {
                    Ok(0) | Err(Errno::INTR) => sleep(Duration::from_millis(5)).await,
                    Ok(_) | Err(_) => return,
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::time::Duration;

    use rustix::process::{Pid, kill_process, test_kill_process};
    use tokio::time::sleep;

    use crate::{plan::Signal, proxy::victim::named};

    /// This process, as long as its id is not given to another one.
    pub struct Handle(Pid);

    impl Handle {
        #[allow(clippy::unnecessary_wraps, reason = "elsewhere there may be none")]
        pub fn of(pid: Pid) -> Option<Self> {
            Some(Self(pid))
        }

        pub fn send(&self, signal: Signal) {
            let _ = kill_process(self.0, named(signal));
        }

        pub async fn ended(&self) {
            while test_kill_process(self.0).is_ok() {
                sleep(Duration::from_millis(5)).await;
            }
        }
    }
}
