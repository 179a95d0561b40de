//! Watches that do not rely on having been told everything.

use std::{fmt::Debug, future::ready, time::Duration};

use futures::{Stream, StreamExt, TryStreamExt, stream};
use kube::{
    Api, Resource,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::time::sleep;

/// Seconds after which the API server ends a watch, which is then begun again where it ended: one that
/// has fallen silent without an end is given up 5 s later.
const WATCHED: u32 = 60;
/// After so long a watch begins with a list again: what it was never told is found out then.
const LISTED: Duration = Duration::from_mins(5);

/// What there is, then what happens to it, and from time to time what there is again.
pub fn follow<K>(
    api: Api<K>,
    config: watcher::Config,
) -> impl Stream<Item = watcher::Result<Event<K>>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = config.timeout(WATCHED);
    let anew =
        move || watcher(api.clone(), config.clone()).default_backoff().take_until(sleep(LISTED));
    stream::repeat_with(anew).flatten().try_filter(|event| ready(is_named(event)))
}

/// Nothing without a name is stored anywhere; whoever sends one all the same sends nothing.
fn is_named<K: Resource>(event: &Event<K>) -> bool {
    match event {
        Event::Apply(it) | Event::Delete(it) | Event::InitApply(it) => it.meta().name.is_some(),
        Event::Init | Event::InitDone => true,
    }
}

#[cfg(test)]
mod tests;
