//! The pure half of Kulisse.
//!
//! Nothing here sees a Kubernetes client, a clock, randomness or the process environment: what a
//! function needs, it is given. The same input therefore gives the same plan and the same next
//! step, on a laptop and in the cluster.
//!
//! ```text
//! api        WHAT PEOPLE WRITE      StagingEnvironment, StagingClass, StagingGrant, StagingPlan
//!   │
//! secrets    VALUES → RECIPES       values are sealed as soon as they are read
//!   │
//! plan       MANIFESTS → PLAN       select ▸ strip ▸ relocate ▸ isolate ▸ scale ▸ secrets ▸ …
//!   │
//! lifecycle  FACTS → NEXT STEP      next(&Facts) -> Step, and the status that follows from it
//! ```
//!
//! The edge (package `kulisse`) reads the cluster into this package's types and carries out what
//! it answers.

pub mod api;
pub mod lease;
pub mod lifecycle;
pub mod plan;
pub mod secrets;
