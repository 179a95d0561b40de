//! The definitions: equal to the generator, shaped as the conventions ask, and refusing what they
//! should. No cluster is needed.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where it fails, and prints what it measured"
)]

#[path = "../support/mod.rs"]
mod support;

mod refuses;
mod shape;
