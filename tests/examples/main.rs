//! What is shown in examples/ works: each file of ours fits the definitions, and the health check
//! says what it should of statuses that were recorded on a real cluster.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where it fails, and prints what it measured"
)]

#[path = "../support/mod.rs"]
mod support;

mod health;
mod manifests;
