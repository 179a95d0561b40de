//! Fresh rights: until a RoleBinding holds, refusals are not believed.

use std::time::Duration;

use tokio::time::Instant;

use super::error::Error;

/// For so long after it was made.
const RIGHTS_SETTLE: Duration = Duration::from_secs(5);

/// When fresh rights hold. All that is applied together waits for them once.
pub fn settle() -> Instant {
    Instant::now() + RIGHTS_SETTLE
}

/// Repeats what is forbidden, until fresh rights hold.
pub async fn settled<T, F>(settle: Instant, request: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut pause = Duration::from_millis(10);
    loop {
        match request().await {
            Err(error) if error.code() == 403 && unsettled(&error) && Instant::now() < settle => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(500));
            }
            other => return other,
        }
    }
}

/// Whether a refusal is one of missing rights and not one of a policy, which would not change.
fn unsettled(error: &Error) -> bool {
    match error {
        Error::Api { words, .. } => {
            (words.contains("cannot")
                && words.contains("in API group")
                && !words.contains("violates"))
                || words.starts_with("Forbidden")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn fresh_rights_are_waited_for_once_for_all_that_is_applied_together() {
        let forbidden = || async {
            let words = "cannot create resource \"widgets\" in API group \"example.com\"";
            let api = |words: &str| Error::Api {
                what: String::new(),
                words: words.to_owned(),
                code: 403,
                reason: "Forbidden".to_owned(),
            };
            Err::<(), Error>(api(words))
        };
        let (begun, settle) = (Instant::now(), settle());
        for _ in 0..100 {
            assert!(settled(settle, forbidden).await.is_err());
        }
        assert!(begun.elapsed() < RIGHTS_SETTLE * 2, "{:?}", begun.elapsed());
    }
}
