//! What can be seen of the operator from outside: logs, metrics, health.

pub mod http;
pub mod logs;
pub mod metrics;
