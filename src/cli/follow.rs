//! Following environments: what goes wrong for a moment is tried again, and said.

use std::time::Duration;

use anyhow::Result;
use futures::{Stream, TryStreamExt};
use kube::runtime::watcher;

use super::cluster::explained;

/// How often what is shown is drawn anew while nothing changes: it has times in it.
const AGAIN: Duration = Duration::from_secs(10);
/// What asking again does not mend: not logged in, not allowed, not installed.
const LASTING: [u16; 3] = [401, 403, 404];

/// What is known after a while.
#[derive(Debug, PartialEq)]
pub enum News<T> {
    /// Something has happened.
    Event(T),
    /// Nothing has.
    None,
    /// The API server does not answer, or not as it should; it is asked again.
    Away,
}

/// What stands in a picture that may be old.
pub const AWAY: &str = "the API server does not answer: it is asked again";

/// Waits a while for what happens next; nothing when there is no more to come.
///
/// # Errors
///
/// If asking again is of no use.
pub async fn news<T>(
    stream: &mut (impl Stream<Item = Result<T, watcher::Error>> + Unpin),
) -> Result<Option<News<T>>> {
    match tokio::time::timeout(AGAIN, stream.try_next()).await {
        Err(_) => Ok(Some(News::None)),
        Ok(Ok(event)) => Ok(event.map(News::Event)),
        Ok(Err(
            watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error),
        )) if matches!(&error, kube::Error::Api(it) if LASTING.contains(&it.code)) => {
            Err(explained(error, "follow environments"))
        }
        Ok(Err(_)) => Ok(Some(News::Away)),
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use kube::core::Status;

    use super::*;

    fn failed(code: u16) -> Result<(), watcher::Error> {
        let status = Status { code, ..Status::default() };
        Err(watcher::Error::WatchStartFailed(kube::Error::Api(status.boxed())))
    }

    #[tokio::test]
    async fn what_passes_is_waited_out_and_what_lasts_is_an_error() {
        let mut stream = stream::iter([failed(503), Ok(()), failed(403)]);
        assert_eq!(news(&mut stream).await.unwrap(), Some(News::Away));
        assert_eq!(news(&mut stream).await.unwrap(), Some(News::Event(())));
        let error = news(&mut stream).await.unwrap_err();
        assert!(error.to_string().contains("you may not follow environments"), "{error}");
        assert_eq!(news(&mut stream).await.unwrap(), None);
    }
}
