//! The whole operator in a simulated cluster, under virtual time: a life takes milliseconds, and any
//! request of it can be hit by any fault.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where it fails, and prints what it found"
)]

mod amid;
#[path = "../support/canary.rs"]
mod canary;
mod cluster;
mod conformance;
mod deleted;
#[path = "../support/exchanges.rs"]
mod exchanges;
#[path = "../support/extent.rs"]
mod extent;
mod followed;
mod hostile;
mod last;
mod life;
mod lives;
mod log;
mod normal;
mod oracle;
mod probed;
mod rebuilt;
mod renewed;
mod resync;
mod server;
mod sleepless;
mod stalled;
mod stored;
mod stream;
mod table;
mod unfenced;
mod unreadable;
mod vanished;

use kube_faults::plan::Plan;
use life::{Life, Stage};
use oracle::{Verdict, judge};

#[test]
fn an_environment_comes_up_expires_and_leaves_nothing() {
    let life = Life::live(Plan::nothing(), 1);
    assert_eq!(life.stage, Stage::Done, "{:?}", life.wrong);
    assert_eq!(judge(&life, None), Verdict::default());
    assert!(life.ready.len() > 20, "{}", life.ready.len());
    assert_eq!(life.operators, 1);
}

#[test]
fn a_life_is_the_same_whatever_the_order_in_which_answers_come() {
    let well = Life::live(Plan::nothing(), 1);
    for seed in 2..6 {
        let life = Life::live(Plan::nothing(), seed);
        assert_eq!(judge(&life, Some(&well)), Verdict::default(), "seed {seed}");
    }
}
