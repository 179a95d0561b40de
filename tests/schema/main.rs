//! The definitions: equal to the generator, shaped as the conventions ask, and refusing what they
//! should. No cluster is needed.

#[path = "../support/mod.rs"]
mod support;

mod refuses;
mod shape;
