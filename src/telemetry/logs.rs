//! Structured logs, one span per pass.
//!
//! Logs are for whoever runs the operator. Whoever uses an environment reads its conditions.

use clap::ValueEnum;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging to standard error. `filter` as in `kulisse=debug,kube=warn`.
///
/// # Errors
///
/// If the filter cannot be read, or logging was started before.
pub fn start(format: Format, filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)?;
    let base = tracing_subscriber::registry().with(filter);
    match format {
        Format::Text => base.with(fmt::layer().with_writer(std::io::stderr)).try_init()?,
        Format::Json => {
            base.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr))
                .try_init()?;
        }
    }
    Ok(())
}
