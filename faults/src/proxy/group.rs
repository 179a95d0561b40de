//! A group of processes: a command and what it has started.

use std::{fs, time::Duration};

use rustix::process::{Pid, kill_process_group, test_kill_process_group};
use tokio::time::sleep;

use super::victim::named;
use crate::plan::Signal;

/// A group of processes, by the one that leads it or has led it.
#[derive(Clone, Copy)]
pub struct Group(Option<Pid>);

impl Group {
    /// Of a process that was started as the first of a group; none for one that has ended.
    pub fn of(leader: Option<u32>) -> Self {
        Self(leader.and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw))
    }

    /// Sends all of them a signal.
    pub fn send(self, signal: Signal) {
        if let Some(leader) = self.0 {
            // A group that has ended is what is wanted.
            let _ = kill_process_group(leader, named(signal));
        }
    }

    /// Waits until none of them is left.
    pub async fn ended(self) {
        while self.lives() {
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn lives(self) -> bool {
        let Some(leader) = self.0 else { return false };
        test_kill_process_group(leader).is_ok() && is_there(leader.as_raw_pid())
    }
}

/// Whether a group has a process that has not ended. Those that wait to be asked how they ended count
/// for the system, and in a container nobody may ever ask.
fn is_there(group: i32) -> bool {
    let Ok(all) = fs::read_dir("/proc") else { return true };
    let mut texts =
        all.flatten().filter_map(|it| fs::read_to_string(it.path().join("stat")).ok()).peekable();
    if texts.peek().is_none() {
        // There is no such system here: what it says itself counts.
        return true;
    }
    texts.any(|it| {
        // `id (name) state parent group`, and a name may hold all of this.
        let mut fields = it.rsplit(')').next().unwrap_or_default().split_whitespace();
        let (state, of) = (fields.next(), fields.nth(1).and_then(|it| it.parse().ok()));
        of == Some(group) && !matches!(state, Some("Z" | "X"))
    })
}
