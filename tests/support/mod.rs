//! What the tests share: real clusters, the operator as a process, and waiting for outcomes.
#![allow(dead_code, reason = "each test binary uses another part of it")]

pub mod audit;
pub mod canary;
pub mod cluster;
pub mod environment;
pub mod exchanges;
pub mod extent;
pub mod leaks;
pub mod objects;
pub mod operator;
pub mod pods;
pub mod refusals;
pub mod suite;
pub mod tools;
pub mod wait;
