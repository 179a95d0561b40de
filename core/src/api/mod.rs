//! What people write, and what the operator answers: types only.
//!
//! The CustomResourceDefinitions are generated from these types ([`crds`]). Every string and list
//! has a limit, every load-bearing name stands in [`names`], and a field is here only once it
//! works.

pub mod boundary;
pub mod class;
pub mod condition;
pub mod crds;
pub mod customize;
pub mod drift;
pub mod duration;
pub mod environment;
pub mod evidence;
pub mod grant;
pub mod identity;
pub mod lifecycle;
pub mod names;
pub mod phase;
pub mod rebuild;
pub mod registry;
pub mod request;
mod schema;
pub mod secrets;
pub mod staging_plan;
pub mod status;
pub mod task;
mod words;
