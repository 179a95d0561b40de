//! Kulisse gives every pull request its own staging environment: cloned from what production
//! runs, unable to reach production, seeded, tested, and gone on time.
//!
//! ```text
//!  apply StagingEnvironment
//!    │  granted?
//!    ▼
//!  capture ──► plan ──► boundary check ──► namespace + fence ──► config, stores ──► seed ──► workloads ──► smoke ──► Ready
//!  (reads)    (pure)       (pure)             (+ probe)                            (Jobs)                 (Jobs)      │
//!  gone ◄── teardown ◄── expired or deleted ◄─────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The pure half (types, planner, lifecycle) is the package `kulisse-core`. Here is the edge:
//! [`controller`] reads and writes the cluster, `registry` fetches artefacts of manifests, [`run`] puts the operator together, [`probe`] runs
//! inside a target, [`cli`] is what people type.

mod cause;
pub mod cli;
pub mod controller;
pub mod key;
pub mod leader;
pub mod probe;
mod readable;
mod registry;
pub mod run;
mod seats;
pub mod shard;
pub mod telemetry;
mod wakes;
mod watches;
