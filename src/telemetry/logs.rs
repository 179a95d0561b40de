//! Structured logs, one span per pass.
//!
//! Logs are for whoever runs the operator. Whoever uses an environment reads its conditions. No filter
//! lets a line through that holds what the API server has answered: that may be Secrets.

use clap::ValueEnum;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, filter::filter_fn, fmt, layer::SubscriberExt, registry::LookupSpan,
    util::SubscriberInitExt,
};

/// Where the client quotes answers, at every level but errors: whole ones that it cannot read, and what
/// the server says of a Secret that it refuses.
const QUOTES: &str = "kube_client::client";

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
    let base = filtered(filter)?;
    match format {
        Format::Text => base.with(fmt::layer().with_writer(std::io::stderr)).try_init()?,
        Format::Json => {
            base.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr))
                .try_init()?;
        }
    }
    Ok(())
}

/// What is logged: what the filter says, without what quotes answers. That is no directive of the
/// filter, since those on spans go before those on targets.
///
/// # Errors
///
/// If the filter cannot be read.
pub fn filtered(
    filter: &str,
) -> anyhow::Result<impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync + use<>> {
    let filter = EnvFilter::try_new(filter)?;
    Ok(tracing_subscriber::registry().with(filter).with(filter_fn(quotes_nothing)))
}

fn quotes_nothing(line: &Metadata<'_>) -> bool {
    *line.level() == Level::ERROR || !line.target().starts_with(QUOTES)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use ::http::{Request, Response};
    use k8s_openapi::api::core::v1::Secret;
    use kube::{Api, Client, api::ListParams, client::Body};

    use super::*;

    /// What was logged.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is logged by this filter of Secrets whose list breaks off, or is refused.
    async fn logged(filter: &str, code: u16, answer: &'static str) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        let logs = tracing::subscriber::set_default(filtered(filter).unwrap().with(layer));
        let service = tower::service_fn(move |_: Request<Body>| async move {
            Response::builder().status(code).body(Body::from(answer.as_bytes().to_vec()))
        });
        let pass = tracing::info_span!("pass");
        let secrets: Api<Secret> = Api::namespaced(Client::new(service, "shop"), "shop");
        let list = async {
            tracing::info!("a pass");
            secrets.list(&ListParams::default()).await
        };
        assert!(tracing::Instrument::instrument(list, pass).await.is_err());
        drop(logs);
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[tokio::test]
    async fn no_filter_logs_what_an_answer_holds() {
        let cut = r#"{"kind":"SecretList","items":[{"metadata":{"name":"db"},"data":{"password":"aHVudGVyMg=="#;
        let refused = r#"{"kind":"Status","status":"Failure","code":422,"message":"Invalid value: aHVudGVyMg=="}"#;
        for filter in ["info,kube=warn", "trace", "info,kube_client::client=trace", "[pass]=trace"]
        {
            for (code, answer) in [(200, cut), (422, refused)] {
                let lines = logged(filter, code, answer).await;
                assert!(lines.contains("a pass"), "{filter}: {lines}");
                assert!(!lines.contains("aHVudGVyMg"), "{filter}: {lines}");
            }
        }
    }
}
