//! What an operator does when it is killed and lied to.
//!
//! ```text
//! request   METHOD AND PATH → WHAT IS ASKED   as the API server understands it
//! plan      TEXT ↔ FAULTS                     which requests, which of them, what happens to them
//! schedule  PLAN + REQUESTS → ACTIONS         counts, and says what happens to each
//! learn     WHAT WAS SEEN → PLANS             every single fault of a life
//! proxy     between an operator and a real API server (feature `proxy`)
//! ```
//!
//! All but the proxy are pure: no network, no clock, no randomness. They serve it and simulated API
//! servers alike.

pub mod learn;
pub mod plan;
#[cfg(feature = "proxy")]
pub mod proxy;
pub mod request;
pub mod schedule;
