//! What is shown in examples/ works: each file of ours fits the definitions, and the health checks
//! say what they should of statuses that were recorded on a real cluster.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where it fails, and prints what it measured"
)]

#[path = "../support/mod.rs"]
mod support;

mod actions;
mod argocd;
mod flux;
mod health;
mod manifests;
