//! Watches that do not rely on having been told everything.

use std::{fmt::Debug, future::ready, time::Duration};

use futures::{Stream, StreamExt, TryStreamExt, stream};
use http::Request;
use kube::{
    Api, Client, Resource,
    client::Body,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, sleep_until};

/// Seconds after which the API server ends a watch, which is then begun again where it ended: one that
/// has fallen silent without an end is given up 5 s later.
const WATCHED: u32 = 60;
/// After so long a watch begins with a list again: what it was never told is found out then.
const LISTED: Duration = Duration::from_mins(5);

/// Objects that a list has at once: how large each is, others decide.
const PAGE: u32 = 100;
/// A watch is begun at most once in so long, whoever ends it, and however soon.
const PAUSE: Duration = Duration::from_secs(1);

/// What there is in the whole cluster, then what happens to it, and from time to time what there is
/// again.
pub fn follow<K>(
    client: Client,
    config: watcher::Config,
) -> impl Stream<Item = watcher::Result<Event<K>>> + Send
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let (api, config) = (Api::<K>::all(paced(client)), config.timeout(WATCHED).page_size(PAGE));
    let anew =
        move || watcher(api.clone(), config.clone()).default_backoff().take_until(sleep(LISTED));
    stream::repeat_with(anew).flatten().try_filter(|event| ready(is_named(event)))
}

/// The client of one watch. A watch that is ended is begun again without a pause, which is right once: a
/// proxy that ends each at once would be asked as fast as it answers.
fn paced(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let mut next = Instant::now();
    let service = tower::service_fn(move |request: Request<Body>| {
        let client = client.clone();
        let begins = request.uri().query().is_some_and(|it| it.contains("watch=true"));
        let from = next.max(Instant::now());
        if begins {
            next = from + PAUSE;
        }
        async move {
            if begins {
                sleep_until(from).await;
            }
            client.send(request).await
        }
    });
    Client::new(service, namespace)
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
